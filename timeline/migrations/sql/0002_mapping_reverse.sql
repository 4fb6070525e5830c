-- Every function's triggers go with it.
DO $$
DECLARE
    installed regprocedure;
    reference record;
BEGIN
    DROP VIEW timeline_expected CASCADE;
    FOR installed IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND starts_with(proname, 'timeline_')
        ORDER BY oid
    LOOP
        IF EXISTS (SELECT FROM pg_proc WHERE oid = installed) THEN  -- an earlier one may have taken it along
            EXECUTE format('DROP FUNCTION %s CASCADE', installed);
        END IF;
    END LOOP;
    DROP TYPE timeline_entry;
    FOR reference IN
        SELECT conrelid::regclass AS source, conname FROM pg_constraint
        WHERE contype = 'f' AND cardinality(conkey) = 1
        AND confrelid IN ('course_chapters'::regclass, 'media_files'::regclass, 'quizzes'::regclass)
    LOOP
        EXECUTE format(
            'ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED', reference.source, reference.conname
        );
    END LOOP;
    ALTER TABLE student_activity_timeline RESET (
        autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor
    );
END
$$;
