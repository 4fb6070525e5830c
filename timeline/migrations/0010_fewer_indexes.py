"""Three indexes less to write for each entry: idx_student_date says the course, idx_video_kind gives all of a video."""
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('timeline', '0009_days_indexes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RenameIndex(
            model_name='activity',
            old_name='idx_student_date',
            new_name='idx_student_date_old',
        ),
        AddIndexConcurrently(
            model_name='activity',
            index=models.Index(models.F('student'), models.F('activity_date'), models.F('created_at'), models.F('id'), include=('activity_type', 'course'), name='idx_student_date'),
        ),
        RemoveIndexConcurrently(
            model_name='activity',
            name='idx_student_date_old',
        ),
        RemoveIndexConcurrently(
            model_name='activity',
            name='idx_student_course',
        ),
        RemoveIndexConcurrently(
            model_name='activity',
            name='idx_video_all_students',
        ),
        RemoveIndexConcurrently(
            model_name='activity',
            name='idx_video_recent',
        ),
    ]
