"""Django's admin log is the one table that names a profile and is not ours: let psql's DELETE pass it too."""

from django.db import migrations

from config.frozen import frozen_sql


class Migration(migrations.Migration):
    dependencies = [("profiles", "0001_initial"), ("admin", "0003_logentry_add_action_flag_choices")]

    operations = [frozen_sql(__file__, "0002_admin_log.sql", "0002_admin_log_reverse.sql")]
