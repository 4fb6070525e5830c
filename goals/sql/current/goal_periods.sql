-- Functions keep this search_path (SET … FROM CURRENT): the schema that they are installed in, and then
-- the session's temporary tables, so that none of those is ever taken for a table of ours.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- Whoever changes a student's periods holds the student's row against every other
-- writer of that student until the end of the transaction, so that no activity is
-- filed under a goal while the goal changes (docs/decisions/0002).  Holding it, it looks
-- for overlaps by the btree index: the exclusion constraint looks by a GiST index, and a
-- scan of such a one may miss rows while the table is vacuumed (docs/decisions/0019).
CREATE OR REPLACE FUNCTION goal_periods_lock_student() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM FROM profiles WHERE id = NEW.student_id FOR UPDATE;
    ELSE
        PERFORM FROM profiles WHERE id IN (OLD.student_id, NEW.student_id) ORDER BY id FOR UPDATE;
    END IF;
    IF TG_OP <> 'DELETE' AND EXISTS (
        SELECT FROM goal_periods AS other
        WHERE other.student_id = NEW.student_id AND other.id <> NEW.id AND other.id IS DISTINCT FROM OLD.id
            AND lower(other.period) < coalesce(upper(NEW.period), 'infinity')
            AND coalesce(upper(other.period), 'infinity') > lower(NEW.period)
    ) THEN
        RAISE exclusion_violation USING
            MESSAGE = 'the student has another current goal in that time',
            TABLE = 'goal_periods', CONSTRAINT = 'goals_goalperiod_one_goal_at_a_time';
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;

CREATE OR REPLACE TRIGGER goal_periods_lock_student
BEFORE INSERT OR UPDATE OR DELETE ON goal_periods
FOR EACH ROW EXECUTE FUNCTION goal_periods_lock_student();

-- It runs as its owner: who may write goal_periods need not have rights on profiles.
REVOKE ALL ON FUNCTION goal_periods_lock_student() FROM PUBLIC;
