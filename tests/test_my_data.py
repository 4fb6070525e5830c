"""What is held about a person: found in every table, told on their page, handed over as a zip, erased at their word."""

import datetime
import io
import json
import re
import tracemalloc
import zipfile

import psycopg
import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import InternalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from goals.models import DailyNote
from privacy import holdings as held
from privacy.erasure import erase
from privacy.export import export, snapshot
from privacy.holdings import holdings, label, own_lookups, owns, references
from profiles.models import Profile
from tests import factories
from tests.test_concurrency import connect  # noqa: F401
from tests.test_erasure import EMAIL, NAME, WORDS, everything_about, files, media_root, telling, whole_database  # noqa: F401
from tests.test_erasure import person as thora  # noqa: F401
from tests.test_log_in import PASSWORD
from uploads.models import Upload
from uploads.store import media_of

PAGE = "/my-data/"


# What is told of


def test_every_reference_to_a_person_is_told_of_or_has_a_reason_not_to_be():
    """A new table, or a new column of one: say in privacy/holdings.py what of it is whose."""
    known = held.IN_ROWS_OF_OTHERS.keys() | held.EXCEPTIONS.keys()
    assert [label(field) for field in references() if not owns(field) and label(field) not in known] == []
    assert len(references()) > 25
    assert known <= {label(field) for field in references()}
    assert not held.IN_ROWS_OF_OTHERS.keys() & held.EXCEPTIONS.keys()
    models = {model._meta.label: model for model in apps.get_models()}
    for name, columns in held.WITHHELD.items():
        assert columns <= {field.name for field in models[name]._meta.local_fields}
    assert held.TITLES.keys() <= {model._meta.label for model in own_lookups()}


def test_what_hangs_on_what_is_theirs_is_theirs():
    lookups = {model._meta.label: found for model, found in own_lookups().items()}
    assert lookups["xapi.Statement"] == ["agent__profile"]
    assert "courses.Course" not in lookups


@pytest.mark.django_db
def test_of_the_rows_of_others_only_what_is_theirs_is_told(thora):  # noqa: F811
    teacher = factories.ProfileFactory()
    answer = {"instructor_response": "Yes.", "responded_at": timezone.now(), "responded_by": teacher}
    factories.ReflectionFactory(content="a secret", **answer)
    factories.GoalMessageFactory(author=teacher, content="Well done.")
    told = {holding.name: [*holding.rows.values(*holding.columns)] for holding in holdings(teacher)}
    assert told["reflections_by_you"][0]["instructor_response"] == "Yes."
    assert told["goal_messages_by_you"][0]["content"] == "Well done."
    assert "a secret" not in str(told)
    assert told["reflections"] == told["goal_messages"] == []


# The zip


def unzipped(pieces):
    """{name: content} of a zip; JSON read."""
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    return {name: json.loads(content) if name.endswith(".json") else content for name, content in found.items()}


@pytest.mark.django_db(transaction=True)
def test_the_download_is_everything_in_named_fields_with_the_files(thora, client):  # noqa: F811
    other = everything_about("Maya Okafor", "maya@example.org", "Apple jelly")
    client.force_login(thora)
    today = timezone.localdate()
    with CaptureQueriesContext(connection) as queries:
        response = client.get(f"{PAGE}download/")
        told = unzipped(response.streaming_content)
    assert response["Content-Type"] == "application/zip"
    named = re.search(r'filename="my-data-([0-9-]+)\.zip"', response["Content-Disposition"])[1]
    assert named in (str(today), str(timezone.localdate()))  # midnight may pass
    assert len(queries) < 60
    readme = told["README.txt"].decode()
    assert NAME in readme
    for model in own_lookups():
        table = f"{model._meta.db_table}.json"
        assert told[table], table
        assert f"{table} " in readme, table
    (account,) = told["profiles.json"]
    assert account["full_name"] == NAME
    assert "password" not in account
    assert {"expire_date": told["sessions.json"][0]["expire_date"], "user_id": str(thora.pk)} in told["sessions.json"]
    for row in told["daily_notes.json"]:
        assert row["content"] == WORDS
        assert datetime.datetime.fromisoformat(row["created_at"]).utcoffset() is not None
    assert told["goal_corrections.json"][0]["before"]["until"] is None
    assert told["video_progress.json"][0]["watched"]
    titles = {told["names.json"]["courses"][row["course_id"]] for row in told["enrollments.json"]}
    assert any(title.startswith("Selling what you make") for title in titles)
    # The files, as they are, under the names that the table says.
    for row in told["uploads.json"]:
        with Upload.objects.get(pk=row["id"]).file.open() as file:
            assert told[f"media/{row['file']}"] == file.read()
    assert "missing-files.txt" not in told
    # Nothing of anybody else: of those who wrote to them the name.
    text = str(told)
    for theirs in ("Apple jelly", "maya@example.org", str(other.pk)):
        assert theirs not in text
    assert told["names.json"]["profiles"][told["goal_messages.json"][0]["author_id"]]
    assert "@example.org" not in text.replace(EMAIL, "").replace(EMAIL.upper(), "")


