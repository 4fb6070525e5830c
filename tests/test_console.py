"""What all commands do, whichever they are."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from tests import factories
from tests.test_backfill import environment

COMMANDS = {
    "export_xapi": ["--site=https://learn.example.org"],
    "backfill_timeline": ["--check"],
    "purge_activity": ["--before=2020-01-31"],
    "import_xapi": [os.devnull],
    "showmigrations": [],
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("errors_too", [False, True])
def test_a_command_whose_reader_has_enough_ends_without_a_word(command, errors_too):
    factories.DailyNoteFactory()
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = subprocess.run(
            [sys.executable, "manage.py", command, *COMMANDS[command]],
            cwd=settings.BASE_DIR,
            env=environment(),
            stdout=writer,
            stderr=writer if errors_too else subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(writer)
    assert result.returncode == 141
    assert not result.stderr
