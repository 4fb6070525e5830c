-- A made-up school of some %(entries)s entries: its courses, and who is in them, towards which goals.
-- What is drawn is a hash of its place and of the seed, so it is the same in every run, in whatever order it is made.
CREATE SCHEMA benchmark;

-- A number in [0, 1).
CREATE FUNCTION benchmark.draw(place bigint, what integer) RETURNS double precision LANGUAGE sql IMMUTABLE
RETURN (hashint8extended(place, %(seed)s * 1000 + what) & 9007199254740991)::double precision / 9007199254740992;

-- An id as uuidv7() makes them.
CREATE FUNCTION benchmark.id(at timestamptz, place bigint, what integer) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN (
    lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0')
    || '7' || lpad(to_hex(hashint8extended(place, %(seed)s * 1000 + what) & 4095), 3, '0')
    || '8' || lpad(to_hex(hashint8extended(place, %(seed)s * 1000 + what) >> 12 & 1152921504606846975), 15, '0')
)::uuid;

-- A moment of a day, between 8 in the morning and 10 at night.
CREATE FUNCTION benchmark.moment(day date, drawn double precision) RETURNS timestamptz LANGUAGE sql STABLE
RETURN (day + interval '8 hours' + drawn * interval '14 hours') AT TIME ZONE 'America/New_York';

CREATE FUNCTION benchmark.words(characters double precision) RETURNS text LANGUAGE sql IMMUTABLE
RETURN left(repeat('What I would ask the next customer first, and why it took me a week. ', 8), characters::integer);

CREATE TABLE benchmark.school AS
SELECT '%(until)s'::date - 364 AS since, '%(until)s'::date AS until, %(entries)s AS entries, '%(way)s'::text AS way,
    0 AS weeks, NULL::uuid AS next_student, false AS complete;

-- Courses of 20 lessons, of a video, a quiz in it and two checkpoints each.
CREATE TABLE benchmark.course AS
SELECT n, benchmark.id(since, n, 1) AS id, 1.0 / n AS weight, benchmark.id(since, n, 2) AS instructor_id
FROM benchmark.school, generate_series(1, %(courses)s) AS n;
CREATE TABLE benchmark.video AS
SELECT 20 * (course.n - 1) + place AS n, course.id AS course_id, course.instructor_id, place,
    300 + (benchmark.draw(20 * course.n + place, 3) * 1500)::integer AS duration,
    benchmark.id(since, 20 * course.n + place, 4) AS id,
    benchmark.id(since, 20 * course.n + place, 5) AS lesson_id,
    benchmark.id(since, 20 * course.n + place, 6) AS quiz_id,
    benchmark.id(since, 20 * course.n + place, 7) AS first_checkpoint_id,
    benchmark.id(since, 20 * course.n + place, 8) AS second_checkpoint_id
FROM benchmark.school, benchmark.course, generate_series(0, 19) AS place;
ALTER TABLE benchmark.video ADD PRIMARY KEY (n);

INSERT INTO profiles (id, full_name, email, created_at)
SELECT instructor_id, 'Instructor ' || n, 'instructor' || n || '@example.com', since FROM benchmark.course, benchmark.school;
INSERT INTO courses (id, title) SELECT id, 'Course ' || n FROM benchmark.course;
-- The first instructor teaches the first five courses, too.
INSERT INTO course_instructors (course_id, instructor_id)
SELECT id, instructor_id FROM benchmark.course
UNION
SELECT course.id, first.instructor_id FROM benchmark.course, benchmark.course AS first WHERE first.n = 1 AND course.n <= 5;
INSERT INTO course_chapters (id, course_id, title, position)
SELECT lesson_id, course_id, 'Lesson ' || place + 1, place FROM benchmark.video;
INSERT INTO media_files (id, lesson_id, title, duration_seconds)
SELECT id, lesson_id, 'Video ' || n, duration FROM benchmark.video;
INSERT INTO quizzes (id, lesson_id, video_id, video_timestamp_seconds, title)
SELECT quiz_id, lesson_id, id, duration / 2, 'Quiz' FROM benchmark.video;
INSERT INTO checkpoints (id, video_id, video_timestamp_seconds, title)
SELECT first_checkpoint_id, id, duration / 4, 'Beginning' FROM benchmark.video
UNION ALL
SELECT second_checkpoint_id, id, duration * 3 / 4, 'End' FROM benchmark.video;