@pytest.mark.django_db(transaction=True)
def test_what_no_page_shows_them_is_not_handed_over_either_but_erased(media_root):  # noqa: F811
    student, teacher = factories.ProfileFactory(), factories.ProfileFactory()
    question = {"id": "q", "kind": "short_answer", "prompt": "Who pays?", "choices": [], "tolerance": "0"}
    secret = {"answers": ["the customer"], "explanation": "Customers pay."}
    factories.QuizAttemptFactory(student=student, questions=[question | secret], answers={"q": ["my aunt"]})
    said, unsaid = (factories.UploadFactory(student=student, owner=teacher, voice=True) for _ in range(2))
    factories.GoalMessageFactory(student=student, author=teacher, content="Well done.", **media_of(said))
    words = {"content": "Not to you!", "hidden_at": timezone.now()}
    factories.GoalMessageFactory(student=student, author=teacher, **words, **media_of(unsaid))
    factories.DailyNoteFactory(student=student, content="My own.", hidden_at=timezone.now())
    told = unzipped(export(student))
    assert [*told["quiz_attempts.json"][0]["questions"][0].values()] == ["q", "short_answer", "Who pays?", []]
    assert told["quiz_attempts.json"][0]["answers"] == {"q": ["my aunt"]}
    assert told["daily_notes.json"][0]["content"] == "My own."
    assert [row["content"] for row in told["goal_messages.json"]] == ["Well done."]
    assert [name for name in told if name.startswith("media/")] == [f"media/{said.file.name}"]
    for text in ("the customer", "Customers pay", "Not to you", unsaid.file.name):
        assert text not in str(told)
    sent = unzipped(export(teacher))
    assert {f"media/{said.file.name}", f"media/{unsaid.file.name}"} <= sent.keys(), "to their author they are"
    erase(student)
    assert files(media_root) == set()


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_gone_from_the_disk_is_named(media_root):  # noqa: F811
    person = factories.ProfileFactory()
    gone, there = factories.UploadFactory(student=person), factories.UploadFactory(student=person)
    gone.file.storage.delete(gone.file.name)
    told = unzipped(export(person))
    assert gone.file.name in told["missing-files.txt"].decode()
    assert told[f"media/{there.file.name}"] == b"a picture"


@pytest.mark.django_db(transaction=True)
def test_a_download_is_of_one_moment_and_holds_up_nobody(connect):  # noqa: F811
    person, writer = factories.ProfileFactory(), connect()
    with snapshot():
        assert not DailyNote.objects.exists()
        writer.execute("INSERT INTO daily_notes (student_id, content) VALUES (%s, 'n')", [person.pk])
        writer.commit()
        assert not DailyNote.objects.exists()
    with pytest.raises(InternalError) as error, snapshot():
        DailyNote.objects.create(student=person, content="n")
    assert isinstance(error.value.__cause__, psycopg.errors.ReadOnlySqlTransaction)
    assert DailyNote.objects.count() == 1
    pieces = export(person)
    next(pieces)
    assert not connection.in_atomic_block, "nor is a snapshot held while it is sent"
    pieces.close()


@pytest.mark.django_db(transaction=True)
def test_a_long_history_takes_no_more_memory(media_root):  # noqa: F811
    def peak(rows):
        person = factories.ProfileFactory()
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO daily_notes (student_id, content)"
                " SELECT %s, repeat(md5(n::text), 30) FROM generate_series(1, %s) n",
                [person.pk, rows],
            )
        tracemalloc.start()
        size = sum(map(len, export(person)))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size, most

    small, of_small = peak(1_000)
    large, of_large = peak(4_000)
    assert large > 3.5 * small
    assert of_large < 1.3 * of_small


