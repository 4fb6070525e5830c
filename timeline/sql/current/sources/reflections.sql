-- A reflection waits for an instructor's answer until it has one; hidden, it has no entry.
CREATE OR REPLACE FUNCTION timeline_entries(source reflections)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('reflections', source.id, 'entry', 0) AS id,
    CASE source.media_type
        WHEN 'audio' THEN 'voice_reflection'
        WHEN 'image' THEN 'screenshot_reflection'
        WHEN 'video' THEN 'loom_reflection'
        ELSE 'text_reflection'
    END AS activity_type,
    source.created_at AS created_at,
    source.video_id AS video_id,
    source.video_timestamp_seconds AS video_timestamp_seconds,
    place.course_id AS course_id,
    place.lesson_id AS lesson_id,
    (
        SELECT CASE WHEN goal_periods.period @> source.created_at THEN goal_periods.goal_id END FROM goal_periods
        WHERE goal_periods.student_id = source.student_id AND lower(goal_periods.period) <= source.created_at
        ORDER BY lower(goal_periods.period) DESC LIMIT 1
    ) AS goal_id,
    NULL::uuid AS quiz_id,
    source.content AS content,
    jsonb_strip_nulls(jsonb_build_object(
        'sentiment', source.sentiment,
        'edited', CASE WHEN source.edited_at IS NOT NULL THEN true END,
        'response_edited', CASE WHEN source.response_edited_at IS NOT NULL THEN true END
    )) AS metadata,
    source.media_url AS media_url,
    source.media_type AS media_type,
    source.media_duration_seconds AS media_duration_seconds,
    true AS requires_response,
    CASE WHEN source.responded_at IS NULL THEN 'pending' ELSE 'responded' END AS response_status,
    source.instructor_response AS instructor_response,
    source.responded_at AS responded_at,
    source.responded_by AS responded_by,
    'reflections' AS source_table,
    source.id AS source_id
FROM (SELECT) AS one_row
LEFT JOIN LATERAL (
    SELECT course_chapters.course_id, media_files.lesson_id
    FROM media_files JOIN course_chapters ON course_chapters.id = media_files.lesson_id
    WHERE media_files.id = source.video_id
    LIMIT 1
) AS place ON true
WHERE source.hidden_at IS NULL;
END;
