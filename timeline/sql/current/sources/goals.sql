-- Reaching a goal.
CREATE OR REPLACE FUNCTION timeline_entries(source goals)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('goals', source.id, 'entry', 0) AS id,
    'goal_completion' AS activity_type,
    source.completed_at AS created_at,
    NULL::uuid AS video_id,
    NULL::integer AS video_timestamp_seconds,
    NULL::uuid AS course_id,
    NULL::uuid AS lesson_id,
    source.id AS goal_id,
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
    'goals' AS source_table,
    source.id AS source_id
WHERE source.completed_at IS NOT NULL;
END;
