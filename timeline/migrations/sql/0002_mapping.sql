-- Functions keep this search_path (SET … FROM CURRENT): the schema that they are installed in, and then
-- the session's temporary tables, so that none of those is ever taken for a table of ours.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- What one entry of the timeline says: every column of student_activity_timeline
-- but the student (who comes from the source row) and the generated day.
CREATE TYPE timeline_entry AS (
    id uuid,
    activity_type text,
    created_at timestamptz,
    video_id uuid,
    video_timestamp_seconds integer,
    course_id uuid,
    lesson_id uuid,
    goal_id uuid,
    quiz_id uuid,
    content text,
    metadata jsonb,
    media_url text,
    media_type text,
    media_duration_seconds integer,
    requires_response boolean,
    response_status text,
    instructor_response text,
    responded_at timestamptz,
    responded_by uuid,
    source_table text,
    source_id uuid
);

-- The id of the entry that a source row has for `what` (and, of several, for `part`).
-- It is derived, so it stays the same for ever and is the idempotency key.  A UUIDv8:
-- the first 48 bits are those of source_id, its UUIDv7 time, so that the index stays
-- local; 72 of the others are a hash.  `what` is never the activity_type: a reflection
-- that turns from text to voice keeps its entry.
CREATE OR REPLACE FUNCTION timeline_entry_id(source_table text, source_id uuid, what text, part integer)
RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN overlay(
    overlay(
        overlay(
            md5(source_table || source_id::text || what || part::text)
            PLACING left(source_id::text, 13) FROM 1 FOR 12
        ) PLACING '8' FROM 14 FOR 1
    ) PLACING 'a' FROM 18 FOR 1
)::uuid;

-- Hidden, a note has no entry.
CREATE OR REPLACE FUNCTION timeline_entries(source daily_notes)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('daily_notes', source.id, 'entry', 0) AS id,
    'daily_note' AS activity_type,
    source.created_at AS created_at,
    NULL::uuid AS video_id,
    NULL::integer AS video_timestamp_seconds,
    NULL::uuid AS course_id,
    NULL::uuid AS lesson_id,
    (
        SELECT CASE WHEN goal_periods.period @> source.created_at THEN goal_periods.goal_id END FROM goal_periods
        WHERE goal_periods.student_id = source.student_id AND lower(goal_periods.period) <= source.created_at
        ORDER BY lower(goal_periods.period) DESC LIMIT 1
    ) AS goal_id,
    NULL::uuid AS quiz_id,
    source.content AS content,
    '{}'::jsonb AS metadata,
    source.media_url AS media_url,
    source.media_type AS media_type,
    source.media_duration_seconds AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'daily_notes' AS source_table,
    source.id AS source_id
WHERE source.hidden_at IS NULL;
END;

-- Enrolling, and completing the course. Leaving it changes nothing.
CREATE OR REPLACE FUNCTION timeline_entries(source enrollments)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('enrollments', source.id, step.what, 0) AS id,
    step.activity_type AS activity_type,
    step.at AS created_at,
    NULL::uuid AS video_id,
    NULL::integer AS video_timestamp_seconds,
    source.course_id AS course_id,
    NULL::uuid AS lesson_id,
    (
        SELECT CASE WHEN goal_periods.period @> step.at THEN goal_periods.goal_id END FROM goal_periods
        WHERE goal_periods.student_id = source.student_id AND lower(goal_periods.period) <= step.at
        ORDER BY lower(goal_periods.period) DESC LIMIT 1
    ) AS goal_id,
    NULL::uuid AS quiz_id,
    NULL::text AS content,
    '{}'::jsonb AS metadata,
    NULL::text AS media_url,
    NULL::text AS media_type,
    NULL::integer AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'enrollments' AS source_table,
    source.id AS source_id
FROM (
    VALUES
        ('enrollment', 'course_enrollment', source.enrolled_at),
        ('completion', 'course_completion', source.completed_at)
) AS step (what, activity_type, at)
WHERE step.at IS NOT NULL;
END;

-- A message belongs to the goal that it names, else to the one that was current. Hidden, it has no entry.
CREATE OR REPLACE FUNCTION timeline_entries(source goal_messages)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('goal_messages', source.id, 'entry', 0) AS id,
    'instructor_message' AS activity_type,
    source.created_at AS created_at,
    NULL::uuid AS video_id,
    NULL::integer AS video_timestamp_seconds,
    NULL::uuid AS course_id,
    NULL::uuid AS lesson_id,
    coalesce(
        source.goal_id,
        (
            SELECT CASE WHEN goal_periods.period @> source.created_at THEN goal_periods.goal_id END FROM goal_periods
            WHERE goal_periods.student_id = source.student_id AND lower(goal_periods.period) <= source.created_at
            ORDER BY lower(goal_periods.period) DESC LIMIT 1
        )
    ) AS goal_id,
    NULL::uuid AS quiz_id,
    source.content AS content,
    jsonb_strip_nulls(jsonb_build_object('author_id', source.author_id)) AS metadata,
    source.media_url AS media_url,
    source.media_type AS media_type,
    source.media_duration_seconds AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'goal_messages' AS source_table,
    source.id AS source_id