# The page


@pytest.fixture
def maya(client):
    maya = factories.ProfileFactory(full_name="Maya Okafor", email="maya@example.org", password=PASSWORD)
    client.force_login(maya)
    return maya


def post(client, password, **fields):
    return client.post(PAGE, {"password": password, **fields})


@pytest.mark.django_db
def test_the_page_tells_what_is_held_and_what_becomes_of_it_in_a_bounded_number_of_queries(
    client, maya, monkeypatch, django_assert_max_num_queries
):
    factories.DailyNoteFactory.create_batch(3, student=maya)
    factories.GoalMessageFactory(author=maya)
    text = " ".join(client.get(PAGE).text.split())
    assert '<tr><th scope="row">Your daily notes</th><td class="number">3</td></tr>' in text
    assert "<li>Messages that you wrote to students: 1</li>" in text
    assert "Your goals" not in text, "of which there is nothing is not told"
    factories.DailyNoteFactory.create_batch(30, student=maya)
    monkeypatch.setattr("config.admin.COUNT_LIMIT", 20)
    with django_assert_max_num_queries(60):
        assert 'Your daily notes</th><td class="number">20+</td>' in " ".join(client.get(PAGE).text.split())


@pytest.mark.django_db
def test_strangers_are_sent_to_the_log_in_and_others_data_have_no_address(client):
    factories.ProfileFactory(full_name="Maya Okafor")
    for address in (PAGE, f"{PAGE}download/"):
        assert client.get(address)["Location"].startswith("/login/")
    assert client.post(PAGE, {"password": PASSWORD})["Location"].startswith("/login/")
    assert Profile.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper(), "\0", "a" * 100_000])
def test_without_the_right_password_nothing_is_deleted(client, maya, password):
    before = whole_database() - {row for row in whole_database() if row[0].startswith("axes_")}
    response = post(client, password)
    assert response.status_code == 422
    assert 'role="alert"' in response.text
    assert before <= whole_database()
    assert client.get(PAGE).status_code == 200, "and one stays logged in"


@pytest.mark.django_db
def test_a_password_cannot_be_guessed_on_the_page_either(client, maya):
    for _ in range(9):
        assert post(client, "wrong").status_code == 422
    assert post(client, "wrong").status_code == 429
    assert post(client, PASSWORD).status_code == 429
    assert Profile.objects.filter(pk=maya.pk).exists()


