-- A milestone belongs to its own goal; planned but not reached, it has no entry.
CREATE OR REPLACE FUNCTION timeline_entries(source goal_milestones)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('goal_milestones', source.id, 'entry', 0) AS id,
    'goal_milestone' AS activity_type,
    source.reached_at AS created_at,
    NULL::uuid AS video_id,
    NULL::integer AS video_timestamp_seconds,
    NULL::uuid AS course_id,
    NULL::uuid AS lesson_id,
    source.goal_id AS goal_id,
    NULL::uuid AS quiz_id,
    source.title AS content,
    '{}'::jsonb AS metadata,
    NULL::text AS media_url,
    NULL::text AS media_type,
    NULL::integer AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'goal_milestones' AS source_table,
    source.id AS source_id
WHERE source.reached_at IS NOT NULL;
END;
