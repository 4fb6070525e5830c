-- Enrolling, and completing the course. Leaving it changes nothing.
CREATE OR REPLACE FUNCTION timeline_entries(source enrollments)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('enrollments', source.id, step.what, 0) AS id,
    step.activity_type AS activity_type,
    step.at AS created_at,
    NULL::uuid AS video_id,
    NULL::integer AS video_timestamp_seconds,
    source.course_id AS course_id,
    NULL::uuid AS lesson_id,
    (
        SELECT CASE WHEN goal_periods.period @> step.at THEN goal_periods.goal_id END FROM goal_periods
        WHERE goal_periods.student_id = source.student_id AND lower(goal_periods.period) <= step.at
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
    'enrollments' AS source_table,
    source.id AS source_id
FROM (
    VALUES
        ('enrollment', 'course_enrollment', source.enrolled_at),
        ('completion', 'course_completion', source.completed_at)
) AS step (what, activity_type, at)
WHERE step.at IS NOT NULL;
END;