-- Students: a few do much, most little (Zipf and Mandelbrot's law), from the week on in which they joined.
CREATE TABLE benchmark.student AS
SELECT n, quota, joined, benchmark.id(since + 7 * joined, n, 10) AS id,
    least(%(courses)s, 1 + floor(quota / 1000))::integer AS courses,
    greatest(least(0.4 * quota / 9.4, 20 * least(%(courses)s, 1 + floor(quota / 1000))), 1)::integer AS videos
FROM (
    SELECT n, (45 * benchmark.draw(n, 11) * least(n / 30.0, 1))::integer AS joined,
        %(entries)s::double precision / (n + 13) / sum(1::double precision / (n + 13)) OVER () AS quota
    FROM generate_series(1, %(students)s) AS n
) AS ranked, benchmark.school;
ALTER TABLE benchmark.student ADD PRIMARY KEY (n);
-- The rest of what they do, beside watching, of 1.12 entries each.
ALTER TABLE benchmark.student ADD events double precision;
UPDATE benchmark.student SET events = greatest(quota - 9.4 * videos - courses - 2, 0) / 1.12;
INSERT INTO profiles (id, full_name, created_at)
SELECT id, 'Student ' || n, since + 7 * joined FROM benchmark.student, benchmark.school ORDER BY id;

-- In which courses, in the order in which they go through them: popular ones sooner.
CREATE TABLE benchmark.enrolled AS
SELECT n, nth, course FROM (
    SELECT student.n, courses, course.n AS course,
        row_number() OVER (PARTITION BY student.n ORDER BY -ln(1 - benchmark.draw(100 * student.n + course.n, 12)) / weight) AS nth
    FROM benchmark.student, benchmark.course
) AS drawn
WHERE nth <= courses;
ALTER TABLE benchmark.enrolled ADD PRIMARY KEY (n, nth);
INSERT INTO enrollments (id, student_id, course_id, enrolled_at)
SELECT benchmark.id(at, 100 * n + course, 13), student_id, course_id, at FROM (
    SELECT student.n, course, student.id AS student_id, course.id AS course_id,
        benchmark.moment(since + 7 * joined, benchmark.draw(student.n, 14)) AS at
    FROM benchmark.school, benchmark.student JOIN benchmark.enrolled USING (n) JOIN benchmark.course ON course.n = course
) AS enrolment
ORDER BY at;

-- Goals, one after the other; the last one is the current one.
CREATE TABLE benchmark.goal AS
SELECT n, i, student_id, benchmark.id(start, 100 * n + i, 15) AS id, start,
    lead(start) OVER (PARTITION BY n ORDER BY i) AS finish
FROM (
    SELECT n, i, id AS student_id,
        (since + 7 * joined)::timestamptz + (until - since - 7 * joined) * interval '1 day' * i / goals AS start
    FROM benchmark.school, benchmark.student,
        LATERAL (SELECT 1 + least(48, floor(quota / 2000))::integer + (2 * benchmark.draw(n, 16))::integer AS goals) AS _,
        generate_series(0, goals - 1) AS i
) AS began;
ALTER TABLE benchmark.goal ADD PRIMARY KEY (n, start);
INSERT INTO goals (id, student_id, title, created_at, completed_at)
SELECT id, student_id, '$' || i + 1 || 'K', start,
    CASE WHEN benchmark.draw(100 * n + i, 17) < 0.8 THEN finish - interval '1 minute' END
FROM benchmark.goal;
INSERT INTO goal_periods (student_id, goal_id, period) SELECT student_id, id, tstzrange(start, finish) FROM benchmark.goal;
INSERT INTO shared_stories (student_id, goal_id, parts, course_id, community_at)
SELECT goals.student_id, goals.id, '{watching,quizzes,courses}', course.id, completed_at
FROM benchmark.goal
JOIN goals USING (id)
JOIN benchmark.enrolled ON enrolled.n = goal.n AND nth = 1
JOIN benchmark.course ON course.n = course
WHERE completed_at IS NOT NULL AND benchmark.draw(100 * goal.n + i, 18) < 0.1;
