"""`make demo` and `make test`: what they promise on a machine of one's own."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from config.database.embedded import EmbeddedPostgres, answers
from config.health import can_serve
from demo.management.commands import demo as demo_command
from tests.processes import open_folder, wait_until

ROOT = settings.BASE_DIR


@pytest.fixture(scope="module")
def port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def database():
    with open_folder() as folder:
        server = EmbeddedPostgres(folder / "postgres")
        yield server
        server.delete()


@pytest.fixture
def demo(port, database):
    """A function that starts the demo, by way of another process if told; all are killed afterwards."""
    processes = []

    def start(*wrapper, port=port):
        process = subprocess.Popen(
            [*wrapper, sys.executable, "manage.py", "demo"],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "ENV_FILE": os.devnull,
                "EMBEDDED_POSTGRES_DIR": str(database.directory),
                "PORT": str(port),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a terminal of its own: signals to its group do not reach us
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    wait_until(lambda: not answers(database.home))


def serves(process, port):
    """Wait until the demo says that it serves; return what it said."""
    lines = []
    while f"http://127.0.0.1:{port}" not in "".join(lines[-1:]):
        line = process.stdout.readline()
        assert line, "".join(lines)
        lines.append(line)
    assert can_serve(port)
    return "".join(lines)


def test_the_first_start_migrates_loads_the_class_and_serves_and_ctrl_c_ends_everything(demo, database, port):
    process = demo()
    serves(process, port)
    family = psutil.Process(process.pid).children(recursive=True)
    assert family
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    assert process.wait(timeout=15) == 0
    assert "Traceback" not in process.stdout.read()
    assert not [child for child in family if child.is_running()]
    assert not answers(database.home)


def test_the_second_start_serves_within_five_seconds(demo, port):
    """Of processor time: how long that takes by the clock depends on what else the machine does."""
    process = demo()
    serves(process, port)
    started = psutil.Process(process.pid)
    times = [each.cpu_times() for each in (started, *started.children(recursive=True))]
    assert sum(each.user + each.system + each.children_user + each.children_system for each in times) < 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_stops_when_told_or_when_its_terminal_closes(demo, database, port, number):
    process = demo()
    serves(process, port)
    process.send_signal(number)
    assert process.wait(timeout=15) == 0
    assert not can_serve(port)
    assert not answers(database.home)


def test_a_taken_port_is_one_sentence(demo, port):
    serves(demo(), port)
    second = demo()
    output, _ = second.communicate(timeout=15)
    assert second.returncode == 1
    assert output.count("\n") == 1
    assert f"Port {port} is taken: stop the program that uses it" in output


def test_after_a_kill_it_starts_again_on_the_same_port(demo, port):
    for _ in range(2):
        process = demo()
        serves(process, port)
        process.kill()
        process.wait()


def test_a_killed_worker_and_a_killed_database_come_back_by_themselves(demo, database, port):
    process = demo()
    serves(process, port)
    [worker] = psutil.Process(process.pid).children()
    worker.kill()
    wait_until(lambda: can_serve(port))
    postmaster = psutil.Process(int((database.data / "postmaster.pid").read_text().split()[0]))
    postmaster.kill()
    postmaster.wait()
    wait_until(lambda: can_serve(port))
    assert postmaster.pid != int((database.data / "postmaster.pid").read_text().split()[0])


def test_it_stops_when_make_is_killed(demo, database, port):
    make = demo("sh", "-c", '"$@"; true', "sh")  # a parent that waits, as make does
    serves(make, port)
    [child] = psutil.Process(make.pid).children()
    make.kill()
    make.wait()
    psutil.wait_procs([child], timeout=15)
    assert not child.is_running()
    wait_until(lambda: not answers(database.home))


def test_an_impossible_port_is_one_sentence(demo):
    for port in ("80x", "0", "65536"):
        with pytest.raises(CommandError, match=f"^PORT is a number from 1 to 65535, not {port}\\.$"):
            demo_command.listen(port)
    output, _ = demo(port="80x").communicate(timeout=15)
    assert output == "CommandError: PORT is a number from 1 to 65535, not 80x.\n"


def test_a_reset_deletes_the_database_and_the_stored_files_alone(monkeypatch, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    for name, value in {"ENGINE": "config.database", "OPTIONS": {"directory": "here"}}.items():
        monkeypatch.setitem(settings.DATABASES["default"], name, value)
    deleted = []
    monkeypatch.setattr(
        demo_command,
        "embedded_postgres",
        lambda directory: SimpleNamespace(delete=lambda: deleted.append(directory)),
    )
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in (f"{'ab' * 16}.webm", f"{'cd' * 16}", "mine.webm"):
        (folder / name).touch()
    call_command("demo", reset=True)
    assert deleted == ["here"]
    assert [path.name for path in folder.iterdir()] == ["mine.webm"]


def test_the_demo_refuses_to_run_as_a_deployment():
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "SECRET_KEY": "x"}
    command = [sys.executable, "manage.py", "demo"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert "The demo serves this machine alone" in result.stderr


def test_the_python_of_the_venv_is_3_12_or_later_or_one_sentence_says_what_to_install(tmp_path):
    def find(path):
        return subprocess.run(
            ["/bin/sh", ROOT / "find-python.sh"],
            env={"PATH": str(path), "HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    nothing = find(tmp_path)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert re.fullmatch(r"This needs Python 3\.12 or later .*\n", nothing.stderr)
    (tmp_path / "python3.12").symlink_to(Path(sys.executable).resolve())
    assert find(tmp_path).stdout == f"{tmp_path}/python3.12\n"


def test_a_ctrl_c_that_is_lost_on_the_way_still_keeps_the_demo_from_serving(monkeypatch, port):
    def swallow(*args, **options):
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)

    served = []
    monkeypatch.setattr(demo_command, "migrate", lambda: None)
    monkeypatch.setattr(demo_command, "call_command", swallow)
    monkeypatch.setattr(demo_command.Server, "run", lambda self: served.append(self))
    before = signal.getsignal(signal.SIGINT)
    try:
        call_command("demo", port=str(port))
    finally:
        signal.signal(signal.SIGINT, before)
    assert served == []
