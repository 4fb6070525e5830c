"""An index of who is in a class now, built beside running writers."""
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('courses', '0003_sample_of_watchers'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='enrollment',
            index=models.Index(condition=models.Q(('left_at__isnull', True)), fields=['course', 'student'], name='enrollments_current'),
        ),
    ]
