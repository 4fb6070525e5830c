"""An entry says whether its words were edited."""

from django.db import migrations

from config.frozen import frozen_sql


class Migration(migrations.Migration):
    dependencies = [
        ("timeline", "0005_journey_indexes"),
        ("goals", "0006_edited_words"),
        ("reflections", "0005_edited_words"),
    ]

    operations = [frozen_sql(__file__, "0006_edited_words.sql", "0006_edited_words_reverse.sql")]
