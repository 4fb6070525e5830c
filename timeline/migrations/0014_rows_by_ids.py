"""Triggers look rows up by an array of ids: a plan made for an empty table is no burden for a full one."""

from django.db import migrations

from config.frozen import frozen_sql


class Migration(migrations.Migration):
    dependencies = [("timeline", "0013_first_load")]

    operations = [frozen_sql(__file__, "0014_rows_by_ids.sql", "0014_rows_by_ids_reverse.sql")]
