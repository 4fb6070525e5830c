"""What a backfill writes lies in order of time."""

from django.db import migrations

from config.frozen import frozen_sql


class Migration(migrations.Migration):
    dependencies = [("timeline", "0011_entries_by_student")]

    operations = [frozen_sql(__file__, "0012_resync_by_time.sql", "0012_resync_by_time_reverse.sql")]
