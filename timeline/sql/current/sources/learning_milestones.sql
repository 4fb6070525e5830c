-- A checkpoint of a video, at the second where it stood when it was reached.
CREATE OR REPLACE FUNCTION timeline_entries(source learning_milestones)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('learning_milestones', source.id, 'entry', 0) AS id,
    'checkpoint_reached' AS activity_type,
    source.reached_at AS created_at,
    source.video_id AS video_id,
    source.video_timestamp_seconds AS video_timestamp_seconds,
    place.course_id AS course_id,
    place.lesson_id AS lesson_id,
    (
        SELECT CASE WHEN goal_periods.period @> source.reached_at THEN goal_periods.goal_id END FROM goal_periods
        WHERE goal_periods.student_id = source.student_id AND lower(goal_periods.period) <= source.reached_at
        ORDER BY lower(goal_periods.period) DESC LIMIT 1
    ) AS goal_id,
    NULL::uuid AS quiz_id,
    NULL::text AS content,
    jsonb_strip_nulls(jsonb_build_object('checkpoint_id', source.checkpoint_id)) AS metadata,
    NULL::text AS media_url,
    NULL::text AS media_type,
    NULL::integer AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'learning_milestones' AS source_table,
    source.id AS source_id
FROM (SELECT) AS one_row
LEFT JOIN LATERAL (
    SELECT course_chapters.course_id, media_files.lesson_id
    FROM media_files JOIN course_chapters ON course_chapters.id = media_files.lesson_id
    WHERE media_files.id = source.video_id
    LIMIT 1
) AS place ON true;
END;
