-- Whoever changes a student's periods holds the student's row against every other
-- writer of that student until the end of the transaction, so that no activity is
-- filed under a goal while the goal changes (docs/decisions/0002).
CREATE OR REPLACE FUNCTION goal_periods_lock_student() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM FROM profiles WHERE id = NEW.student_id FOR UPDATE;
    ELSE
        PERFORM FROM profiles WHERE id IN (OLD.student_id, NEW.student_id) ORDER BY id FOR UPDATE;
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;

CREATE OR REPLACE TRIGGER goal_periods_lock_student
BEFORE INSERT OR UPDATE OR DELETE ON goal_periods
FOR EACH ROW EXECUTE FUNCTION goal_periods_lock_student();
