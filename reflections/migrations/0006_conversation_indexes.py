"""What the goal conversation asks about answers, indexed beside running writers."""

from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('courses', '0003_sample_of_watchers'),
        ('reflections', '0005_edited_words'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='reflection',
            index=models.Index(condition=models.Q(('responded_at__isnull', False)), fields=['student', 'responded_at'], include=('responded_by',), name='reflections_answered'),
        ),
    ]
