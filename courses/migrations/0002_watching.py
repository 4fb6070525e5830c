"""Watching is merged, and what it reaches is noted, in the database: every writer gets the same rules."""

from django.db import migrations

from config.frozen import frozen_sql


class Migration(migrations.Migration):
    dependencies = [("courses", "0001_initial")]

    operations = [frozen_sql(__file__, "0002_watching.sql", "0002_watching_reverse.sql")]
