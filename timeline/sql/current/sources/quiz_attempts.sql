-- One entry when an attempt is started, with its score once it is submitted, and one more when it passed.
-- A quiz inside a video stands at its second of the video.
CREATE OR REPLACE FUNCTION timeline_entries(source quiz_attempts)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('quiz_attempts', source.id, step.what, 0) AS id,
    step.activity_type AS activity_type,
    step.at AS created_at,
    place.video_id AS video_id,
    place.video_timestamp_seconds AS video_timestamp_seconds,
    place.course_id AS course_id,
    place.lesson_id AS lesson_id,
    (
        SELECT CASE WHEN goal_periods.period @> step.at THEN goal_periods.goal_id END FROM goal_periods
        WHERE goal_periods.student_id = source.student_id AND lower(goal_periods.period) <= step.at
        ORDER BY lower(goal_periods.period) DESC LIMIT 1
    ) AS goal_id,
    source.quiz_id AS quiz_id,
    NULL::text AS content,
    jsonb_strip_nulls(jsonb_build_object('score', source.score, 'passed', source.passed)) AS metadata,
    NULL::text AS media_url,
    NULL::text AS media_type,
    NULL::integer AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'quiz_attempts' AS source_table,
    source.id AS source_id
FROM (
    VALUES
        ('attempt', 'quiz_attempt', source.started_at, true),
        ('completion', 'quiz_completion', source.submitted_at, source.passed)
) AS step (what, activity_type, at, happened)
LEFT JOIN LATERAL (
    SELECT course_chapters.course_id, quizzes.lesson_id, quizzes.video_id, quizzes.video_timestamp_seconds
    FROM quizzes JOIN course_chapters ON course_chapters.id = quizzes.lesson_id
    WHERE quizzes.id = source.quiz_id
    LIMIT 1
) AS place ON true
WHERE step.happened;
END;
