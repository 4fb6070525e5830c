"""What waits of one student, indexed beside running writers."""

from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('courses', '0003_sample_of_watchers'),
        ('goals', '0006_edited_words'),
        ('timeline', '0006_edited_words'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='activity',
            index=models.Index(models.F('student'), models.F('created_at'), models.F('id'), condition=models.Q(('response_status', 'pending')), name='idx_student_pending'),
        ),
    ]
