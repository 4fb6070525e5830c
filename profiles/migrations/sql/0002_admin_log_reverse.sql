ALTER TABLE django_admin_log DROP CONSTRAINT django_admin_log_user_id_profiles;
ALTER TABLE django_admin_log ADD CONSTRAINT django_admin_log_user_id_profiles
    FOREIGN KEY (user_id) REFERENCES profiles (id) DEFERRABLE INITIALLY DEFERRED;