@pytest.mark.django_db
def test_with_the_password_the_account_is_gone_and_the_form_sent_again_does_nothing(
    client, maya, django_capture_on_commit_callbacks
):
    other, elsewhere = factories.DailyNoteFactory(student__full_name="Maya Okafor").student, Client()
    factories.DailyNoteFactory(student=maya)
    elsewhere.force_login(maya)
    with django_capture_on_commit_callbacks(execute=True):
        response = post(client, PASSWORD, student=other.pk, id=other.pk)
    assert (response.status_code, response["Location"]) == (302, f"{PAGE}erased/")
    assert [*Profile.objects.all()] == [other]
    assert [note.student for note in DailyNote.objects.all()] == [other]
    assert '"storage"' in response["Clear-Site-Data"]
    assert "Your account is deleted" in client.get(response["Location"]).text
    for browser in (client, elsewhere):
        assert post(browser, PASSWORD)["Location"].startswith("/login/")
    assert client.post("/login/", {"username": "maya@example.org", "password": PASSWORD}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_who_cannot_be_locked_is_told_so_and_stays(client, maya, connect, monkeypatch):  # noqa: F811
    writer = connect()
    writer.execute("SELECT FROM profiles WHERE id = %s FOR UPDATE", [maya.pk])
    monkeypatch.setattr("xapi.loading.ATTEMPTS", 1)
    response = post(client, PASSWORD)
    assert response.status_code == 422
    assert "Nothing was deleted: try again." in response.text
    writer.rollback()
    assert post(client, PASSWORD).status_code == 302
    assert not Profile.objects.exists()


@pytest.mark.django_db
def test_the_last_superuser_stays_until_there_is_another(client):
    boss = factories.StaffFactory(is_superuser=True, password=PASSWORD)
    factories.StaffFactory(is_superuser=True, is_active=False)
    client.force_login(boss)
    assert "You are the only superuser" in client.get(PAGE).text
    assert post(client, PASSWORD).status_code == 422
    assert Profile.objects.filter(pk=boss.pk).exists()
    factories.StaffFactory(is_superuser=True)
    assert post(client, PASSWORD).status_code == 302
    assert not Profile.objects.filter(pk=boss.pk).exists()


# In the admin


def data_page(person):
    return reverse("admin:profiles_profile_data", args=[person.pk])


@pytest.mark.django_db(transaction=True)
def test_staff_hand_over_and_erase_for_a_student(client, media_root):  # noqa: F811
    staff, student = factories.StaffFactory(), factories.DailyNoteFactory().student
    upload = factories.UploadFactory(student=student)
    client.force_login(staff)
    page = client.get(reverse("admin:profiles_profile_change", args=[student.pk])).text
    assert data_page(student) in page
    page = client.get(data_page(student)).text
    assert '<th scope="row">Your daily notes</th><td>1</td><td>goes</td>' in page
    response = client.post(data_page(student))
    told = unzipped(response.streaming_content)
    assert told["profiles.json"][0]["id"] == str(student.pk)
    assert data_page(student) in client.get(reverse("admin:profiles_profile_delete", args=[student.pk])).text
    assert "Downloaded" in LogEntry.objects.get().change_message
    known = {str(student.pk), student.email, student.full_name.lower(), upload.file.name}
    assert client.post(reverse("admin:profiles_profile_delete", args=[student.pk]), {"post": "yes"}).status_code == 302
    assert telling(whole_database(), known) == set()
    assert not [*media_root.rglob("*.webp")]
    assert [(entry.user, entry.object_repr) for entry in LogEntry.objects.all()] == [(staff, "erased")]
    people = factories.ProfileFactory.create_batch(2)
    chosen = {"action": "delete_selected", "_selected_action": [person.pk for person in people], "post": "yes"}
    assert client.post(reverse("admin:profiles_profile_changelist"), chosen).status_code == 302
    assert [*Profile.objects.all()] == [staff]


@pytest.mark.django_db
def test_the_admins_page_is_for_staff_and_of_superusers_for_superusers(client):
    boss, staff, student = (
        factories.StaffFactory(is_superuser=True),
        factories.StaffFactory(),
        factories.ProfileFactory(),
    )
    client.force_login(student)
    for ask in (client.get, client.post):
        assert "/login/" in ask(data_page(student))["Location"]
    client.force_login(staff)
    for ask in (client.get, client.post):
        assert ask(data_page(boss)).status_code == 403
        assert ask(reverse("admin:profiles_profile_data", args=["nobody"])).status_code == 404
    assert "Erase this person" not in client.get(data_page(staff)).text, "oneself, on one's own page"


# In a browser


@pytest.mark.django_db(transaction=True)
def test_a_student_takes_their_data_along_and_deletes_the_account(page, assert_accessible, media_root):  # noqa: F811
    student = everything_about("Maya Okafor", "maya@example.org", "Apple jelly")
    factories.GoalMessageFactory(author=student)
    page.goto("/login/")
    page.get_by_label("E-mail address").fill("maya@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    menu = page.get_by_role("button", name="Maya Okafor")
    menu.wait_for()
    page.wait_for_load_state()  # a button is there before the menu that it opens
    menu.click()
    page.get_by_role("link", name="My data").click()
    page.wait_for_load_state()
    page.evaluate("localStorage.setItem('a draft', 'Apple jelly')")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download my data").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert "Apple jelly" in archive.read("daily_notes.json").decode()
    for theme, width in (("light", 1280), ("dark", 320)):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert_accessible(page)
    page.get_by_label("Your password").fill("not mine")
    page.get_by_role("button", name="Delete my account for good").click()
    page.get_by_role("link", name="Your password").wait_for()
    assert_accessible(page)
    assert page.get_by_role("alert").get_by_text("Nothing was deleted").is_visible()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Delete my account for good").press("Enter")
    page.get_by_role("heading", name="Your account is deleted").wait_for()
    assert_accessible(page)
    assert page.evaluate("localStorage.length") == 0
    assert not Profile.objects.filter(pk=student.pk).exists()
    page.goto(PAGE)
    page.get_by_label("E-mail address").wait_for()
