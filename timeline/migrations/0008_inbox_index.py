"""The index of what waits says in which second of which video, and of whom; rebuilt beside running writers."""
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('timeline', '0007_conversation_indexes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        RemoveIndexConcurrently(
            model_name='activity',
            name='idx_response_status',
        ),
        AddIndexConcurrently(
            model_name='activity',
            index=models.Index(models.F('course'), models.F('created_at'), models.F('id'), condition=models.Q(('response_status', 'pending')), include=('student', 'video', 'video_timestamp_seconds'), name='idx_response_status'),
        ),
    ]
