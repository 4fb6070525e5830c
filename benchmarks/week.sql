-- What the students of school.sql do in the week %(week)s of the year, in order of time.
CREATE TEMP TABLE active ON COMMIT DROP AS
SELECT *, (100 * n + %(week)s)::bigint AS place,
    -- How many of their videos they had seen before, and have by the end of the week.
    videos * (%(week)s - joined) / (52 - joined) AS seen,
    videos * (%(week)s - joined + 1) / (52 - joined) AS seeing,
    -- On how many days they are here.
    1 + floor(5 * benchmark.draw(100 * n + %(week)s, 20))::integer AS days
FROM benchmark.student, (SELECT since + 7 * %(week)s AS monday, until FROM benchmark.school) AS school
WHERE joined <= %(week)s;

CREATE TEMP TABLE watching ON COMMIT DROP AS
SELECT active.id AS student_id, video.*, spot, at, least(duration * share, duration)::integer AS watched
FROM (
    SELECT active.*, position, n * 1000 + position AS spot,
        benchmark.moment(
            monday + floor(7 * benchmark.draw(place, 21 + position %% days))::integer,
            benchmark.draw(n * 1000 + position, 26)
        ) AS at,
        0.25 + 1.1 * benchmark.draw(n * 1000 + position, 27) AS share
    FROM active, generate_series(seen, seeing - 1) AS position
) AS active
JOIN benchmark.enrolled ON enrolled.n = active.n AND enrolled.nth = 1 + position / 20
JOIN benchmark.video ON video.n = 20 * (enrolled.course - 1) + position %% 20;

INSERT INTO video_progress (id, student_id, video_id, watched, watched_at)
SELECT benchmark.id(at, spot, 30), student_id, id, int4multirange(int4range(0, watched)), at FROM watching ORDER BY at;
INSERT INTO learning_milestones (id, student_id, checkpoint_id, video_id, video_timestamp_seconds, reached_at)
SELECT benchmark.id(at, spot, 31 + nth), student_id, checkpoint_id, id, second, at
FROM watching, LATERAL (
    VALUES (0, first_checkpoint_id, duration / 4), (1, second_checkpoint_id, duration * 3 / 4)
) AS checkpoint (nth, checkpoint_id, second)
WHERE second < watched ORDER BY at;
INSERT INTO lesson_completions (id, student_id, lesson_id, completed_at)
SELECT benchmark.id(at, spot, 33), student_id, lesson_id, at FROM watching WHERE watched = duration ORDER BY at;

-- Everything else, mostly about what they saw first: a few weeks are full, most are not.
CREATE TEMP TABLE event ON COMMIT DROP AS
SELECT active.id AS student_id, active.n, spot, at, until, drawn, video.id AS video_id, quiz_id, duration, instructor_id,
    -- Of three, one is where the video is hard.
    CASE WHEN benchmark.draw(spot, 42) < 0.33
        THEN (duration * benchmark.draw(video.n, 43))::integer + (8 * benchmark.draw(spot, 44))::integer
        ELSE (duration * benchmark.draw(spot, 44))::integer
    END %% duration AS second
FROM (
    SELECT active.*, spot, benchmark.draw(spot, 40) AS drawn,
        floor(greatest(seeing, 1) * benchmark.draw(spot, 41) ^ 2)::integer AS position,
        benchmark.moment(
            monday + floor(7 * benchmark.draw(place, 21 + k %% days))::integer, benchmark.draw(spot, 45)
        ) AS at
    FROM active,
        LATERAL (SELECT floor(
            events / (52 - joined) * -ln(1 - benchmark.draw(place, 46)) + benchmark.draw(place, 47)
        )::integer AS number) AS _,
        generate_series(1, number) AS k,
        LATERAL (SELECT place * 100000 + k AS spot) AS __
) AS active
JOIN benchmark.enrolled ON enrolled.n = active.n AND enrolled.nth = 1 + position / 20
JOIN benchmark.video ON video.n = 20 * (enrolled.course - 1) + position %% 20;

INSERT INTO reflections (
    id, student_id, video_id, video_timestamp_seconds, content, media_type, media_url, media_duration_seconds,
    created_at, instructor_response, responded_at, responded_by
)
SELECT benchmark.id(at, spot, 50), student_id, video_id, second, benchmark.words(30 + 370 * benchmark.draw(spot, 51)),
    medium, 'https://media.example.org/' || spot || nullif(medium, ''), CASE medium WHEN 'audio' THEN 45 END, at,
    CASE WHEN answered THEN benchmark.words(20 + 200 * benchmark.draw(spot, 52)) END,
    CASE WHEN answered THEN least(at + 2 * benchmark.draw(spot, 53) * interval '1 day', until) END,
    CASE WHEN answered THEN instructor_id END
FROM (
    SELECT *,
        CASE WHEN drawn < 0.04 THEN 'audio' WHEN drawn < 0.06 THEN 'image' WHEN drawn < 0.08 THEN 'video' END AS medium,
        -- Old ones are answered but for a few; of the last fortnight, every other.
        benchmark.draw(spot, 54) > CASE WHEN at < until - interval '14 days' THEN 0.01 ELSE 0.5 END AS answered
    FROM event WHERE drawn < 0.42
) AS reflection
ORDER BY at;
INSERT INTO quiz_attempts (id, student_id, quiz_id, started_at, submitted_at, score, passed)
SELECT benchmark.id(at, spot, 55), student_id, quiz_id, at, at + interval '5 minutes', score, score >= 70
FROM (SELECT *, (40 + 75 * benchmark.draw(spot, 56))::integer %% 101 AS score FROM event WHERE drawn >= 0.42 AND drawn < 0.62) AS attempt
ORDER BY at;
INSERT INTO daily_notes (id, student_id, content, created_at)
SELECT benchmark.id(at, spot, 57), student_id, benchmark.words(20 + 280 * benchmark.draw(spot, 58)), at
FROM event WHERE drawn >= 0.62 AND drawn < 0.84 ORDER BY at;
INSERT INTO goal_messages (id, student_id, author_id, content, created_at)
SELECT benchmark.id(at, spot, 59), student_id, instructor_id, benchmark.words(20 + 280 * benchmark.draw(spot, 58)), at
FROM event WHERE drawn >= 0.84 AND drawn < 0.95 ORDER BY at;
INSERT INTO success_proofs (id, student_id, goal_id, content, created_at)
SELECT benchmark.id(at, spot, 60), student_id, goal_id, benchmark.words(20 + 180 * benchmark.draw(spot, 58)), at
FROM event, LATERAL (
    SELECT id AS goal_id FROM benchmark.goal WHERE n = event.n AND start <= at ORDER BY start DESC LIMIT 1
) AS current
WHERE drawn >= 0.95 AND drawn < 0.97 ORDER BY at;
INSERT INTO goal_milestones (id, student_id, goal_id, title, reached_at)
SELECT benchmark.id(at, spot, 61), student_id, goal_id, 'A step', at
FROM event, LATERAL (
    SELECT id AS goal_id FROM benchmark.goal WHERE n = event.n AND start <= at ORDER BY start DESC LIMIT 1
) AS current
WHERE drawn >= 0.97 ORDER BY at;
