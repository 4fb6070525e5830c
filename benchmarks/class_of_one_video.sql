-- One course, one video that everybody watched, through the triggers: %(students)s students, %(reflections)s reflections.
-- Beside it, in a course of its own, a video of which nothing is known: the page's frame without data.
SELECT setseed(0.5);

INSERT INTO courses (title) VALUES ('Large'), ('Empty');
INSERT INTO course_chapters (course_id, title) SELECT id, title FROM courses;
INSERT INTO media_files (lesson_id, title, duration_seconds) SELECT id, title, 3600 FROM course_chapters;
INSERT INTO checkpoints (video_id, video_timestamp_seconds, title)
SELECT id, 450 * n, 'Checkpoint ' || n FROM media_files, generate_series(1, 7) AS n WHERE title = 'Large';
INSERT INTO quizzes (lesson_id, video_id, video_timestamp_seconds, title)
SELECT lesson_id, id, 1800, 'Quiz' FROM media_files WHERE title = 'Large';
INSERT INTO profiles (full_name, email) VALUES ('Instructor', 'instructor@example.com');
INSERT INTO course_instructors (course_id, instructor_id) SELECT courses.id, profiles.id FROM courses, profiles;

CREATE TEMP TABLE student AS
WITH added AS (
    INSERT INTO profiles (full_name) SELECT 'Student ' || n FROM generate_series(1, %(students)s) AS n RETURNING id
)
SELECT row_number() OVER () AS n, id FROM added;
CREATE TEMP TABLE place AS
SELECT media_files.id AS video_id, quizzes.id AS quiz_id, course_id
FROM media_files JOIN course_chapters ON course_chapters.id = lesson_id JOIN quizzes ON quizzes.video_id = media_files.id;

INSERT INTO enrollments (student_id, course_id, enrolled_at) SELECT id, course_id, '2026-01-01' FROM student, place;
INSERT INTO video_progress (student_id, video_id, watched, watched_at)
SELECT id, video_id, int4multirange(int4range(0, 60 + (sqrt(random()) * 3540)::integer)),
    '2026-01-01 12:00+00'::timestamptz + random() * interval '180 days'
FROM student, place;
INSERT INTO quiz_attempts (student_id, quiz_id, started_at, submitted_at, score, passed)
SELECT id, quiz_id, at, at + interval '5 minutes', score, score >= 70
FROM (
    SELECT id, quiz_id, '2026-01-01 12:00+00'::timestamptz + random() * interval '180 days' AS at,
        (40 + random() * 60)::integer AS score
    FROM student, place
) AS attempt;
INSERT INTO reflections (
    student_id, video_id, video_timestamp_seconds, content, created_at, instructor_response, responded_at
)
SELECT id, video_id, (random() * 3599)::integer, 'Note ' || number || ': whom I would ask first, and why it took a week.',
    at, CASE WHEN number %% 50 > 0 THEN 'Ask two more.' END, CASE WHEN number %% 50 > 0 THEN at + interval '1 day' END
FROM (
    SELECT number, student.id, video_id, '2026-01-01 12:00+00'::timestamptz + random() * interval '180 days' AS at
    FROM generate_series(1, %(reflections)s) AS number
    JOIN student ON student.n = 1 + number %% %(students)s
    CROSS JOIN place
) AS written;
