"""Goals are referenced together with their student, which Django cannot say; and periods lock their student."""

from django.db import migrations

from config.frozen import frozen_sql


class Migration(migrations.Migration):
    dependencies = [("goals", "0001_initial")]

    operations = [frozen_sql(__file__, "0002_goal_keys.sql", "0002_goal_keys_reverse.sql")]
