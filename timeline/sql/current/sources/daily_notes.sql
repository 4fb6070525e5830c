-- Hidden, a note has no entry.
CREATE OR REPLACE FUNCTION timeline_entries(source daily_notes)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('daily_notes', source.id, 'entry', 0) AS id,
    'daily_note' AS activity_type,
    source.created_at AS created_at,
    NULL::uuid AS video_id,
    NULL::integer AS video_timestamp_seconds,
    NULL::uuid AS course_id,
    NULL::uuid AS lesson_id,
    (
        SELECT CASE WHEN goal_periods.period @> source.created_at THEN goal_periods.goal_id END FROM goal_periods
        WHERE goal_periods.student_id = source.student_id AND lower(goal_periods.period) <= source.created_at
        ORDER BY lower(goal_periods.period) DESC LIMIT 1
    ) AS goal_id,
    NULL::uuid AS quiz_id,
    source.content AS content,
    jsonb_strip_nulls(jsonb_build_object('edited', CASE WHEN source.edited_at IS NOT NULL THEN true END)) AS metadata,
    source.media_url AS media_url,
    source.media_type AS media_type,
    source.media_duration_seconds AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'daily_notes' AS source_table,
    source.id AS source_id
WHERE source.hidden_at IS NULL;
END;
