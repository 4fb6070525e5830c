-- A made-up school whose students do alike: %(students)s of them, with some 200 entries each, over half a year.
-- Seeded: the same school every time (but for the random part of the ids).
SELECT setseed(0.5);

INSERT INTO courses (title) SELECT 'Course ' || n FROM generate_series(1, 4) AS n;
INSERT INTO course_chapters (course_id, title, position)
SELECT id, 'Lesson ' || n, n FROM courses, generate_series(1, 10) AS n;
INSERT INTO media_files (lesson_id, title, duration_seconds)
SELECT id, title, 300 + (random() * 1500)::integer FROM course_chapters;
INSERT INTO quizzes (lesson_id, video_id, video_timestamp_seconds, title)
SELECT lesson_id, id, duration_seconds / 2, 'Quiz' FROM media_files;
INSERT INTO checkpoints (video_id, video_timestamp_seconds, title)
SELECT id, duration_seconds / 4, 'Checkpoint' FROM media_files;

CREATE TEMP TABLE student AS
WITH added AS (
    INSERT INTO profiles (full_name) SELECT 'Student ' || n FROM generate_series(1, %(students)s) AS n RETURNING id
)
SELECT id FROM added;
CREATE TEMP TABLE place AS
SELECT row_number() OVER (ORDER BY media_files.id) AS n, media_files.id AS video_id, media_files.duration_seconds,
    lesson_id, course_id, quizzes.id AS quiz_id, checkpoints.id AS checkpoint_id
FROM media_files
JOIN course_chapters ON course_chapters.id = lesson_id
JOIN quizzes USING (lesson_id)
JOIN checkpoints ON checkpoints.video_id = media_files.id;

CREATE FUNCTION pg_temp.moment() RETURNS timestamptz LANGUAGE sql VOLATILE
RETURN '2026-01-01 12:00+00'::timestamptz + random() * interval '180 days';
CREATE FUNCTION pg_temp.words(fewest integer, most integer) RETURNS text LANGUAGE sql VOLATILE
RETURN left(repeat('What I would ask the next customer first, and why it took me a week. ', 12),
    fewest + (random() * (most - fewest))::integer);

INSERT INTO goals (student_id, title, created_at, completed_at)
SELECT id, '$' || n || 'K', '2026-01-01', CASE WHEN n = 1 THEN '2026-04-01'::timestamptz END
FROM student, generate_series(1, 2) AS n;
INSERT INTO goal_periods (student_id, goal_id, period)
SELECT student_id, id,
    CASE WHEN completed_at IS NULL THEN tstzrange('2026-04-01', NULL) ELSE tstzrange('2026-01-01', '2026-04-01') END
FROM goals;

INSERT INTO enrollments (student_id, course_id, enrolled_at)
SELECT student.id, courses.id, pg_temp.moment() FROM student, courses;
INSERT INTO video_progress (id, student_id, video_id, watched, watched_at)
SELECT uuidv7(at - now()), student_id, video_id, watched, at
FROM (
    SELECT student.id AS student_id, video_id, pg_temp.moment() AS at,
        int4multirange(int4range(0, 1 + (random() * duration_seconds)::integer)) AS watched
    FROM student, place WHERE n %% 3 = 0
) AS watching;
INSERT INTO learning_milestones (id, student_id, checkpoint_id, video_id, video_timestamp_seconds, reached_at)
SELECT uuidv7(at - now()), student_id, checkpoint_id, video_id, duration_seconds / 4, at
FROM (
    SELECT student.id AS student_id, pg_temp.moment() AS at, place.* FROM student, place WHERE n %% 3 = 0
) AS reached;
INSERT INTO quiz_attempts (id, student_id, quiz_id, started_at, submitted_at, score, passed)
SELECT uuidv7(at - now()), student_id, quiz_id, at, at + interval '5 minutes', score, score >= 70
FROM (
    SELECT student.id AS student_id, quiz_id, pg_temp.moment() AS at, (40 + random() * 60)::integer AS score
    FROM student, place WHERE n %% 2 = 0
) AS attempt;
INSERT INTO lesson_completions (student_id, lesson_id, completed_at)
SELECT student.id, lesson_id, pg_temp.moment() FROM student, place WHERE n %% 4 = 0;
INSERT INTO reflections (id, student_id, video_id, video_timestamp_seconds, content, created_at)
SELECT uuidv7(at - now()), student_id, video_id, second, pg_temp.words(30, 400), at
FROM (
    SELECT student.id AS student_id, video_id, (random() * duration_seconds)::integer AS second,
        pg_temp.moment() AS at
    FROM student, place WHERE n %% 2 = 1
) AS reflection;
INSERT INTO daily_notes (id, student_id, content, created_at)
SELECT uuidv7(at - now()), student_id, pg_temp.words(20, 300), at
FROM (SELECT id AS student_id, pg_temp.moment() AS at FROM student, generate_series(1, 30)) AS note;
INSERT INTO goal_messages (id, student_id, content, created_at)
SELECT uuidv7(at - now()), student_id, pg_temp.words(20, 300), at
FROM (SELECT id AS student_id, pg_temp.moment() AS at FROM student, generate_series(1, 12)) AS message;
INSERT INTO goal_milestones (student_id, goal_id, title, reached_at)
SELECT student_id, id, 'A step', pg_temp.moment() FROM goals, generate_series(1, 2);
INSERT INTO success_proofs (student_id, goal_id, content, created_at)
SELECT student_id, id, pg_temp.words(30, 200), pg_temp.moment() FROM goals;
