-- Where the timeline of some students, within [since, until), differs from what it must
-- hold: `present` is the entry that is there, `expected` the one that must be; one of them
-- is null where the other is missing or a ghost.
CREATE OR REPLACE FUNCTION timeline_drift(
    students uuid[],
    since timestamptz DEFAULT '-infinity',
    until timestamptz DEFAULT 'infinity',
    OUT present student_activity_timeline,
    OUT expected timeline_expected
) RETURNS SETOF record LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT present.entry, expected.entry
FROM (
    SELECT entry, entry.* FROM student_activity_timeline AS entry
    WHERE student_id = ANY (students) AND created_at >= since AND created_at < until
) AS present
FULL JOIN (
    SELECT entry, entry.* FROM timeline_expected AS entry
    WHERE student_id = ANY (students) AND created_at >= since AND created_at < until
) AS expected ON expected.id = present.id
WHERE (
    present.student_id, present.activity_type, present.created_at, present.video_id,
    present.video_timestamp_seconds, present.course_id, present.lesson_id, present.goal_id, present.quiz_id,
    present.content, present.metadata, present.media_url, present.media_type, present.media_duration_seconds,
    present.requires_response, present.response_status, present.instructor_response, present.responded_at,
    present.responded_by, present.source_table, present.source_id
) IS DISTINCT FROM (
    expected.student_id, expected.activity_type, expected.created_at, expected.video_id,
    expected.video_timestamp_seconds, expected.course_id, expected.lesson_id, expected.goal_id, expected.quiz_id,
    expected.content, expected.metadata, expected.media_url, expected.media_type, expected.media_duration_seconds,
    expected.requires_response, expected.response_status, expected.instructor_response, expected.responded_at,
    expected.responded_by, expected.source_table, expected.source_id
);
END;

-- Makes the timeline of these students, within [since, until), equal to timeline_expected.
-- Holds the students' rows until the end of the transaction: pass few, commit soon.
--
-- Two statements: the first waits for whoever changes these students (docs/decisions/0002), and
-- the second, whose snapshot is younger, sees what they committed.  All of the comparison is in
-- the second, for live inserts go on beside it: a source row and its entries are committed
-- together, so one snapshot holds both or neither.  Were expected entries read in one statement
-- and the table in another, what was committed between the two would look like a ghost or be
-- missing.  An id that an entry of a student not named here holds is taken over.
--
-- Entries are written in order of time: a page of a student's days or of a goal then lies in few
-- pages of the table, and the indexes are filled in their own order.
--
-- The plan is made once a session and sticks to index look-ups, as those of the triggers do
-- (see timeline_watch): planning these eleven sources costs as much as resyncing hundreds of entries,
-- and a plan made while the tables were small must not scan them when they are large.
DO $install$
BEGIN
    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION timeline_resync(
            students uuid[],
            since timestamptz DEFAULT '-infinity',
            until timestamptz DEFAULT 'infinity',
            OUT inserted bigint,
            OUT updated bigint,
            OUT deleted bigint
        ) LANGUAGE plpgsql
        SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
        AS $body$
        BEGIN
            PERFORM FROM profiles WHERE id = ANY (students) ORDER BY id FOR NO KEY UPDATE;
            WITH drift AS MATERIALIZED (
                SELECT (present).id AS present_id, (expected).* FROM timeline_drift(students, since, until)
            ),
            ghosts AS (
                DELETE FROM student_activity_timeline
                WHERE id IN (SELECT present_id FROM drift WHERE id IS NULL)
            ),
            written AS (
                %s
            )
            SELECT
                count(*) FILTER (WHERE present_id IS NULL),
                count(*) FILTER (WHERE present_id = id),
                count(*) FILTER (WHERE id IS NULL)
            INTO inserted, updated, deleted
            FROM drift;
        END
        $body$
    $sql$, timeline_upsert('drift WHERE id IS NOT NULL ORDER BY student_id, created_at, id'));
END
$install$;
