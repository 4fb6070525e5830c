-- Functions keep this search_path (SET … FROM CURRENT): the schema that they are installed in, and then
-- the session's temporary tables, so that none of those is ever taken for a table of ours.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- Keeps the timeline equal to a source table from now on: creates the source's trigger
-- functions and statement-level triggers.  The source has columns `id` and `student_id`
-- and a function timeline_entries(source).
--
-- Every function first locks the students (docs/decisions/0002) and then looks: under READ
-- COMMITTED the statements after the lock see what whoever held it has committed.
-- The advisory lock is the borrowers' side of timeline_resync_places (lenders.sql).
-- The settings keep the plans to index look-ups whatever the first statement of a session
-- was: a plan is cached for the session, and a statement of one row may follow one of a million.
-- The functions run as their owner: who may write a source needs no right on any other table.
CREATE OR REPLACE FUNCTION timeline_watch(source regclass) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $watch$
DECLARE
    name text := (SELECT relname FROM pg_class WHERE oid = source);
    -- By student, as half of the indexes are: the same pages of them are met one after the other.
    new_entries text := format(
        '(SELECT source.student_id, entry.* FROM new_rows AS source'
        ' CROSS JOIN LATERAL timeline_entries(source::%I) AS entry ORDER BY source.student_id) AS written', name);
    -- The rows as they are by now: when one DELETE cascades along several foreign keys, a row that
    -- ON DELETE SET NULL updated may be updated again or deleted before the update trigger runs.
    updated_entries text := format(
        '(SELECT source.student_id, entry.* FROM %s AS source CROSS JOIN LATERAL timeline_entries(source) AS entry'
        ' WHERE source.id IN (SELECT id FROM new_rows)) AS written', source);
    new_ids text := format(
        'SELECT entry.id FROM new_rows AS source CROSS JOIN LATERAL timeline_entries(source::%I) AS entry', name);
    old_ids text := format(
        'SELECT entry.id FROM old_rows AS source CROSS JOIN LATERAL timeline_entries(source::%I) AS entry', name);
BEGIN
    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path FROM CURRENT SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
        AS $body$
        BEGIN
            IF NOT EXISTS (SELECT FROM new_rows) THEN
                RETURN NULL;
            END IF;
            PERFORM pg_advisory_xact_lock_shared(hashtext('student_activity_timeline'));
            PERFORM FROM profiles WHERE id IN (SELECT student_id FROM new_rows) ORDER BY id FOR KEY SHARE;
            %2$s;
            RETURN NULL;
        END
        $body$
    $sql$, 'timeline_insert_' || name, timeline_upsert(new_entries));
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER timeline_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows'
        ' FOR EACH STATEMENT EXECUTE FUNCTION %I()', source, 'timeline_insert_' || name);

    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path FROM CURRENT SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
        AS $body$
        BEGIN
            IF NOT EXISTS (SELECT FROM new_rows) THEN
                RETURN NULL;
            END IF;
            PERFORM pg_advisory_xact_lock_shared(hashtext('student_activity_timeline'));
            PERFORM FROM profiles
            WHERE id IN (SELECT student_id FROM old_rows UNION SELECT student_id FROM new_rows)
            ORDER BY id FOR SHARE;
            DELETE FROM student_activity_timeline WHERE id IN (%2$s EXCEPT %3$s);
            %4$s;
            RETURN NULL;
        END
        $body$
    $sql$, 'timeline_update_' || name, old_ids, new_ids, timeline_upsert(updated_entries));
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER timeline_update AFTER UPDATE ON %s'
        ' REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'
        ' FOR EACH STATEMENT EXECUTE FUNCTION %I()', source, 'timeline_update_' || name);

    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path FROM CURRENT SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
        AS $body$
        BEGIN
            IF NOT EXISTS (SELECT FROM old_rows) THEN
                RETURN NULL;
            END IF;
            PERFORM FROM profiles WHERE id IN (SELECT student_id FROM old_rows) ORDER BY id FOR SHARE;
            DELETE FROM student_activity_timeline WHERE id IN (%2$s);
            RETURN NULL;
        END
        $body$
    $sql$, 'timeline_delete_' || name, old_ids);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER timeline_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows'
        ' FOR EACH STATEMENT EXECUTE FUNCTION %I()', source, 'timeline_delete_' || name);

    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path FROM CURRENT
        AS $body$
        BEGIN
            DELETE FROM student_activity_timeline WHERE source_table = %2$L;
            RETURN NULL;
        END
        $body$
    $sql$, 'timeline_truncate_' || name, name);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER timeline_truncate AFTER TRUNCATE ON %s'
        ' FOR EACH STATEMENT EXECUTE FUNCTION %I()', source, 'timeline_truncate_' || name);

    PERFORM timeline_require_read_committed(source);

    -- Nobody else hangs them on a table of their own.
    EXECUTE format(
        'REVOKE ALL ON FUNCTION %I(), %I(), %I(), %I() FROM PUBLIC',
        'timeline_insert_' || name, 'timeline_update_' || name, 'timeline_delete_' || name, 'timeline_truncate_' || name
    );
END
$watch$;

-- The tables whose rows become entries.
SELECT timeline_watch('video_progress');
SELECT timeline_watch('learning_milestones');
SELECT timeline_watch('reflections');
SELECT timeline_watch('quiz_attempts');
SELECT timeline_watch('enrollments');
SELECT timeline_watch('lesson_completions');
SELECT timeline_watch('daily_notes');
SELECT timeline_watch('success_proofs');
SELECT timeline_watch('goal_milestones');
SELECT timeline_watch('goals');
SELECT timeline_watch('goal_messages');

-- A heartbeat rewrites a row of video_progress every few seconds and mostly changes no entry.
-- Its update trigger is therefore a row's, with a condition that the executor checks before
-- calling anything: whatever timeline_entries(video_progress) reads stands in it.
DO $watch$
BEGIN
    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION timeline_update_video_progress() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path FROM CURRENT SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
        AS $body$
        BEGIN
            PERFORM pg_advisory_xact_lock_shared(hashtext('student_activity_timeline'));
            PERFORM FROM profiles WHERE id IN (OLD.student_id, NEW.student_id) ORDER BY id FOR SHARE;
            DELETE FROM student_activity_timeline
            WHERE id IN (SELECT id FROM timeline_entries(OLD) EXCEPT SELECT id FROM timeline_entries(NEW));
            %s;
            RETURN NULL;
        END
        $body$
    $sql$, timeline_upsert('(SELECT NEW.student_id, entry.* FROM timeline_entries(NEW) AS entry) AS written'));
END
$watch$;

CREATE OR REPLACE TRIGGER timeline_update AFTER UPDATE ON video_progress
FOR EACH ROW WHEN (
    OLD.tenth_reached_at IS DISTINCT FROM NEW.tenth_reached_at
    OR OLD.completed_at IS DISTINCT FROM NEW.completed_at
    OR NEW.completed_at IS NOT NULL AND upper(OLD.watched) IS DISTINCT FROM upper(NEW.watched)
    OR OLD.student_id IS DISTINCT FROM NEW.student_id
    OR OLD.video_id IS DISTINCT FROM NEW.video_id
    OR OLD.id IS DISTINCT FROM NEW.id
)
EXECUTE FUNCTION timeline_update_video_progress();
