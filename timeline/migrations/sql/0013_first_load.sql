-- Functions keep this search_path (SET … FROM CURRENT): the schema that they are installed in, and then
-- the session's temporary tables, so that none of those is ever taken for a table of ours.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- Fills an empty timeline at once, without its indexes, which are built after: the fast way for a
-- timeline that nobody uses yet.  Returns how many entries there are.  All or nothing: whatever
-- stops it, the timeline is empty and has its indexes.
--
-- Holds the timeline for itself until the end of the transaction; whoever writes a source waits.
-- What they had committed before is read here, for each statement looks after the lock; what
-- they had not, their own triggers write once they go on.
CREATE OR REPLACE FUNCTION timeline_first_load() RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    removals text[];
    definitions text[];
    columns text;
    command text;
    loaded bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE invalid_transaction_state USING
            MESSAGE = 'A timeline is loaded in READ COMMITTED transactions only.',
            HINT = 'Begin the transaction without an isolation level.';
    END IF;
    LOCK TABLE student_activity_timeline IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM student_activity_timeline) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'The timeline is not empty.',
            HINT = 'timeline_resync makes one right that has entries.';
    END IF;
    SELECT
        array_agg(coalesce(
            'ALTER TABLE student_activity_timeline DROP CONSTRAINT ' || quote_ident(conname),
            'DROP INDEX ' || indexrelid::regclass
        )),
        array_agg(coalesce(
            'ALTER TABLE student_activity_timeline ADD CONSTRAINT ' || quote_ident(conname) || ' '
                || pg_get_constraintdef(pg_constraint.oid),
            pg_get_indexdef(indexrelid)
        ) ORDER BY indexrelid)
    INTO removals, definitions
    FROM pg_index LEFT JOIN pg_constraint ON conindid = indexrelid AND contype IN ('p', 'u')
    WHERE indrelid = 'student_activity_timeline'::regclass;
    FOREACH command IN ARRAY removals LOOP
        EXECUTE command;
    END LOOP;
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
    FROM pg_attribute WHERE attrelid = 'timeline_expected'::regclass AND attnum > 0 AND NOT attisdropped;
    -- In the order in which timeline_resync writes them, for the same reasons.
    EXECUTE format(
        'INSERT INTO student_activity_timeline (%1$s) SELECT %1$s FROM timeline_expected ORDER BY student_id, created_at',
        columns
    );
    GET DIAGNOSTICS loaded = ROW_COUNT;
    FOREACH command IN ARRAY definitions LOOP
        EXECUTE command;
    END LOOP;
    RETURN loaded;
END
$$;
