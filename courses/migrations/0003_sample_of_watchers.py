"""An index that finds a video's watchers evenly, beside running writers; it serves the foreign key as well."""
import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('courses', '0002_watching'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='videoprogress',
            index=models.Index(models.F('video'), models.Func('student', function='uuid_hash'), name='video_progress_sample'),
        ),
        migrations.AlterField(
            model_name='videoprogress',
            name='video',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DB_CASCADE, related_name='progress', to='courses.video'),
        ),
    ]
