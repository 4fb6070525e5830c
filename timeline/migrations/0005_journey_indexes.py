"""Two indexes of the journey, built beside running writers."""
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('courses', '0003_sample_of_watchers'),
        ('goals', '0005_media_address'),
        ('timeline', '0004_edited_answers'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='activity',
            index=models.Index(models.F('video'), models.F('activity_type'), models.F('created_at'), models.F('id'), condition=models.Q(('video__isnull', False), models.Q(('activity_type__in', ['checkpoint_reached', 'video_progress']), _negated=True)), include=('video_timestamp_seconds',), name='idx_video_listed'),
        ),
        AddIndexConcurrently(
            model_name='activity',
            index=models.Index(models.F('video'), models.F('video_timestamp_seconds'), models.F('id'), condition=models.Q(('response_status', 'pending'), ('video__isnull', False)), include=('student', 'created_at'), name='idx_video_pending'),
        ),
    ]
