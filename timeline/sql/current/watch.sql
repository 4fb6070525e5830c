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
-- For the same reason rows are looked up by an array of ids, not joined with those that changed: the plan of a
-- join made while its table was empty would compare all of it, by now a million rows, with each of them.
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
        ' WHERE source.id = ANY (ARRAY(SELECT id FROM new_rows))) AS written', source);
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
            PERFORM FROM profiles WHERE id = ANY (ARRAY(SELECT student_id FROM new_rows)) ORDER BY id FOR KEY SHARE;
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
            WHERE id = ANY (ARRAY(SELECT student_id FROM old_rows UNION SELECT student_id FROM new_rows))
            ORDER BY id FOR SHARE;
            DELETE FROM student_activity_timeline WHERE id = ANY (ARRAY(%2$s EXCEPT %3$s));
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
            PERFORM FROM profiles WHERE id = ANY (ARRAY(SELECT student_id FROM old_rows)) ORDER BY id FOR SHARE;
            DELETE FROM student_activity_timeline WHERE id = ANY (ARRAY(%2$s));
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
