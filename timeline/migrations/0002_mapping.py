"""The mapping of every source table, the triggers that follow it, and what checks and repairs it."""

from django.db import migrations

from config.frozen import frozen_sql


class Migration(migrations.Migration):
    dependencies = [
        ("timeline", "0001_initial"),
        ("courses", "0002_watching"),
        ("goals", "0002_goal_keys"),
        ("reflections", "0001_initial"),
    ]

    operations = [frozen_sql(__file__, "0002_mapping.sql", "0002_mapping_reverse.sql")]
