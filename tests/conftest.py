"""Fixtures for all tests.

`page` is a fresh page of a headless Chromium at the live server; a test that
uses it fails if the page throws an error or breaks the Content-Security-Policy.
`assert_accessible(page)` runs axe on what the page shows.  In all of them a form without its token fails.
"""

import atexit
import contextlib
import gc
import os
import threading
import time
import uuid
from types import SimpleNamespace

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connection
from django.template.defaulttags import CsrfTokenNode
from django.test import Client, TransactionTestCase
from hypothesis import settings

from config.database.embedded import EmbeddedPostgresError, embedded_postgres
from config.health import can_serve
from profiles.sessions import SessionStore
from tests import chromium, databases

# Hypothesis' own, for machines that decide about a change: the same examples each time, and none is too slow by chance.
# Others are searched for by pytest --hypothesis-profile=default.
settings.load_profile("ci")

# The files whose tests share what takes long to make: a server, a class, a year of entries.  One process has all tests
# of such a file; any other test goes to whichever process is free.
SHARING = ["conversation_queries", "database", "demo", "goal_plans", "production", "queries", "two_commands"]
# While one process migrates the database that the others copy, the next has this one's tests, which need no such.
WITHOUT = "tests/test_two_commands.py"


def forget_the_server(directory):
    with contextlib.suppress(EmbeddedPostgresError):  # another process uses it still, and is the one to delete it
        embedded_postgres(directory).delete()


def pytest_configure():
    database = django_settings.DATABASES["default"]
    if database["ENGINE"] == "config.database":
        # Before the server registers its own: so it runs after that.
        atexit.register(forget_the_server, database["OPTIONS"]["directory"])


def pytest_collection_finish():
    """What is there before the first test stays to the last: looking through it for garbage finds none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    files = {f"tests/test_{name}.py" for name in SHARING}

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, _, _ = nodeid.partition("::")
            return file if file in files else nodeid

        def _assign_work_unit(self, node):
            if WITHOUT in self.workqueue and node is not self.nodes[0]:
                self.workqueue.move_to_end(WITHOUT, last=False)
            super()._assign_work_unit(node)

    return Scheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def forms_have_their_tokens():
    """A form that is drawn without its token (by an include with `only`) fails: Django's test client would take it."""
    render = CsrfTokenNode.render

    def render_with_token(node, context):
        assert context.get("csrf_token"), "A {% csrf_token %} stands where the context has none."
        return render(node, context)

    CsrfTokenNode.render = render_with_token
    yield
    CsrfTokenNode.render = render


@pytest.fixture(scope="session", autouse=True)
def who_is_logged_in_by_force_has_a_session_and_nothing_else():
    """What `client.force_login()` is for, by three statements of Django's 17; tests/test_log_in.py sends the form."""
    log_in = Client.force_login

    def force_login(client, user, backend=None):
        user.backend = backend or client._get_backend()
        if old := client.cookies.get(django_settings.SESSION_COOKIE_NAME):
            SessionStore.get_model_class().objects.filter(session_key=old.value).delete()
        session = SessionStore()
        session[SESSION_KEY] = user._meta.pk.value_to_string(user)
        session[BACKEND_SESSION_KEY] = user.backend
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session._session_key = uuid.uuid4().hex  # as long as one of Django's, which asks first whether it is free
        session.save(must_create=True)
        client._set_login_cookies(SimpleNamespace(session=session))

    Client.force_login = force_login
    yield
    Client.force_login = log_in


@pytest.fixture(scope="session")
def migrated(testrun_uid, django_test_environment, django_db_blocker):
    """The name of a database with all migrations and nothing else, to be copied: `CREATE DATABASE … TEMPLATE`."""
    with django_db_blocker.unblock():
        name = f"test_{connection.settings_dict['NAME']}_template"
        with databases.template(name, testrun_uid):
            yield name


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, migrated):
    """pytest-django's, for the database of this process, which begins as a copy."""
    connection.settings_dict["TEST"]["TEMPLATE"] = migrated


