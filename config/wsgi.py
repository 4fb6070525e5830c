"""The WSGI entry point of every web server: gunicorn's and runserver's."""

import os
from pathlib import Path

from django.core.wsgi import get_wsgi_application
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from django.template import engines
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

TEMPLATES = {".html", ".txt"}

application = get_wsgi_application()


@receiver(connection_created)
def limit_statements(connection, **kwargs):
    """Let no request occupy the database for long.  Management commands do not come here: they may."""
    from django.conf import settings

    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [settings.STATEMENT_TIMEOUT])


def read_all():
    """Read the pages' code and templates now, not when they are first asked for.

    A new version comes into the folder in which the one before still runs, whose code its templates do not fit.
    """
    _ = get_resolver().url_patterns
    engine = engines["django"].engine
    for folder in map(Path, engine.dirs):
        for path in folder.rglob("*.*"):
            if path.suffix in TEMPLATES:
                engine.get_template(str(path.relative_to(folder)))


read_all()
