-- Functions keep this search_path (SET … FROM CURRENT): the schema that they are installed in, and then
-- the session's temporary tables, so that none of those is ever taken for a table of ours.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

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
    $sql$, timeline_upsert('drift WHERE id IS NOT NULL'));
END
$install$;