WHERE source.hidden_at IS NULL;
END;

-- A milestone belongs to its own goal; planned but not reached, it has no entry.
CREATE OR REPLACE FUNCTION timeline_entries(source goal_milestones)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('goal_milestones', source.id, 'entry', 0) AS id,
    'goal_milestone' AS activity_type,
    source.reached_at AS created_at,
    NULL::uuid AS video_id,
    NULL::integer AS video_timestamp_seconds,
    NULL::uuid AS course_id,
    NULL::uuid AS lesson_id,
    source.goal_id AS goal_id,
    NULL::uuid AS quiz_id,
    source.title AS content,
    '{}'::jsonb AS metadata,
    NULL::text AS media_url,
    NULL::text AS media_type,
    NULL::integer AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'goal_milestones' AS source_table,
    source.id AS source_id
WHERE source.reached_at IS NOT NULL;
END;

-- Reaching a goal.
CREATE OR REPLACE FUNCTION timeline_entries(source goals)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('goals', source.id, 'entry', 0) AS id,
    'goal_completion' AS activity_type,
    source.completed_at AS created_at,
    NULL::uuid AS video_id,
    NULL::integer AS video_timestamp_seconds,
    NULL::uuid AS course_id,
    NULL::uuid AS lesson_id,
    source.id AS goal_id,
    NULL::uuid AS quiz_id,
    NULL::text AS content,
    '{}'::jsonb AS metadata,
    NULL::text AS media_url,
    NULL::text AS media_type,
    NULL::integer AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'goals' AS source_table,
    source.id AS source_id
WHERE source.completed_at IS NOT NULL;
END;

-- A checkpoint of a video, at the second where it stood when it was reached.
CREATE OR REPLACE FUNCTION timeline_entries(source learning_milestones)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('learning_milestones', source.id, 'entry', 0) AS id,
    'checkpoint_reached' AS activity_type,
    source.reached_at AS created_at,
    source.video_id AS video_id,
    source.video_timestamp_seconds AS video_timestamp_seconds,
    place.course_id AS course_id,
    place.lesson_id AS lesson_id,
    (
        SELECT CASE WHEN goal_periods.period @> source.reached_at THEN goal_periods.goal_id END FROM goal_periods
        WHERE goal_periods.student_id = source.student_id AND lower(goal_periods.period) <= source.reached_at
        ORDER BY lower(goal_periods.period) DESC LIMIT 1
    ) AS goal_id,
    NULL::uuid AS quiz_id,
    NULL::text AS content,
    jsonb_strip_nulls(jsonb_build_object('checkpoint_id', source.checkpoint_id)) AS metadata,
    NULL::text AS media_url,
    NULL::text AS media_type,
    NULL::integer AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'learning_milestones' AS source_table,
    source.id AS source_id
FROM (SELECT) AS one_row
LEFT JOIN LATERAL (
    SELECT course_chapters.course_id, media_files.lesson_id
    FROM media_files JOIN course_chapters ON course_chapters.id = media_files.lesson_id
    WHERE media_files.id = source.video_id
    LIMIT 1
) AS place ON true;
END;

CREATE OR REPLACE FUNCTION timeline_entries(source lesson_completions)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('lesson_completions', source.id, 'entry', 0) AS id,
    'lesson_completion' AS activity_type,
    source.completed_at AS created_at,
    NULL::uuid AS video_id,
    NULL::integer AS video_timestamp_seconds,
    place.course_id AS course_id,
    source.lesson_id AS lesson_id,
    (
        SELECT CASE WHEN goal_periods.period @> source.completed_at THEN goal_periods.goal_id END FROM goal_periods
        WHERE goal_periods.student_id = source.student_id AND lower(goal_periods.period) <= source.completed_at
        ORDER BY lower(goal_periods.period) DESC LIMIT 1
    ) AS goal_id,
    NULL::uuid AS quiz_id,
    NULL::text AS content,
    '{}'::jsonb AS metadata,
    NULL::text AS media_url,
    NULL::text AS media_type,
    NULL::integer AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'lesson_completions' AS source_table,
    source.id AS source_id
FROM (SELECT) AS one_row
LEFT JOIN LATERAL (
    SELECT course_chapters.course_id FROM course_chapters
    WHERE course_chapters.id = source.lesson_id
    LIMIT 1
) AS place ON true;
END;

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

