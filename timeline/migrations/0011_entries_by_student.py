"""The triggers of inserts write entries in order of their students."""

from django.db import migrations

from config.frozen import frozen_sql


class Migration(migrations.Migration):
    dependencies = [("timeline", "0010_fewer_indexes")]

    operations = [frozen_sql(__file__, "0011_entries_by_student.sql", "0011_entries_by_student_reverse.sql")]
