"""`make demo`: the whole site with a class to look at, on this machine, until Ctrl-C."""

import contextlib
import os
import runpy
import signal
import socket
import threading
import time

import psutil
from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import DatabaseError, OperationalError, connection, connections
from django.db.migrations.exceptions import BadMigrationError, InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor
from gunicorn.app.base import BaseApplication
from rich.console import Console

from config.database.embedded import EmbeddedPostgresError, embedded_postgres
from config.files import stored_files
from config.health import can_serve

PATIENCE = 2  # seconds for a server that was just killed to let go of its port

console = Console(highlight=False)


class Command(BaseCommand):
    help = "Serve the demo on this machine: migrate, load the demo class if it is not there, serve until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--port", default=os.environ.get("PORT", "8000"), help="default: PORT, or 8000")
        parser.add_argument("--reset", action="store_true", help="delete the demo's database and its files instead")

    def handle(self, *, port, reset, **options):
        if not settings.LOCAL:
            raise CommandError("The demo serves this machine alone, with log-ins that everybody knows: set LOCAL=on.")
        interrupts = []

        def interrupt(*where):
            # Noted as well as raised: where code runs that may not raise, Python drops a KeyboardInterrupt.
            interrupts.append(where)
            raise KeyboardInterrupt

        signal.signal(signal.SIGINT, interrupt)
        # The keeper stops the database if we are killed here.
        with contextlib.suppress(KeyboardInterrupt):
            if reset:
                delete_database()
                return
            listener = listen(port)
            with console.status("Starting the database"):
                migrate()
            call_command("load_demo", anew="make demo-reset deletes it, and make demo then loads it anew")
            connections.close_all()
            if not interrupts:
                Server(listener).run()


def delete_database():
    database = settings.DATABASES["default"]
    if database["ENGINE"] != "config.database":
        raise CommandError("DATABASE_URL names the demo's database: only its owner should delete that.")
    try:
        embedded_postgres(database["OPTIONS"]["directory"]).delete()
    except EmbeddedPostgresError as error:
        raise CommandError(str(error)) from error
    for _, entry in stored_files():
        os.unlink(entry.path)


def listen(port):
    """A listening socket on this machine's `port`; taken at once, so that nobody else has it when we are ready."""
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise CommandError(f"PORT is a number from 1 to 65535, not {port}.")
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_server(("127.0.0.1", int(port)), backlog=128)
        except PermissionError:
            raise CommandError(f"Port {port} is for root alone: choose another (make demo PORT=8001).") from None
        except OSError:
            if time.monotonic() > deadline:
                raise CommandError(
                    f"Port {port} is taken: stop the program that uses it (another make demo?),"
                    f" or choose another port (make demo PORT={int(port) % 65535 + 1})."
                ) from None
        time.sleep(0.2)


def migrate():
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0, interactive=False)
    except OperationalError:
        raise
    except (DatabaseError, BadMigrationError, InconsistentMigrationHistory) as error:
        reason = str(error).strip().split("\n")[0]
        raise CommandError(
            f"The database is of another version and cannot be migrated ({reason}): make demo-reset deletes it."
        ) from error


class Server(BaseApplication):
    """gunicorn in this process, as gunicorn.conf.py has it, but for one person, on `listener`."""

    def __init__(self, listener):
        self.listener = listener
        self.host_and_port = listener.getsockname()
        self.parent = os.getppid()
        super().__init__()

    def load_config(self):
        configuration = runpy.run_path(str(settings.BASE_DIR / "gunicorn.conf.py"))
        configuration |= {
            "bind": f"fd://{self.listener.fileno()}",
            "workers": 1,
            "threads": 8,
            "graceful_timeout": 2,
            "accesslog": None,
            "loglevel": "warning",
            "when_ready": self.when_ready,
            "post_worker_init": self.post_worker_init,
        }
        for name in configuration.keys() & self.cfg.settings.keys():
            self.cfg.set(name, configuration[name])

    def load(self):
        from config.wsgi import application

        return application

    def when_ready(self, arbiter):
        # The terminal is gone: stop.  (gunicorn would read its configuration again.)
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))

    def post_worker_init(self, worker):
        # A terminal tells everybody; the arbiter tells the worker, and told twice it may hang on its way out.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        threading.Thread(target=self.accompany, args=[worker], daemon=True).start()

    def accompany(self, worker):
        """In the worker: say that the first one answers; stop the server when who started it (make) is killed."""
        if worker.age == 1:
            self.welcome()
        with contextlib.suppress(psutil.NoSuchProcess):
            arbiter = psutil.Process(worker.ppid)
            while arbiter.ppid() == self.parent:
                time.sleep(1)
            arbiter.terminate()

    def welcome(self):
        while not can_serve(self.host_and_port[1]):
            time.sleep(0.2)
        address = "{}:{}".format(*self.host_and_port)
        console.print(f"\nat [bold]http://{address}[/bold] (administration: http://{address}/admin/)")
        console.print("\nCtrl-C stops it; the data are kept.")
