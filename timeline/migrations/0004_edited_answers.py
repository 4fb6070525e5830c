"""An entry says whether its answer was edited."""

from django.db import migrations

from config.frozen import frozen_sql


class Migration(migrations.Migration):
    dependencies = [("timeline", "0003_moments"), ("reflections", "0004_edited_answers")]

    operations = [frozen_sql(__file__, "0004_edited_answers.sql", "0004_edited_answers_reverse.sql")]
