-- Deleting a profile, by Django or by psql, deletes the admin's log of what that person did.
DO $$
DECLARE
    name text;
BEGIN
    SELECT conname INTO name FROM pg_constraint
    WHERE conrelid = 'django_admin_log'::regclass AND contype = 'f' AND confrelid = 'profiles'::regclass;
    EXECUTE format('ALTER TABLE django_admin_log DROP CONSTRAINT %I', name);
    ALTER TABLE django_admin_log ADD CONSTRAINT django_admin_log_user_id_profiles
        FOREIGN KEY (user_id) REFERENCES profiles (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
END
$$;
