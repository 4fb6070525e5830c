#!/usr/bin/env python
"""Django's command line for the project."""

import os
import sys


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError

    from config.console import COULD_NOT_RUN, while_read

    try:
        with while_read():
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"{error}")
    except DatabaseError as error:
        from config.outage import why_not

        if "--traceback" in sys.argv or not (reason := why_not(error)):
            raise
        print(reason, file=sys.stderr)
        sys.exit(COULD_NOT_RUN)


if __name__ == "__main__":
    main()
