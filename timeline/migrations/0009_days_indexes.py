"""The calendar, one course of a student's days and words in them, each from an index; built beside running writers."""

from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('timeline', '0008_inbox_index'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='activity',
            index=models.Index(models.F('student'), models.F('activity_date'), condition=models.Q(('activity_type__gt', '')), name='idx_student_day'),
        ),
        AddIndexConcurrently(
            model_name='activity',
            index=models.Index(models.F('student'), models.F('course'), models.F('created_at'), models.F('id'), condition=models.Q(('course__isnull', False)), include=('activity_type',), name='idx_student_course'),
        ),
        AddIndexConcurrently(
            model_name='activity',
            index=models.Index(models.F('student'), models.F('activity_date'), models.F('created_at'), models.F('id'), condition=models.Q(('content__isnull', False)), name='idx_student_words'),
        ),
    ]
