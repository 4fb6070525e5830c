"""Help texts in plainer words: nothing that the database knows of."""

import courses.fields
import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('courses', '0011_invitations'),
    ]

    operations = [
        migrations.AlterField(
            model_name='course',
            name='open_for_enrolment',
            field=models.BooleanField(db_default=True, help_text='Shown in the catalogue, where anyone can enrol.'),
        ),
        migrations.AlterField(
            model_name='quiz',
            name='attempts_allowed',
            field=models.IntegerField(blank=True, help_text='How many attempts a student has. Empty: no limit.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)]),
        ),
        migrations.AlterField(
            model_name='quiz',
            name='required',
            field=models.BooleanField(db_default=True, help_text='The lesson is complete only once this quiz is passed.'),
        ),
        migrations.AlterField(
            model_name='quiz',
            name='skippable',
            field=models.BooleanField(db_default=True, help_text='In a video: students may keep watching without taking it.'),
        ),
        migrations.AlterField(
            model_name='quizquestion',
            name='tolerance',
            field=models.DecimalField(db_default=0, decimal_places=4, help_text='How far off a number may be.', max_digits=12),
        ),
        migrations.AlterField(
            model_name='video',
            name='captions',
            field=models.FileField(blank=True, db_default='', default='', help_text='What is said and heard in the video, as text.', upload_to=courses.fields.RandomName('videos')),
        ),
        migrations.AlterField(
            model_name='video',
            name='completion_threshold',
            field=models.DecimalField(db_default=0.95, decimal_places=3, help_text='The share of the video that counts as having watched it: 0.95 is 95%.', max_digits=4, validators=[django.core.validators.MinValueValidator(0.001), django.core.validators.MaxValueValidator(1)]),
        ),
        migrations.AlterField(
            model_name='video',
            name='poster',
            field=models.FileField(blank=True, db_default='', default='', help_text='The picture shown until the video plays.', upload_to=courses.fields.RandomName('videos')),
        ),
    ]