-- A reflection waits for an instructor's answer until it has one; hidden, it has no entry.
CREATE OR REPLACE FUNCTION timeline_entries(source reflections)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('reflections', source.id, 'entry', 0) AS id,
    CASE source.media_type
        WHEN 'audio' THEN 'voice_reflection'
        WHEN 'image' THEN 'screenshot_reflection'
        WHEN 'video' THEN 'loom_reflection'
        ELSE 'text_reflection'
    END AS activity_type,
    source.created_at AS created_at,
    source.video_id AS video_id,
    source.video_timestamp_seconds AS video_timestamp_seconds,
    place.course_id AS course_id,
    place.lesson_id AS lesson_id,
    (
        SELECT CASE WHEN goal_periods.period @> source.created_at THEN goal_periods.goal_id END FROM goal_periods
        WHERE goal_periods.student_id = source.student_id AND lower(goal_periods.period) <= source.created_at
        ORDER BY lower(goal_periods.period) DESC LIMIT 1
    ) AS goal_id,
    NULL::uuid AS quiz_id,
    source.content AS content,
    jsonb_strip_nulls(jsonb_build_object('sentiment', source.sentiment)) AS metadata,
    source.media_url AS media_url,
    source.media_type AS media_type,
    source.media_duration_seconds AS media_duration_seconds,
    true AS requires_response,
    CASE WHEN source.responded_at IS NULL THEN 'pending' ELSE 'responded' END AS response_status,
    source.instructor_response AS instructor_response,
    source.responded_at AS responded_at,
    source.responded_by AS responded_by,
    'reflections' AS source_table,
    source.id AS source_id
FROM (SELECT) AS one_row
LEFT JOIN LATERAL (
    SELECT course_chapters.course_id, media_files.lesson_id
    FROM media_files JOIN course_chapters ON course_chapters.id = media_files.lesson_id
    WHERE media_files.id = source.video_id
    LIMIT 1
) AS place ON true
WHERE source.hidden_at IS NULL;
END;

-- A proof belongs to its own goal, whichever was current. Hidden, it has no entry.
CREATE OR REPLACE FUNCTION timeline_entries(source success_proofs)
RETURNS SETOF timeline_entry LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    timeline_entry_id('success_proofs', source.id, 'entry', 0) AS id,
    'success_proof' AS activity_type,
    source.created_at AS created_at,
    NULL::uuid AS video_id,
    NULL::integer AS video_timestamp_seconds,
    NULL::uuid AS course_id,
    NULL::uuid AS lesson_id,
    source.goal_id AS goal_id,
    NULL::uuid AS quiz_id,
    source.content AS content,
    '{}'::jsonb AS metadata,
    source.media_url AS media_url,
    source.media_type AS media_type,
    source.media_duration_seconds AS media_duration_seconds,
    false AS requires_response,
    NULL::text AS response_status,
    NULL::text AS instructor_response,
    NULL::timestamptz AS responded_at,
    NULL::uuid AS responded_by,
    'success_proofs' AS source_table,
    source.id AS source_id
WHERE source.hidden_at IS NULL;
END;

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

-- What the timeline must hold: every source's rows, mapped. This is the specification that
-- the triggers follow, and what resync and the drift check compare the table with.
CREATE OR REPLACE VIEW timeline_expected AS
SELECT source.student_id, entry.*
FROM video_progress AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM learning_milestones AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM reflections AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM quiz_attempts AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM enrollments AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM lesson_completions AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM daily_notes AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM success_proofs AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM goal_milestones AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM goals AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM goal_messages AS source CROSS JOIN LATERAL timeline_entries(source) AS entry;

-- Writes entries into the timeline, by the columns of timeline_entry: the one place that
-- spells the upsert.  Returns an INSERT over `rows`, a FROM item with the columns
-- student_id and those of timeline_entry.  A row that is there already and says the same
-- is left untouched.
CREATE OR REPLACE FUNCTION timeline_upsert(rows text) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT format(
        'INSERT INTO student_activity_timeline AS present (student_id, id, %1$s)'
        ' SELECT student_id, id, %1$s FROM %2$s'
        ' ON CONFLICT (id) DO UPDATE SET (student_id, %1$s) = ROW (excluded.student_id, %3$s)'
        ' WHERE (present.student_id, %4$s) IS DISTINCT FROM (excluded.student_id, %3$s)',
        string_agg(quote_ident(attname), ', ' ORDER BY attnum),
        rows,
        string_agg('excluded.' || quote_ident(attname), ', ' ORDER BY attnum),
        string_agg('present.' || quote_ident(attname), ', ' ORDER BY attnum)
    )
    FROM pg_attribute
    WHERE attrelid = 'timeline_entry'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'id'
$$;

-- A transaction that looks at the past throughout, even after it waited for a lock, would file an
-- activity under the goal, or in the course, that was the right one then: it may not write.
CREATE OR REPLACE FUNCTION timeline_isolation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RAISE invalid_transaction_state USING
        MESSAGE = format('"%s" is written in READ COMMITTED transactions only.', TG_RELID::regclass),
        HINT = 'Begin the transaction without an isolation level.';
END
$$;

REVOKE ALL ON FUNCTION timeline_isolation() FROM PUBLIC;

CREATE OR REPLACE FUNCTION timeline_require_read_committed(written regclass) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER timeline_isolation BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT'
        ' WHEN (current_setting(''transaction_isolation'') <> ''read committed'')'
        ' EXECUTE FUNCTION timeline_isolation()', written
    );
END
$$;

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
    new_entries text := format(
        '(SELECT source.student_id, entry.* FROM new_rows AS source'
        ' CROSS JOIN LATERAL timeline_entries(source::%I) AS entry) AS written', name);
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

-- Counts are index-only scans: keep the visibility map fresh, also when rows are only inserted.
ALTER TABLE student_activity_timeline SET (
    autovacuum_vacuum_insert_scale_factor = 0.01,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
