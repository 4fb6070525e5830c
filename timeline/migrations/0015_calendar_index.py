"""The calendar's index has a condition that no other question states: some databases have it from 0009, some do not."""
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('timeline', '0014_rows_by_ids'),
    ]

    # Stopped in the middle, it may be run again: what is removed need not be there.
    operations = [
        RemoveIndexConcurrently(
            model_name='activity',
            name='idx_student_day',
        ),
        AddIndexConcurrently(
            model_name='activity',
            index=models.Index(models.F('student'), models.F('activity_date'), condition=models.Q(('source_table__gt', '')), name='idx_student_day'),
        ),
    ]