@pytest.fixture(scope="session", autouse=True)
def what_was_committed_goes_by_rows():
    flush = TransactionTestCase._fixture_teardown

    def empty(test):
        if not databases.empty_by_rows():
            flush(test)

    TransactionTestCase._fixture_teardown = empty
    yield
    TransactionTestCase._fixture_teardown = flush


@pytest.fixture(scope="session")
def browsers_path():
    return chromium.find()


@pytest.fixture(scope="session")
def playwright(browsers_path):  # which may have been asked of another Playwright: two at a time there cannot be
    from playwright.sync_api import expect, sync_playwright

    # Playwright's event loop runs in this thread; Django would refuse to use the database beside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=10_000)  # as for everything else that is waited for
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright, browsers_path):
    """A headless Chromium, one for all tests: its shell, where there is one."""
    if browsers_path is None:
        pytest.fail(chromium.ADVICE, pytrace=False)
    browser = chromium.launch(playwright, chromium.find_shell() or browsers_path)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def browser_with_microphone(playwright, browsers_path, browser):
    if chromium.find_shell() is None:
        yield browser
    else:
        whole = chromium.launch(playwright, browsers_path)
        yield whole
        whole.close()


@pytest.fixture
def live_server(live_server, transactional_db):
    """pytest-django's; the tables are emptied once it has answered whatever was sent, also as a page was closed."""
    yield live_server
    wait_for_the_server(live_server.thread.port)


def wait_for_the_server(port):
    """Until nothing that was sent is being answered, and no transaction is open."""
    until = time.monotonic() + 5
    can_serve(port)  # connections are taken in turn: those before this one are in the hands of their threads now
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute(
                "SELECT FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
                " AND backend_type = 'client backend'"
            )
            answering = [each for each in threading.enumerate() if "process_request_thread" in each.name]
            if not cursor.fetchall() and not answering:
                return
            time.sleep(0.02)


@pytest.fixture
def page(request, browser, live_server):
    """A page of a browser of its own (no cookies); `page.goto("/")` is relative to the live server."""
    if request.node.get_closest_marker("microphone"):
        browser = request.getfixturevalue("browser_with_microphone")
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(10_000)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: "Content Security Policy" in message.text and errors.append(message.text))
    yield page
    context.close()
    assert not errors, "The page reported errors:\n" + "\n".join(errors)


# What another theme can make worse: the rest of axe's rules are about what is the same in all.
OF_COLOURS = ["color-contrast", "link-in-text-block"]


@pytest.fixture(scope="session")
def assert_accessible():
    """A function of a page: assert that axe finds no barrier on it (WCAG 2.2 A and AA, and best practices).

    With themes, that it finds none in the first, and no colour that is one in the others.
    """
    from axe_playwright_python.sync_playwright import Axe, AxeResults

    script = Axe().axe_script
    everything = {
        "rules": {"target-size": {"enabled": True}},  # of WCAG 2.2, off by default
        "resultTypes": ["violations"],  # what passes needs no telling
    }
    colours = {"runOnly": OF_COLOURS, "resultTypes": ["violations"]}

    def check(page, themes=(None,)):
        page.wait_for_load_state()  # a click that leads to another page does not wait for its style sheets
        if not page.evaluate("() => 'axe' in window"):
            page.evaluate(script)
        for theme in themes:
            if theme:
                page.emulate_media(color_scheme=theme)
            # A colour on its way to another (to the dark ones, say) is neither, and may be too pale for an instant.
            page.wait_for_function("() => document.getAnimations().every(each => each.playState !== 'running')")
            options = everything if theme == themes[0] else colours
            found = page.evaluate("options => axe.run(options).then(({ violations }) => ({ violations }))", options)
            where = f"{page.url} ({page.viewport_size['width']} wide, {theme or 'its theme'}): "
            assert not found["violations"], where + AxeResults(found).generate_report()

    return check
