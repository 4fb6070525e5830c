"""The WSGI entry point of every web server: gunicorn's and runserver's."""

import os

from django.core.wsgi import get_wsgi_application
from django.db.backends.signals import connection_created
from django.dispatch import receiver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()


@receiver(connection_created)
def limit_statements(connection, **kwargs):
    """Let no request occupy the database for long.  Management commands do not come here: they may."""
    from django.conf import settings

    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [settings.STATEMENT_TIMEOUT])
