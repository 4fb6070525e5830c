CREATE OR REPLACE FUNCTION timeline_entries(source lesson_completions)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('lesson_completions', source.id, 'entry', 0) AS id,
    'lesson_completion' AS activity_type,
    source.completed_at AS created_at,
    NULL::uuid AS video_id,
    NULL::integer AS video_timestamp_seconds,
    place.course_id AS course_id,
    source.lesson_id AS lesson_id,
    (
        SELECT CASE WHEN goal_periods.period @> source.completed_at THEN goal_periods.goal_id END FROM goal_periods
        WHERE goal_periods.student_id = source.student_id AND lower(goal_periods.period) <= source.completed_at
        ORDER BY lower(goal_periods.period) DESC LIMIT 1
    ) AS goal_id,
    NULL::uuid AS quiz_id,
    NULL::text AS content,
    '{}'::jsonb AS metadata,
    NULL::text AS media_url,
    NULL::text AS media_type,
    NULL::integer AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'lesson_completions' AS source_table,
    source.id AS source_id
FROM (SELECT) AS one_row
LEFT JOIN LATERAL (
    SELECT course_chapters.course_id FROM course_chapters
    WHERE course_chapters.id = source.lesson_id
    LIMIT 1
) AS place ON true;
END;
