-- One entry for every tenth that was reached, at that position of the video; the tenth of
-- them is the completion (the video's own threshold, not 100 %), at the last second watched
-- (of those that the video still has).
CREATE OR REPLACE FUNCTION timeline_entries(source video_progress)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('video_progress', source.id, 'tenth', step.tenth::integer) AS id,
    CASE WHEN step.tenth < 10 THEN 'video_progress' ELSE 'video_completion' END AS activity_type,
    step.reached_at AS created_at,
    source.video_id AS video_id,
    coalesce(
        CASE
            WHEN step.tenth < 10 THEN (place.duration_seconds * step.tenth / 10)::integer
            ELSE least(upper(source.watched), place.duration_seconds) - 1
        END,
        0 -- for a moment, in the middle of a statement that deletes the video
    ) AS video_timestamp_seconds,
    place.course_id AS course_id,
    place.lesson_id AS lesson_id,
    (
        SELECT CASE WHEN goal_periods.period @> step.reached_at THEN goal_periods.goal_id END FROM goal_periods
        WHERE goal_periods.student_id = source.student_id AND lower(goal_periods.period) <= step.reached_at
        ORDER BY lower(goal_periods.period) DESC LIMIT 1
    ) AS goal_id,
    NULL::uuid AS quiz_id,
    NULL::text AS content,
    CASE WHEN step.tenth < 10 THEN jsonb_build_object('percent', step.tenth * 10) ELSE '{}'::jsonb END AS metadata,
    NULL::text AS media_url,
    NULL::text AS media_type,
    NULL::integer AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'video_progress' AS source_table,
    source.id AS source_id
FROM unnest(array_append(source.tenth_reached_at, source.completed_at)) WITH ORDINALITY AS step (reached_at, tenth)
LEFT JOIN LATERAL (
    SELECT course_chapters.course_id, media_files.lesson_id, media_files.duration_seconds
    FROM media_files JOIN course_chapters ON course_chapters.id = media_files.lesson_id
    WHERE media_files.id = source.video_id
    LIMIT 1
) AS place ON true
WHERE step.reached_at IS NOT NULL;
END;
