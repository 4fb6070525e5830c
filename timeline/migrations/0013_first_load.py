"""An empty timeline can be filled at once, and its indexes built after."""

from django.db import migrations

from config.frozen import frozen_sql


class Migration(migrations.Migration):
    dependencies = [("timeline", "0012_resync_by_time")]

    operations = [frozen_sql(__file__, "0013_first_load.sql", "0013_first_load_reverse.sql")]
