-- The tables that lend facts to entries of other tables' rows: when such a fact changes,
-- the entries that borrowed it are written again, in the same transaction.

-- goal_periods lends the goal, to entries within the period.
CREATE OR REPLACE FUNCTION timeline_resync_spans(changed tstzmultirange, students uuid[]) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT timeline_resync(
        students,
        coalesce(lower(range_merge(changed)), '-infinity'),
        coalesce(upper(range_merge(changed)), 'infinity')
    )
    WHERE NOT isempty(changed)
$$;

CREATE OR REPLACE FUNCTION timeline_lend_goal_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM timeline_resync_spans(range_agg(period), array_agg(DISTINCT student_id)) FROM new_rows HAVING count(*) > 0;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION timeline_lend_goal_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM timeline_resync_spans(range_agg(period), array_agg(DISTINCT student_id)) FROM old_rows HAVING count(*) > 0;
    RETURN NULL;
END
$$;

-- What a goal gained or lost; a moved boundary leaves the rest of its period alone.
CREATE OR REPLACE FUNCTION timeline_lend_goal_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM timeline_resync_spans(range_agg(changed), array_agg(DISTINCT student_id))
    FROM (
        SELECT student_id, unnest((before - after) + (after - before)) AS changed
        FROM (
            SELECT
                student_id,
                goal_id,
                coalesce(range_agg(period) FILTER (WHERE NOT is_new), '{}') AS before,
                coalesce(range_agg(period) FILTER (WHERE is_new), '{}') AS after
            FROM (
                SELECT student_id, goal_id, period, false AS is_new FROM old_rows
                UNION ALL
                SELECT student_id, goal_id, period, true AS is_new FROM new_rows
            ) AS versions
            GROUP BY student_id, goal_id
        ) AS goals_changed
    ) AS changes
    HAVING count(*) > 0;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION timeline_lend_goal_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM timeline_resync(array_agg(DISTINCT student_id))
    FROM student_activity_timeline WHERE goal_id IS NOT NULL
    HAVING count(*) > 0;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER timeline_lend_insert AFTER INSERT ON goal_periods
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION timeline_lend_goal_insert();

CREATE OR REPLACE TRIGGER timeline_lend_update AFTER UPDATE ON goal_periods
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION timeline_lend_goal_update();

CREATE OR REPLACE TRIGGER timeline_lend_delete AFTER DELETE ON goal_periods
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION timeline_lend_goal_delete();

CREATE OR REPLACE TRIGGER timeline_lend_truncate AFTER TRUNCATE ON goal_periods
FOR EACH STATEMENT EXECUTE FUNCTION timeline_lend_goal_truncate();

-- course_chapters, media_files and quizzes lend where in the catalogue an entry is.
-- Authors move such things rarely, and never by accident: whoever writes what borrows a place
-- holds an advisory lock shared until the end of the transaction, and whoever moves a place takes
-- it for themself, so that no row slips in with the old place.  (A lock of the tables would do the
-- same, but has to wait for autovacuum.)  The lock_timeout, below PostgreSQL's deadlock_timeout,
-- makes the author lose a race with a student, never the student.
CREATE OR REPLACE FUNCTION timeline_resync_places(lessons uuid[], videos uuid[], quizzes uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET lock_timeout = '500ms' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('student_activity_timeline'));
    PERFORM timeline_resync(array_agg(student_id))
    FROM (
        SELECT student_id FROM lesson_completions WHERE lesson_id = ANY (lessons)
        UNION
        SELECT student_id FROM video_progress WHERE video_id = ANY (videos)
        UNION
        SELECT student_id FROM learning_milestones WHERE video_id = ANY (videos)
        UNION
        SELECT student_id FROM reflections WHERE video_id = ANY (videos)
        UNION
        SELECT student_id FROM quiz_attempts WHERE quiz_id = ANY (quizzes)
    ) AS affected
    HAVING count(*) > 0;
END
$$;

CREATE OR REPLACE FUNCTION timeline_lend_lesson_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    moved uuid[] := ARRAY(
        SELECT new_rows.id FROM new_rows JOIN old_rows USING (id)
        WHERE new_rows.course_id IS DISTINCT FROM old_rows.course_id
    );
BEGIN
    IF cardinality(moved) > 0 THEN
        PERFORM timeline_resync_places(
            moved,
            ARRAY(SELECT id FROM media_files WHERE lesson_id = ANY (moved)),
            ARRAY(SELECT id FROM quizzes WHERE lesson_id = ANY (moved))
        );
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION timeline_lend_video_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    moved uuid[] := ARRAY(
        SELECT new_rows.id FROM new_rows JOIN old_rows USING (id)
        WHERE (new_rows.lesson_id, new_rows.duration_seconds)
            IS DISTINCT FROM (old_rows.lesson_id, old_rows.duration_seconds)
    );
BEGIN
    IF cardinality(moved) > 0 THEN
        PERFORM timeline_resync_places('{}', moved, '{}');
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION timeline_lend_quiz_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    moved uuid[] := ARRAY(
        SELECT new_rows.id FROM new_rows JOIN old_rows USING (id)
        WHERE (new_rows.lesson_id, new_rows.video_id, new_rows.video_timestamp_seconds)
            IS DISTINCT FROM (old_rows.lesson_id, old_rows.video_id, old_rows.video_timestamp_seconds)
    );
BEGIN
    IF cardinality(moved) > 0 THEN
        PERFORM timeline_resync_places('{}', '{}', moved);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER timeline_lend_update AFTER UPDATE ON course_chapters
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION timeline_lend_lesson_update();

CREATE OR REPLACE TRIGGER timeline_lend_update AFTER UPDATE ON media_files
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION timeline_lend_video_update();

CREATE OR REPLACE TRIGGER timeline_lend_update AFTER UPDATE ON quizzes
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION timeline_lend_quiz_update();

-- Their inserts and deletes lend nothing: a row that refers to them is written after them and
-- deleted with them. Foreign keys that wait for the commit would let it be written before.
DO $lenders$
DECLARE
    reference record;
BEGIN
    FOR reference IN
        SELECT conrelid::regclass AS source, conname FROM pg_constraint
        WHERE contype = 'f' AND condeferrable
        AND confrelid IN ('course_chapters'::regclass, 'media_files'::regclass, 'quizzes'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE', reference.source, reference.conname);
    END LOOP;
END
$lenders$;

SELECT timeline_require_read_committed(lender)
FROM unnest('{goal_periods, course_chapters, media_files, quizzes}'::regclass[]) AS lender;

-- Nobody else hangs these functions, which run as their owner, on a table of their own.
REVOKE ALL ON FUNCTION
    timeline_lend_goal_insert(), timeline_lend_goal_update(), timeline_lend_goal_delete(), timeline_lend_goal_truncate(),
    timeline_lend_lesson_update(), timeline_lend_video_update(), timeline_lend_quiz_update()
FROM PUBLIC;
