-- Every function's triggers go with it.
DO $$
DECLARE
    installed regprocedure;
BEGIN
    DROP VIEW timeline_expected CASCADE;
    FOR installed IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND starts_with(proname, 'timeline_')
    LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', installed);
    END LOOP;
    DROP TYPE timeline_entry;
    ALTER TABLE student_activity_timeline RESET (
        autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor
    );
END
$$;
