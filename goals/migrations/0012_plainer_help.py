"""Help texts in plainer words: nothing that the database knows of."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('goals', '0011_proof_by_document'),
    ]

    operations = [
        migrations.AlterField(
            model_name='goal',
            name='measure',
            field=models.TextField(blank=True, db_default='', help_text='How to tell that it is reached: “$1K a month”.'),
        ),
    ]
