"""The admin, through Django's test client: every page of every model, as stranger, student, staff and superuser."""

import datetime
import html.parser
import itertools
import re
import threading
import uuid
from decimal import Decimal

import psycopg
import pytest
from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import get_hasher
from django.contrib.messages import get_messages
from django.core.exceptions import ValidationError
from django.db import ProgrammingError, connection, models
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.range import TimestamptzRange

import config.admin
import courses.admin
from courses import enrolling
from courses.enrolling import enrol_all
from courses.forms import QuizForm, clock, read_answers, write_answers
from courses.models import (
    Course,
    Enrollment,
    Lesson,
    QuestionKind,
    Quiz,
    QuizAttempt,
    QuizQuestion,
    Video,
    VideoProgress,
)
from goals.models import DailyNote, Goal, GoalHistory, GoalMessage, GoalPeriod
from profiles.models import Profile
from reflections.answers import answer
from reflections.models import Reflection
from tests import factories
from tests.processes import wait_until
from timeline.models import Activity

OURS = [
    model
    for model in admin.site._registry
    if model._meta.app_label in ("profiles", "courses", "reflections", "goals", "timeline", "news")
]
PASSWORD = "correct horse battery"
SHEET = uuid.uuid4()  # tells one list of people from another
NEW_YORK = timezone.get_default_timezone()


def label(model):
    return model._meta.label


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def superuser(db):
    return factories.StaffFactory(is_superuser=True)


@pytest.fixture
def as_superuser(client, superuser):
    client.force_login(superuser)
    return client


@pytest.fixture
def staff(db):
    return factories.StaffFactory()


@pytest.fixture
def as_staff(staff):
    client = Client()
    client.force_login(staff)
    return client


def populate():
    """A row more of every table, two where they are shown together; by model."""
    course = factories.CourseFactory()
    instructor = factories.CourseInstructorFactory(course=course).instructor
    lesson = factories.LessonFactory(course=course)
    video = factories.VideoFactory(lesson=lesson)
    checkpoint = factories.CheckpointFactory(video=video)
    quiz = factories.QuizFactory(video=video, video_timestamp_seconds=5)
    student = factories.ProfileFactory()
    goal = factories.GoalFactory(student=student)
    rows = [
        course,
        lesson,
        video,
        checkpoint,
        quiz,
        factories.QuizQuestionFactory(quiz=quiz),
        student,
        goal,
        factories.GoalPeriodFactory(goal=goal),
        factories.GoalMilestoneFactory(goal=goal),
        factories.GoalProposalFactory(student=student, author=instructor),
        factories.GoalCorrectionFactory(goal=goal, author=instructor),
        factories.SharedStoryFactory(goal=goal, course=course),
        factories.CongratulationFactory(person=instructor),
        factories.NewsByMailFactory(person=student),
        factories.EnrollmentFactory(student=student, course=course),
        factories.LessonCompletionFactory(student=student, lesson=lesson),
        factories.VideoProgressFactory(student=student, video=video),
        factories.CheckpointReachedFactory(student=student, checkpoint=checkpoint),
        factories.QuizAttemptFactory(student=student, quiz=quiz, submitted=True),
        factories.DailyNoteFactory(student=student),
        factories.SuccessProofFactory(goal=goal),
        factories.GoalMessageFactory(student=student, goal=goal, author=instructor),
        factories.ReflectionFactory(
            student=student,
            video=video,
            instructor_response="Ask.",
            responded_at=timezone.now(),
            responded_by=instructor,
        ),
    ]
    found = {type(row): row for row in rows}
    found[GoalHistory] = student
    found[Activity] = Activity.objects.filter(student=student).order_by("id").last()
    return found


def add_children(rows):
    """More rows on the pages that edit or show several together."""
    course, lesson, video, quiz, goal = (rows[model] for model in (Course, Lesson, Video, Quiz, Goal))
    factories.CourseInstructorFactory(course=course)
    factories.LessonFactory(course=course)
    factories.VideoFactory(lesson=lesson)
    factories.CheckpointFactory(video=video)
    factories.QuizFactory(video=video, video_timestamp_seconds=9)
    factories.QuizQuestionFactory(quiz=quiz)
    factories.GoalMilestoneFactory(goal=goal)
    other = factories.GoalFactory(student=goal.student)
    for weeks, of in ((9, goal), (7, other)):
        start = timezone.now() - datetime.timedelta(weeks=weeks)
        factories.GoalPeriodFactory(goal=of, period=TimestamptzRange(start, start + datetime.timedelta(weeks=1)))


def queries(client, url):
    with CaptureQueriesContext(connection) as captured:
        response = client.get(url)
    assert response.status_code == 200, url
    return captured


class FormReader(html.parser.HTMLParser):
    """What a browser would send: the names and values of a page's form fields."""

    def __init__(self, page):
        super().__init__()
        self.fields, self.select, self.area = {}, None, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        name, value = attributes.get("name"), attributes.get("value", "")
        if tag == "input" and name and attributes.get("type") not in ("submit", "button"):
            if attributes.get("type") not in ("checkbox", "radio") or "checked" in attributes:
                self.fields[name] = value or ("on" if attributes.get("type") == "checkbox" else "")
        elif tag == "select" and name:
            self.select = name
        elif tag == "option" and self.select and "selected" in attributes:
            self.fields[self.select] = value
        elif tag == "textarea":
            self.area = name
            self.fields[name] = ""

    def handle_endtag(self, tag):
        if tag == "select":
            self.select = None
        elif tag == "textarea":
            self.area = None

    def handle_data(self, data):
        if self.area:
            self.fields[self.area] = self.fields[self.area].removeprefix("\n") + data


def fill_in(client, url, changes, **options):
    """Open a page, change some of its fields, save."""
    fields = FormReader(client.get(url).text).fields
    for name in ("q", "action", "post"):
        fields.pop(name, None)
    return client.post(url, fields | changes, **options)


def added(prefix, number, existing=0, **fields):
    """Rows of an inline behind its `existing` ones; `number` in all."""
    return {f"{prefix}-TOTAL_FORMS": str(existing + number)} | fields


def errors_of(response):
    assert response.status_code == 200, "the page was left: saved, or refused in another way"
    return response.text


def can_log_in(username, password):
    return authenticate(RequestFactory().post("/"), username=username, password=password) is not None


def at(text):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def split(prefix, moment):
    return {
        f"{prefix}_0": f"{moment:%Y-%m-%d}" if moment else "",
        f"{prefix}_1": f"{moment:%H:%M:%S}" if moment else "",
    }


# Who comes in


def test_a_stranger_is_sent_to_the_sites_log_in_and_back(client, db):
    response = client.get(reverse("admin:courses_course_changelist"), follow=True)
    assert response.redirect_chain[-1][0] == f"{reverse('login')}?next=/admin/courses/course/"
    assert client.get("/admin/login/").url == f"{reverse('login')}?next=/admin/"


@pytest.mark.parametrize("page", ["admin:index", "admin:profiles_profile_changelist", "admin:autocomplete"])
def test_students_and_instructors_are_refused(client, db, page):
    for person in (factories.EnrollmentFactory().student, factories.CourseInstructorFactory().instructor):
        client.force_login(person)
        assert client.get(reverse(page), follow=True).status_code == 403


def test_a_closed_staff_account_is_a_stranger(client, db):
    client.force_login(factories.StaffFactory(is_active=False))
    assert client.get(reverse("admin:index")).status_code == 302


def test_the_index_is_ordered_by_what_staff_come_for(as_staff):
    response = as_staff.get(reverse("admin:index"))
    sections = [section["name"] for section in response.context["app_list"]]
    assert sections[:6] == ["People", "Catalogue", "Learning", "Writings", "Goals", "Timeline"]
    listed = {entry["model"] for section in response.context["app_list"] for entry in section["models"]}
    assert set(OURS) <= listed
    assert "Students, instructors and staff" in response.text


# Lists and pages


def test_a_list_takes_as_many_queries_for_many_rows_as_for_one(as_staff):
    populate()
    lists = [address(model, "changelist") for model in OURS]
    few = {url: len(queries(as_staff, url)) for url in lists}
    populate()  # still one page: the next one begins with a query of its own
    assert {url: len(queries(as_staff, url)) for url in lists} == few


def test_a_page_takes_as_many_queries_for_many_children_as_for_few(as_superuser):
    rows = populate()
    pages = [address(model, "change", rows[model].pk) for model in OURS]
    for url in pages:
        as_superuser.get(url)  # content types are looked up once a process
    few = {url: len(queries(as_superuser, url)) for url in pages}
    add_children(rows)
    assert {url: len(queries(as_superuser, url)) for url in pages} == few


def test_no_form_offers_all_the_rows_of_another_table(as_superuser):
    rows = populate()
    request = as_superuser.get("/admin/").wsgi_request
    pages = [(model, address(model, "change", rows[model].pk)) for model in OURS]
    for model in OURS:
        model_admin = admin.site.get_model_admin(model)
        if model not in (GoalHistory, Activity) and model_admin.has_add_permission(request):
            pages.append((model, address(model, "add")))
    for model, page in pages:
        context = as_superuser.get(page).context
        all_forms = [context["adminform"].form]
        for inline in context["inline_admin_formsets"]:
            all_forms += [*inline.formset.forms, inline.formset.empty_form]
        for form in all_forms:
            for name, field in form.fields.items():
                if type(field) is forms.ModelChoiceField and (model, name) != (GoalHistory, "goal"):
                    widget = field.widget
                    if widget.is_hidden:  # the id of a row in an inline
                        continue
                    assert isinstance(getattr(widget, "widget", widget), AutocompleteSelect), (page, name)


def test_a_goal_history_offers_the_goals_of_its_student_alone(as_staff):
    rows = populate()
    stranger = populate()[Goal]
    page = as_staff.get(address(GoalHistory, "change", rows[GoalHistory].pk)).text
    assert str(rows[Goal].pk) in page
    assert str(stranger.pk) not in page


def test_every_foreign_key_that_is_typed_in_has_its_suggestions(as_staff):
    rows = populate()
    for model in OURS:
        for field in model._meta.fields:
            if field.many_to_one and admin.site.is_registered(field.remote_field.model):
                options = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
                answer = as_staff.get(
                    reverse("admin:autocomplete"), options | {"field_name": field.name, "term": ""}
                ).json()
                assert answer["results"], field
    maya = factories.ProfileFactory(full_name="Maya Okafor")
    term = {"app_label": "goals", "model_name": "goal", "field_name": "student", "term": "okaf"}
    answer = as_staff.get(reverse("admin:autocomplete"), term).json()
    assert [result["id"] for result in answer["results"]] == [str(maya.pk)]
    assert rows


def test_every_filter_of_a_list_keeps_what_it_says(as_staff):
    rows = populate()
    populate()
    names = ("student", "course", "lesson", "lesson__course", "video", "quiz", "goal", "author")
    asked = 0
    for model, name in itertools.product(OURS, names):
        row = rows[model]
        if any(
            isinstance(entry, tuple) and entry[0] == name for entry in admin.site.get_model_admin(model).list_filter
        ):
            other = row
            for part in name.split("__"):
                other = getattr(other, part)
            if other is None or (model is Activity and name == "course"):
                continue
            response = as_staff.get(address(model, "changelist"), {name: str(other.pk)})
            listed = list(response.context["cl"].result_list)
            assert row in listed, (model, name)
            for found in listed:
                for part in name.split("__"):
                    found = getattr(found, part)
                assert found == other, (model, name)
            assert str(other) in html.unescape(response.text), (model, name)
            asked += 1
    assert asked > 20


def test_a_filter_with_nothing_to_choose_is_not_there_and_others_say_what_is_listed(as_staff):
    url = address(Quiz, "changelist")
    assert as_staff.get(url).text.count('class="field-filter') == 0
    factories.QuizFactory(passing_score=75)  # in no video, of which there is none
    page = as_staff.get(url).text
    assert page.count('class="field-filter') == page.count('data-placeholder="Any lesson"') == 1
    assert ">75%<" in page
    factories.VideoFactory()
    assert 'data-placeholder="Any video"' in as_staff.get(url).text
    factories.QuizAttemptFactory(submitted=True, score="66.67")
    assert ">66.67%<" in as_staff.get(address(QuizAttempt, "changelist")).text


def test_a_filter_that_makes_no_sense_is_ignored_with_a_word(as_staff):
    response = as_staff.get(address(Goal, "changelist"), {"student": "nobody"}, follow=True)
    assert response.status_code == 200
    assert response.redirect_chain == [("/admin/goals/goal/?e=1", 302)]
    assert as_staff.get(address(Goal, "changelist"), {"student": ""}).status_code == 200


@pytest.mark.parametrize("model", OURS, ids=label)
def test_a_filter_by_what_no_text_can_hold_is_refused_in_every_list(as_staff, model):
    texts = [field.name for field in model._meta.concrete_fields if isinstance(field, models.TextField)]
    for name in ["id", *texts]:
        for lookup in (name, f"{name}__startswith"):
            response = as_staff.get(address(model, "changelist"), {lookup: "a\0b"})
            assert response.status_code == 400
            assert "A filter in the address" in response.text
    assert as_staff.get(address(model, "changelist"), {"q": "a\0b"}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_filter_that_the_database_cannot_read_is_refused(client):
    client.force_login(factories.StaffFactory())
    for model, lookup, value in (
        (Course, "title__regex", "("),
        (Course, "title__range", "1"),
        (Course, "created_at__year", "-5"),
        (Course, "created_at__year", "9" * 20),
        (QuizQuestion, "choices", "x"),
        (VideoProgress, "watched__gte", "x"),
        (VideoProgress, "tenth_reached_at__in", "x"),
        (VideoProgress, "viewing__a\0b", "x"),
    ):
        response = client.get(address(model, "changelist"), {lookup: value})
        assert response.status_code == 400, lookup
        assert "A filter in the address" in response.text
    factories.CourseFactory(title="Selling")
    assert "Selling" in client.get(address(Course, "changelist"), {"title__regex": "^S"}).text


def test_what_no_page_of_the_admin_sends_is_no_error_of_ours(as_staff):
    term = {"app_label": "goals", "model_name": "goal", "field_name": "student", "term": "a\0b"}
    assert as_staff.get(reverse("admin:autocomplete"), term).status_code == 200
    chosen = {"action": "delete_selected", "_selected_action": "nobody", "post": "yes"}
    assert as_staff.post(address(Goal, "changelist"), chosen).status_code == 400


def test_a_key_that_is_none_is_refused_in_the_form(as_staff):
    rows = populate()
    add_children(rows)
    typed = dict.fromkeys(("student", "course", "lesson", "video", "quiz", "goal", "person", "author"), "nobody")
    forms = 0
    for model in OURS:
        for page, key, query in (("change", (rows[model].pk,), {}), ("add", (), typed)):
            response = as_staff.get(address(model, page, *key), query)
            if response.status_code == 403:
                continue
            assert response.status_code == 200, (model, page)
            keys = set(re.findall(r'<select name="([^"]+)"[^>]*class="[^"]*admin-autocomplete', response.text))
            if forged := dict.fromkeys((each for each in keys if "__prefix__" not in each), "nobody"):
                sent = FormReader(response.text).fields | forged
                refused = errors_of(as_staff.post(address(model, page, *key), sent))
                assert refused.count("That choice is not one of the available choices.") == len(forged), (model, page)
                forms += 1
    assert forms > 20


def test_people_are_found_by_part_of_a_name_or_an_address(as_staff):
    maya = factories.ProfileFactory(full_name="Maya Okafor", email="mo@example.net")
    factories.ProfileFactory(full_name="Somebody Else")
    for words in ("okaf", "OKAFOR maya", "mo@example.net"):
        listed = as_staff.get(address(Profile, "changelist"), {"q": words}).context["cl"].result_list
        assert list(listed) == [maya], words


def test_a_long_list_is_counted_and_paged_so_far_and_no_further(as_staff, monkeypatch):
    monkeypatch.setattr(config.admin, "COUNT_LIMIT", 4)
    monkeypatch.setattr(admin.site.get_model_admin(Course), "list_per_page", 2)
    factories.CourseFactory.create_batch(4)
    response = as_staff.get(address(Course, "changelist"))
    assert "4 courses" in " ".join(response.text.split())
    factories.CourseFactory.create_batch(3)
    with CaptureQueriesContext(connection) as captured:
        response = as_staff.get(address(Course, "changelist"))
    assert "4+ courses" in " ".join(response.text.split())
    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT 5" in sql for sql in counts)
    assert response.context["cl"].paginator.num_pages == 2
    seen = [
        course.pk
        for page in "12"
        for course in as_staff.get(address(Course, "changelist"), {"p": page}).context["cl"].result_list
    ]
    assert seen == list(Course.objects.order_by("title", "id").values_list("pk", flat=True)[:4])
    response = as_staff.get(address(Course, "changelist"), {"p": "3"}, follow=True)
    assert response.redirect_chain


@pytest.mark.parametrize("ticked", ["1", "2", "true", "on"])
def test_all_rows_of_a_long_list_cannot_be_chosen_at_once(as_staff, monkeypatch, ticked):
    monkeypatch.setattr(config.admin, "COUNT_LIMIT", 2)
    notes = factories.DailyNoteFactory.create_batch(3)
    options = {"action": "hide", "select_across": ticked, "_selected_action": [notes[0].pk], "index": "0"}
    response = as_staff.post("/admin/goals/dailynote/", options, follow=True)
    assert "Choose at most 2 at once" in response.text
    assert not any(type(note).objects.filter(hidden_at__isnull=False).exists() for note in notes)


def test_the_count_is_written_with_its_limit():
    assert str(config.admin.BoundedCount(10_000)) == "10,000"
    assert str(config.admin.BoundedCount(10_001)) == "10,000+"


# Plans: what a list asks is served by an index also when the table is large.


def plans(client, url, table, **settings):
    captured = queries(client, url)
    asked = [query["sql"] for query in captured if f'FROM "{table}"' in query["sql"]]
    asked = [sql for sql in asked if not sql.endswith("LIMIT 21")]  # who is logged in
    assert asked
    with connection.cursor() as cursor:
        for name, value in settings.items():
            cursor.execute(f"SET LOCAL {name} = {value}")
        found = []
        for sql in asked:
            cursor.execute(f"EXPLAIN (COSTS OFF) {sql}")
            found.append("\n".join(line for (line,) in cursor))
        for name in settings:
            cursor.execute(f"SET LOCAL {name} TO DEFAULT")
    return found


# The catalogue: some thousands of rows at most.
SMALL = {"course_instructors", "courses", "course_chapters", "media_files", "quizzes", "checkpoints", "quiz_questions"}


@pytest.mark.parametrize("model", [model for model in OURS if model._meta.db_table not in SMALL], ids=label)
def test_the_list_of_a_large_table_is_a_walk_along_an_index(as_staff, model):
    populate()
    off = dict.fromkeys(("enable_seqscan", "enable_sort", "enable_hashjoin", "enable_mergejoin"), "off")
    for plan in plans(as_staff, address(model, "changelist"), model._meta.db_table, **off):
        assert f"Seq Scan on {model._meta.db_table}" not in plan
        assert "Sort" not in plan


FILTERS = [
    ("profiles.Profile", "role=staff", "profiles_staff"),
    ("profiles.Profile", "role=closed", "profiles_closed"),
    ("reflections.Reflection", "answer=waiting", "reflections_waiting"),
    ("reflections.Reflection", "hidden=yes", "reflections_hidden"),
    ("goals.DailyNote", "hidden=yes", "daily_notes_hidden"),
    ("goals.SuccessProof", "hidden=yes", "success_proofs_hidden"),
    ("goals.GoalMessage", "hidden=yes", "goal_messages_hidden"),
    ("timeline.Activity", "student={student}", "idx_student_date"),
    ("timeline.Activity", "student={student}&day=2025-03-15", "idx_student_date"),
    ("timeline.Activity", "student={student}&kind=daily_note&status=responded", "idx_student_date"),
    ("timeline.Activity", "video={video}", "idx_video_kind"),
    ("timeline.Activity", "video={video}&kind=daily_note", "idx_video_kind"),
    ("timeline.Activity", "status=pending", "idx_response_status"),
    ("timeline.Activity", "status=pending&course={course}", "idx_response_status"),
    ("timeline.Activity", "kind=daily_note&day=2025-03-15&course={course}", "student_activity_timeline_pkey"),
]


@pytest.mark.parametrize(("name", "filters", "index"), FILTERS)
def test_a_filter_of_a_large_table_is_served_by_its_index_in_order(as_staff, name, filters, index):
    rows = populate()
    model = apps.get_model(name)
    filters = filters.format(student=rows[Profile].pk, video=rows[Video].pk, course=rows[Course].pk)
    url = f"{address(model, 'changelist')}?{filters}"
    off = dict.fromkeys(("enable_seqscan", "enable_sort", "enable_bitmapscan"), "off")
    for plan in plans(as_staff, url, model._meta.db_table, **off):
        assert re.search(rf"Index (Only )?Scan (Backward )?using {index} ", plan), plan
        assert "Sort" not in plan


@pytest.mark.parametrize("model", [Profile, GoalHistory])
def test_a_search_for_a_person_is_served_by_trigrams(as_staff, model):
    factories.ProfileFactory(full_name="Maya Okafor")
    off = dict.fromkeys(("enable_seqscan", "enable_indexscan", "enable_indexonlyscan"), "off")
    found = plans(as_staff, f"{address(model, 'changelist')}?q=okafor", "profiles", **off)
    searches = [plan for plan in found if "~~" in plan]
    assert searches
    assert all("profiles_search" in plan for plan in searches)


# Writing a course


def test_a_course_is_written_from_its_title_to_its_questions(as_staff):
    instructor = factories.ProfileFactory()
    response = as_staff.post(
        address(Course, "add"),
        {
            "title": "Selling what you make",
            "description": "",
            "courseinstructor_set-INITIAL_FORMS": "0",
            **added("courseinstructor_set", 1),
            "courseinstructor_set-0-instructor": str(instructor.pk),
            "lessons-INITIAL_FORMS": "0",
            **added("lessons", 2),
            "lessons-0-title": "The first customer",
            "lessons-1-title": "The price",
        },
    )
    assert response.status_code == 302
    course = Course.objects.get()
    assert list(course.instructors.all()) == [instructor]
    assert list(course.lessons.values_list("position", "title")) == [(1, "The first customer"), (2, "The price")]

    lesson = course.lessons.first()
    page = address(Lesson, "change", lesson.pk)
    assert 'type="file" name="videos-__prefix__-file"' in as_staff.get(page).text
    videos = added("videos", 1, **{"videos-0-title": "Whom to ask", "videos-0-duration_seconds": "10:00"})
    assert fill_in(as_staff, address(Lesson, "change", lesson.pk), videos).status_code == 302
    video = lesson.videos.get()
    assert (video.duration_seconds, video.position) == (600, 1)
    last = added("quizzes", 1, **{"quizzes-0-title": "All of it", "quizzes-0-passing_score": "80"})
    assert fill_in(as_staff, page, last).status_code == 302
    assert lesson.quizzes.get().video is None

    parts = {
        **added("checkpoints", 1),
        "checkpoints-0-video_timestamp_seconds": "1:15",
        "checkpoints-0-title": "The three questions",
        **added("quizzes", 1),
        "quizzes-0-video_timestamp_seconds": "2:30",
        "quizzes-0-title": "What a customer is",
        "quizzes-0-passing_score": "50",
    }
    assert fill_in(as_staff, address(Video, "change", video.pk), parts).status_code == 302
    assert video.checkpoints.get().video_timestamp_seconds == 75
    quiz = video.quizzes.get()
    assert (quiz.lesson, quiz.video_timestamp_seconds) == (lesson, 150)

    written = [
        ("single_choice", "You\n* The customer\n", "0"),
        ("multiple_choice", "*Shops\n*Markets\nNobody", "0"),
        ("short_answer", "price\nthe price", "0"),
        ("number", " 3.5 ", "0.25"),
    ]
    questions = added("questions", 4)
    for place, (kind, text, tolerance) in enumerate(written):
        questions |= {
            f"questions-{place}-kind": kind,
            f"questions-{place}-prompt": f"Question {place}?",
            f"questions-{place}-answers_text": text,
            f"questions-{place}-tolerance": tolerance,
        }
    assert fill_in(as_staff, address(Quiz, "change", quiz.pk), questions).status_code == 302
    assert list(quiz.questions.values_list("kind", "choices", "answers", "tolerance")) == [
        ("single_choice", ["You", "The customer"], ["The customer"], 0),
        ("multiple_choice", ["Shops", "Markets", "Nobody"], ["Shops", "Markets"], 0),
        ("short_answer", [], ["price", "the price"], 0),
        ("number", [], ["3.5"], 0.25),
    ]

    # Saved again as it is, nothing changes.
    before = list(QuizQuestion.objects.order_by("id").values())
    assert fill_in(as_staff, address(Quiz, "change", quiz.pk), {}).status_code == 302
    assert list(QuizQuestion.objects.order_by("id").values()) == before

    page = as_staff.get(address(Quiz, "change", quiz.pk)).text
    crumbs = page[page.index('class="breadcrumbs"') : page.index("</ol>")]
    for row in (course, lesson, video):
        assert address(type(row), "change", row.pk) in crumbs


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("single_choice", "one\ntwo", "Mark the right choice with a *"),
        ("single_choice", "*one", "Write at least two choices"),
        ("single_choice", "*one\n*two", "2 lines begin with a *"),
        ("multiple_choice", "*one\n*one", "is there twice"),
        ("multiple_choice", "*one\n*", "has only a *"),
        ("short_answer", " \n", "at least one accepted answer"),
        ("number", "", "Write the number"),
        ("number", "3,5", "is not a number"),
        ("number", "NaN", "is not a number"),
        ("number", "1\n2", "write a single line"),
    ],
)
def test_an_author_is_told_what_is_wrong_with_the_answers(as_staff, kind, text, message):
    quiz = factories.QuizFactory()
    fields = added("questions", 1) | {
        "questions-0-kind": kind,
        "questions-0-prompt": "Why?",
        "questions-0-answers_text": text,
        "questions-0-tolerance": "0",
    }
    page = errors_of(fill_in(as_staff, address(Quiz, "change", quiz.pk), fields))
    assert message in html.unescape(page)
    assert not quiz.questions.exists()


lines = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1).filter(
    lambda line: len(line.splitlines()) == 1
)


@given(st.lists(lines, min_size=2, unique=True), st.data())
def test_choices_come_back_as_they_were_written(choices, data):
    answers = data.draw(st.lists(st.sampled_from(choices), min_size=1, unique=True))
    answers = [choice for choice in choices if choice in answers]
    question = QuizQuestion(kind=QuestionKind.MULTIPLE, choices=choices, answers=answers)
    assert read_answers(question.kind, write_answers(question)) == (choices, answers)


@given(st.lists(lines, min_size=1, unique=True))
def test_accepted_answers_come_back_as_they_were_written(answers):
    question = QuizQuestion(kind=QuestionKind.TEXT, answers=answers)
    assert read_answers(question.kind, write_answers(question)) == ([], answers)


@pytest.mark.parametrize(
    ("text", "seconds"), [("150", 150), ("2:30", 150), ("1:01:01", 3661), (" 0:05 ", 5), ("90:00", 5400)]
)
def test_a_moment_is_written_as_a_player_shows_it(text, seconds):
    field = QuizForm().fields["video_timestamp_seconds"]
    assert field.clean(text) == seconds
    assert field.clean(clock(seconds)) == seconds


@pytest.mark.parametrize("text", ["2:75", "half past", "-3", "1:2:3:4", "25:00:00", "2.5", "٣"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ValidationError):
        QuizForm().fields["video_timestamp_seconds"].clean(text)


def test_a_checkpoint_lies_within_its_video(as_staff):
    video = factories.VideoFactory(duration_seconds=60)
    fields = added("checkpoints", 1) | {
        "checkpoints-0-video_timestamp_seconds": "1:00",
        "checkpoints-0-title": "Past the end",
    }
    assert "only 1:00 long" in errors_of(fill_in(as_staff, address(Video, "change", video.pk), fields))
    # The length and the checkpoint may change in one save.
    fields |= {"duration_seconds": "2:00"}
    assert fill_in(as_staff, address(Video, "change", video.pk), fields).status_code == 302


def test_how_much_of_a_video_counts_is_written_as_percent_like_the_score_of_a_quiz(as_staff):
    video = factories.VideoFactory(completion_threshold="0.955")
    page = address(Video, "change", video.pk)
    assert 'name="completion_threshold" value="95.5"' in as_staff.get(page).content.decode()
    for written, kept in (("95.5", "0.955"), ("70", "0.7"), ("100", "1"), ("1", "0.01")):
        assert fill_in(as_staff, page, {"completion_threshold": written}).status_code == 302
        video.refresh_from_db()
        assert video.completion_threshold == Decimal(kept)
    for nonsense, words in (("101", "less than or equal to 100"), ("0", "greater than or equal to 0.1"), ("", "requ")):
        assert words in errors_of(fill_in(as_staff, page, {"completion_threshold": nonsense}))


@pytest.mark.parametrize(
    ("sites", "words"),
    [
        ([], "allows none so far"),
        (["https://a.example", "https://b.example"], "an address at https://a.example or https://b.example."),
    ],
)
def test_an_author_reads_where_videos_may_lie(as_staff, settings, sites, words):
    settings.MEDIA_SOURCES = sites
    page = as_staff.get(address(Video, "add")).content.decode()
    assert words in page
    assert 'name="completion_threshold" value="95"' in page


def test_a_quiz_takes_the_lesson_of_its_video_and_no_other(as_staff):
    video = factories.VideoFactory()
    elsewhere = factories.LessonFactory(title="Elsewhere")
    fields = {"title": "Quiz", "video": str(video.pk), "video_timestamp_seconds": "0:10", "lesson": str(elsewhere.pk)}
    page = errors_of(fill_in(as_staff, address(Quiz, "add"), fields))
    assert "This video belongs to the lesson" in page
    assert fill_in(as_staff, address(Quiz, "add"), fields | {"lesson": ""}).status_code == 302
    assert Quiz.objects.get().lesson == video.lesson
    page = errors_of(fill_in(as_staff, address(Quiz, "add"), {"title": "Quiz", "video_timestamp_seconds": ""}))
    assert "Choose the lesson" in page


def test_a_quiz_moves_with_its_video_also_while_it_is_changed(as_staff):
    video = factories.VideoFactory()
    quiz = factories.QuizFactory(video=video, video_timestamp_seconds=5)
    lesson = factories.LessonFactory()
    fields = {"lesson": str(lesson.pk), "quizzes-0-title": "Another name"}
    assert fill_in(as_staff, address(Video, "change", video.pk), fields).status_code == 302
    quiz.refresh_from_db()
    assert (quiz.lesson, quiz.title) == (lesson, "Another name")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("javascript:alert(1)", "begins with https://, http:// or one /"),
        ("/" + "a" * 2_000, "is longer than 2,000 characters"),
    ],
)
def test_the_address_of_a_recording_is_a_web_address_of_bearable_length(as_staff, url, words):
    fields = {"student": factories.ProfileFactory().pk, "media_type": "audio", "media_url": url}
    page = errors_of(fill_in(as_staff, address(DailyNote, "add"), fields))
    assert f"The address of a recording or picture {words}." in page
    assert not DailyNote.objects.exists()
    fields["media_url"] = "HTTPS://media.example.org/memo.m4a"
    assert fill_in(as_staff, address(DailyNote, "add"), fields).status_code == 302


def test_what_only_the_database_refuses_comes_back_as_an_error_of_the_form(as_staff, monkeypatch):
    video = factories.VideoFactory()
    lesson = factories.LessonFactory()
    monkeypatch.setattr(QuizForm, "clean", lambda form: form.cleaned_data)  # as if the video moved just now
    fields = {"title": "My quiz", "video": str(video.pk), "video_timestamp_seconds": "0:10", "lesson": str(lesson.pk)}
    page = errors_of(fill_in(as_staff, address(Quiz, "add"), fields))
    assert "belongs elsewhere. Nothing was saved." in page
    assert 'value="My quiz"' in page
    assert not Quiz.objects.exists()


# Beside busy students


@pytest.fixture
def busy_student(transactional_db):
    """A student's write, under way on a connection of its own."""
    reflection = factories.ReflectionFactory()
    options = connection.get_connection_params()
    options.pop("cursor_factory", None)
    options.pop("context", None)
    with psycopg.connect(**options) as writer:
        writer.execute("UPDATE reflections SET sentiment = 'busy' WHERE id = %s", [reflection.pk])
        yield reflection, writer
        writer.rollback()


def test_how_many_students_a_move_concerns_is_said_before_if_they_are_many(as_staff, monkeypatch):
    video = factories.VideoFactory()
    quiz = factories.QuizFactory(video=video, video_timestamp_seconds=5)
    for _ in range(3):
        student = factories.EnrollmentFactory(course=video.lesson.course).student
        factories.VideoProgressFactory(student=student, video=video)
    pages = {
        video: "3 students have watched",
        video.lesson: "3 students are or were in",
        quiz: "3 students are or were in",
    }
    for many, is_said in ((4, False), (3, True)):
        monkeypatch.setattr(courses.admin, "MANY", many)
        for row, words in pages.items():
            assert (words in as_staff.get(address(type(row), "change", row.pk)).text) == is_said
    assert as_staff.get(address(Lesson, "add")).status_code == 200


def test_a_move_that_students_never_let_through_says_so_and_changes_nothing(busy_student):
    reflection, _ = busy_student
    client = Client()
    client.force_login(factories.StaffFactory())
    lesson = factories.LessonFactory()
    url = address(Video, "change", reflection.video_id)
    page = errors_of(fill_in(client, url, {"lesson": str(lesson.pk), "title": "My new title"}))
    assert "Students are using this at the moment" in page
    assert 'value="My new title"' in page
    video = Video.objects.get(pk=reflection.video_id)
    assert (video.title, video.lesson_id) == (reflection.video.title, reflection.video.lesson_id)


def test_a_move_waits_for_a_student_who_is_soon_done(busy_student):
    reflection, writer = busy_student
    client = Client()
    client.force_login(factories.StaffFactory())
    lesson = factories.LessonFactory()

    def finish():
        """Once the author has given way to the student, and waits anew."""
        waited = set()

        def waits_again():
            with connection.cursor() as cursor:
                blocked = "SELECT xact_start FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
                cursor.execute(blocked, [writer.info.backend_pid])
                waited.update(cursor.fetchall())
            return len(waited) > 1

        try:
            wait_until(waits_again)
        finally:
            writer.commit()
            connection.close()

    done = threading.Thread(target=finish)
    done.start()
    url = address(Video, "change", reflection.video_id)
    response = fill_in(client, url, {"lesson": str(lesson.pk)})
    done.join()
    assert response.status_code == 302
    assert set(Activity.objects.filter(video=reflection.video_id).values_list("lesson", "course")) == {
        (lesson.pk, lesson.course_id)
    }
    assert [str(message).startswith("The video") for message in get_messages(response.wsgi_request)] == [True]


@pytest.mark.parametrize("condition", ["lock_not_available", "deadlock_detected", "query_canceled"])
@pytest.mark.parametrize("way", ["page", "action"])
def test_a_deletion_that_the_database_gives_up_says_so(as_staff, monkeypatch, condition, way):
    course = factories.CourseFactory()

    def give_up(*args):
        Course.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute(f"DO $$ BEGIN RAISE {condition}; END $$")

    course_admin = admin.site.get_model_admin(Course)
    monkeypatch.setattr(course_admin, "delete_model", give_up)
    monkeypatch.setattr(course_admin, "delete_queryset", give_up)
    if way == "page":
        response = as_staff.post(address(Course, "delete", course.pk), {"post": "yes"}, follow=True)
    else:
        chosen = {"action": "delete_selected", "_selected_action": [course.pk], "post": "yes"}
        response = as_staff.post(address(Course, "changelist"), chosen, follow=True)
    assert "Nothing was saved" in response.text
    assert Course.objects.filter(pk=course.pk).exists()


def test_a_fault_of_ours_is_not_hidden(as_staff, monkeypatch):
    course = factories.CourseFactory()

    def fail(*args):
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing_of_the_kind")

    monkeypatch.setattr(admin.site.get_model_admin(Course), "delete_model", fail)
    with pytest.raises(ProgrammingError):
        as_staff.post(address(Course, "delete", course.pk), {"post": "yes"})


def test_a_class_is_added_to_a_course_with_a_password_each(as_staff):
    """Lines as a list, a mail program and a spreadsheet have them; who has an account keeps it; all or nobody."""
    course = factories.CourseFactory()
    gone = factories.ProfileFactory(email="gone@example.org", full_name="Gone Once")
    kept = gone.password
    factories.EnrollmentFactory(student=gone, course=course, left_at=timezone.now())
    page = address(Course, "students", course.pk)
    assert page in as_staff.get(address(Course, "change", course.pk)).text
    assert page in as_staff.get(reverse("course", args=[course.pk])).text
    assert "Ana Alves, ana@example.org" in as_staff.get(page).text

    def send(people, sheet=SHEET):
        assert {"people", "sheet"} <= FormReader(as_staff.get(page).text).fields.keys()
        return fill_in(as_staff, page, {"people": people, "sheet": str(sheet)})

    wrong = send("Name\nana@example.org\nAna, ANA@example.org\na@example.org b@example.org")
    for words in (
        "Line 1 has no e-mail address: “Name”",
        "Line 3: ana@example.org is there twice",
        "Line 4 has several",
    ):
        assert words in errors_of(wrong)
    many = "\n".join(f"s{number}@example.org" for number in range(51))
    assert "add at most 50 people at once" in errors_of(send(many))
    assert "Line 1 is too long" in errors_of(send("a" * 50_000))
    assert "open this page again" in errors_of(send("ana@example.org", sheet="none"))
    assert not Profile.objects.filter(email__startswith="ana").exists()

    lines = "Alves\tAna\tAna@Example.org\n\nBen Boyle <ben@example.org>\nCleo\tcleo@example.org\nX, gone@example.org\n"
    told = send(lines).text
    people = Profile.objects.filter(enrollments__course=course, enrollments__left_at=None)
    assert set(people.values_list("full_name", flat=True)) == {"Alves Ana", "Ben Boyle", "Cleo", "Gone Once"}
    gone.refresh_from_db()
    assert gone.password == kept
    passwords = re.findall("<samp>(.+?)</samp>", told)
    assert len(set(passwords)) == 3
    for name, password in zip(("ana", "ben", "cleo"), passwords, strict=True):
        assert can_log_in(username=f"{name}@example.org", password=password)
    assert re.findall("<samp>(.+?)</samp>", send(lines).text) == passwords, "the button was pressed twice"
    assert "Nobody checks that an address is" in told
    assert f"they have had an account since {timezone.localdate():%-d %B %Y}" in send(lines, uuid.uuid4()).text
    assert "Nobody checks" not in send("new@example.org", uuid.uuid4()).text
    assert "<samp>" not in send(lines, uuid.uuid4()).text, "another list, with the same people"
    Profile.objects.update(created_at=timezone.now() - datetime.timedelta(hours=2))
    assert "<samp>" not in send(lines).text, "sent once more long after"


@pytest.mark.parametrize("invisible", ["\u200b", "\ufeff", "\u200e", "\u00ad"])
def test_what_cannot_be_seen_in_a_pasted_address_makes_no_other_one(as_staff, invisible):
    ana, course = factories.ProfileFactory(email="ana@example.org"), factories.CourseFactory()
    people = f"{invisible}Ana, ana@example.org{invisible}\n{invisible}Ben <{invisible}ben@example.org>"
    page = address(Course, "students", course.pk)
    assert "<samp>" in fill_in(as_staff, page, {"people": people, "sheet": str(SHEET)}).text
    added = Profile.objects.filter(enrollments__course=course).order_by("email")
    assert [each.email for each in added] == ["ana@example.org", "ben@example.org"]
    assert (added[0], added[1].full_name) == (ana, "Ben")


def test_who_is_erased_while_a_list_is_added_is_added_anew(db, monkeypatch):
    ana = factories.ProfileFactory(email="ana@example.org")
    hashing = enrolling.quick_hasher

    def hash_late():
        Profile.objects.filter(pk=ana.pk).delete()
        return hashing()

    monkeypatch.setattr(enrolling, "quick_hasher", hash_late)
    course, people = factories.CourseFactory(), [("ana@example.org", "Ana"), ("ben@example.org", "Ben")]
    added = enrol_all(course, people, sheet=uuid.uuid4())
    assert [(each.person.full_name, each.password is None) for each in added] == [("Ana", False), ("Ben", False)]
    assert set(Profile.objects.filter(enrollments__course=course)) == {each.person for each in added}


def test_the_password_of_an_added_student_is_hashed_in_full_at_their_first_log_in(db, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    course, sheet = factories.CourseFactory(), uuid.uuid4()

    def add():
        return enrol_all(course, [("ana@example.org", "Ana")], sheet=sheet)[0]

    added = add()
    quick, slow = get_hasher().iterations // 10, get_hasher().iterations
    assert f"${quick}$" in added.person.password
    assert add().password == added.password
    assert can_log_in(username="ana@example.org", password=added.password)
    assert f"${slow}$" in Profile.objects.get(pk=added.person.pk).password
    assert add().password is None


@pytest.mark.parametrize("hour", [5, 6], ids=["first", "second"])
def test_a_time_in_the_hour_that_clocks_show_twice_stays_when_something_else_is_changed(as_staff, hour):
    twice = datetime.datetime(2025, 11, 2, hour, 30, 12, 345_678, tzinfo=datetime.UTC)
    enrollment = factories.EnrollmentFactory(enrolled_at=twice)
    period = factories.GoalPeriodFactory(period=TimestamptzRange(twice, None))
    left = {"left_at_0": "2025-12-01", "left_at_1": "10:00"}
    assert fill_in(as_staff, address(Enrollment, "change", enrollment.pk), left).status_code == 302
    assert fill_in(as_staff, address(Goal, "change", period.goal_id), {"title": "Else"}).status_code == 302
    enrollment.refresh_from_db()
    assert enrollment.enrolled_at.replace(microsecond=0) == twice.replace(microsecond=0)
    assert enrollment.left_at.hour == 15
    again = {"left_at_0": "2025-11-02", "left_at_1": "01:45"}  # and what is set then, is the first of the two
    assert fill_in(as_staff, address(Enrollment, "change", enrollment.pk), again).status_code == 302
    assert Enrollment.objects.get().left_at == datetime.datetime(2025, 11, 2, 5, 45, tzinfo=datetime.UTC)
    assert Goal.objects.get(periods=period, periods__period=period.period).title == "Else"


# People


def test_a_person_is_given_a_log_in(as_staff):
    fields = {
        "email": " Maya@Example.ORG ",
        "full_name": "Maya Okafor",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    assert as_staff.post(address(Profile, "add"), fields).status_code == 302
    assert can_log_in(username="maya@example.org", password=PASSWORD)
    page = errors_of(as_staff.post(address(Profile, "add"), fields))
    assert "Another person has this e-mail address." in page


def test_an_imported_person_is_given_an_address_and_a_password(as_staff):
    person = factories.ProfileFactory(email=None, full_name="")
    assert fill_in(as_staff, address(Profile, "change", person.pk), {"email": "new@example.org"}).status_code == 302
    url = reverse("admin:auth_user_password_change", args=(person.pk,))
    fields = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert as_staff.get(url).status_code == 200
    assert as_staff.post(url, fields).status_code == 302
    assert can_log_in(username="new@example.org", password=PASSWORD)


def test_a_person_without_address_stays_without(as_staff):
    first, second = (factories.ProfileFactory(email=None, full_name="") for _ in range(2))
    for person in (first, second):
        assert fill_in(as_staff, address(Profile, "change", person.pk), {"full_name": "Somebody"}).status_code == 302
        person.refresh_from_db()
        assert (person.email, person.full_name) == (None, "Somebody")


def test_staff_cannot_make_staff(as_staff, as_superuser):
    person = factories.ProfileFactory()
    url = address(Profile, "change", person.pk)
    rights = {"is_staff": "on", "is_superuser": "on"}
    assert fill_in(as_staff, url, rights).status_code == 302
    person.refresh_from_db()
    assert not person.is_staff
    assert not person.is_superuser
    new = {"email": "new@example.org", "full_name": "New", "usable_password": "false"} | rights
    assert as_staff.post(address(Profile, "add"), new).status_code == 302
    assert not Profile.objects.get(email="new@example.org").is_staff

    assert "A superuser is staff as well." in errors_of(fill_in(as_superuser, url, {"is_superuser": "on"}))
    assert fill_in(as_superuser, url, rights).status_code == 302
    person.refresh_from_db()
    assert person.is_superuser


def test_staff_cannot_touch_a_superuser(as_staff, superuser):
    url = address(Profile, "change", superuser.pk)
    assert as_staff.get(url).status_code == 200
    assert as_staff.post(url, {"email": "taken@example.org", "full_name": ""}).status_code == 403
    password = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert as_staff.post(reverse("admin:auth_user_password_change", args=(superuser.pk,)), password).status_code == 403
    assert as_staff.post(address(Profile, "delete", superuser.pk), {"post": "yes"}).status_code == 403
    for action in ("close", "delete_selected"):
        chosen = {"action": action, "_selected_action": [superuser.pk], "post": "yes"}
        as_staff.post(address(Profile, "changelist"), chosen)
    before = superuser.email
    superuser.refresh_from_db()
    assert (superuser.is_active, superuser.email) == (True, before)


def test_nobody_closes_or_erases_their_own_account(as_superuser, superuser):
    url = address(Profile, "change", superuser.pk)
    assert fill_in(as_superuser, url, {"is_active": "", "is_superuser": ""}).status_code == 302
    as_superuser.post(address(Profile, "changelist"), {"action": "close", "_selected_action": [superuser.pk]})
    assert as_superuser.post(address(Profile, "delete", superuser.pk), {"post": "yes"}).status_code == 403
    superuser.refresh_from_db()
    assert superuser.is_active
    assert superuser.is_superuser


def test_accounts_are_closed_and_reopened_in_bulk(as_staff):
    people = factories.ProfileFactory.create_batch(2)
    chosen = {"_selected_action": [person.pk for person in people]}
    for action, active in (("close", False), ("reopen", True)):
        as_staff.post(address(Profile, "changelist"), chosen | {"action": action})
        assert all(
            Profile.objects.filter(pk__in=chosen["_selected_action"], is_active=active).count() == 2 for _ in "x"
        )


def test_the_roles_are_told_apart(as_staff, staff):
    instructor = factories.CourseInstructorFactory().instructor
    closed = factories.ProfileFactory(is_active=False)
    for role, person in (("staff", staff), ("instructors", instructor), ("closed", closed)):
        listed = as_staff.get(address(Profile, "changelist"), {"role": role}).context["cl"].result_list
        assert list(listed) == [person]


def test_erasing_a_person_says_what_goes_and_takes_it(as_staff, monkeypatch):
    monkeypatch.setattr(config.admin, "COUNT_LIMIT", 3)
    person = populate()[Profile]
    factories.DailyNoteFactory.create_batch(4, student=person)
    answered = factories.ReflectionFactory(instructor_response="Yes", responded_at=timezone.now(), responded_by=person)
    url = address(Profile, "delete", person.pk)
    page = " ".join(as_staff.get(url).text.split())
    for line in (
        "Daily notes: 3+",
        "Reflections: 1",
        "Goals: 1",
        "Goal periods: 1",
        "Goal milestones: 1",
        "Success proofs: 1",
        "Quiz attempts: 1",
        "Enrolments: 1",
    ):
        assert f"<li>{line}</li>" in page
    assert as_staff.post(url, {"post": "yes"}).status_code == 302
    assert not Activity.objects.filter(student=person).exists()
    assert not Goal.objects.filter(student_id=person.pk).exists()
    answered.refresh_from_db()
    assert answered.responded_by is None


def test_what_stays_without_a_name_is_said(as_staff):
    person = factories.ProfileFactory()
    factories.GoalMessageFactory(author=person)
    page = as_staff.get(address(Profile, "delete", person.pk)).text
    assert "Goal messages that stay, without this name: 1" in page


def test_erasing_a_course_counts_each_row_once(as_staff):
    rows = populate()
    url = address(Course, "delete", rows[Course].pk)
    page = as_staff.get(url).text
    for line in ("Lessons: 1", "Videos: 1", "Quizzes: 1", "Quiz attempts: 1", "Reflections: 1", "Video progress: 1"):
        assert line in page
    assert as_staff.post(url, {"post": "yes"}).status_code == 302
    assert not Reflection.objects.exists()


# Goals


@pytest.fixture
def two_goals(db):
    """A student's two goals, one after the other: January to March, and from then on."""
    student = factories.ProfileFactory()
    first, second = (factories.GoalFactory(student=student, title=title) for title in ("First", "Second"))
    boundary = at("2025-03-01")
    factories.GoalPeriodFactory(goal=first, period=TimestamptzRange(at("2025-01-01"), boundary))
    factories.GoalPeriodFactory(goal=second, period=TimestamptzRange(boundary, None))
    return first, second


def periods(goal):
    return [(period.period.lower, period.period.upper) for period in goal.periods.order_by("period")]


@pytest.mark.parametrize("moved", ["2025-02-01", "2025-04-01"])
def test_a_boundary_between_two_goals_is_moved_in_one_save(as_staff, two_goals, moved):
    first, second = two_goals
    note = factories.DailyNoteFactory(student=first.student, created_at=at("2025-02-15"))
    later = factories.DailyNoteFactory(student=first.student, created_at=at("2025-03-15"))
    moved = at(moved)
    fields = split("goal_periods-0-end", moved) | split("goal_periods-1-start", moved)
    response = fill_in(as_staff, address(GoalHistory, "change", first.student_id), fields)
    assert response.status_code == 302
    assert periods(first) == [(at("2025-01-01"), moved)]
    assert periods(second) == [(moved, None)]
    for row in (note, later):
        owner = first if row.created_at < moved else second
        assert Activity.objects.get(source_id=row.pk).goal_id == owner.pk


def test_two_periods_change_places_in_one_save(as_staff, two_goals):
    first, second = two_goals
    fields = {"goal_periods-0-goal": str(second.pk), "goal_periods-1-goal": str(first.pk)}
    fields |= split("goal_periods-0-start", at("2025-03-01")) | split("goal_periods-0-end", None)
    fields |= split("goal_periods-1-start", at("2025-01-01")) | split("goal_periods-1-end", at("2025-03-01"))
    ids = set(GoalPeriod.objects.values_list("pk", flat=True))
    assert fill_in(as_staff, address(GoalHistory, "change", first.student_id), fields).status_code == 302
    assert (periods(first), periods(second)) == (
        [(at("2025-01-01"), at("2025-03-01"))],
        [(at("2025-03-01"), None)],
    )
    assert set(GoalPeriod.objects.values_list("pk", flat=True)) == ids


def test_a_period_takes_the_place_of_a_deleted_one(as_staff, two_goals):
    first, second = two_goals
    fields = split("goal_periods-0-end", None) | {"goal_periods-1-DELETE": "on"}
    assert fill_in(as_staff, address(GoalHistory, "change", first.student_id), fields).status_code == 302
    assert (periods(first), periods(second)) == ([(at("2025-01-01"), None)], [])


@pytest.mark.parametrize("page", ["history", "goal"])
def test_an_overlap_is_named(as_staff, two_goals, page):
    first, _ = two_goals
    if page == "history":
        url, name = address(GoalHistory, "change", first.student_id), "goal_periods-0-end"
    else:
        url, name = address(Goal, "change", first.pk), "periods-0-end"
    text = html.unescape(errors_of(fill_in(as_staff, url, split(name, at("2025-03-02")))))
    assert "From 1 March 2025, 12:00 a.m. to 2 March 2025, 12:00 a.m. the student's goal is “Second”." in text
    assert periods(first) == [(at("2025-01-01"), at("2025-03-01"))]


def test_a_period_that_ends_before_it_starts_is_refused(as_staff, two_goals):
    first, _ = two_goals
    fields = split("periods-0-end", at("2024-12-31"))
    assert "ends after it has started" in errors_of(fill_in(as_staff, address(Goal, "change", first.pk), fields))


def test_an_untouched_end_keeps_its_fraction_of_a_second(as_staff, two_goals):
    first, second = two_goals
    boundary = at("2025-03-01") + datetime.timedelta(microseconds=123_456)
    GoalPeriod.objects.filter(goal=second).update(period=TimestamptzRange(boundary, None))
    GoalPeriod.objects.filter(goal=first).update(period=TimestamptzRange(at("2025-01-01"), boundary))
    fields = split("periods-0-start", at("2025-01-02"))
    assert fill_in(as_staff, address(Goal, "change", first.pk), fields).status_code == 302
    assert periods(first) == [(at("2025-01-02"), boundary)]


def test_a_correction_holds_the_student_before_it_reads(as_staff, two_goals):
    first, _ = two_goals
    for url in (address(Goal, "change", first.pk), address(GoalHistory, "change", first.student_id)):
        with CaptureQueriesContext(connection) as captured:
            fill_in(as_staff, url, {})
        asked = [query["sql"] for query in captured]
        lock = next(place for place, sql in enumerate(asked) if sql.rstrip().endswith("FOR UPDATE"))
        writes = [place for place, sql in enumerate(asked) if re.match("INSERT|UPDATE|DELETE", sql)]
        reads = [place for place, sql in enumerate(asked) if place > lock and 'FROM "goal_periods"' in sql]
        assert reads
        assert all(place > lock for place in writes)


@pytest.mark.parametrize("model", [Goal, GoalHistory])
def test_the_history_of_a_goal_takes_a_post_and_an_address_of_nothing_leads_back(client, transactional_db, model):
    goal = factories.GoalFactory()
    client.force_login(factories.StaffFactory())
    known = goal.pk if model is Goal else goal.student_id
    assert client.post(address(model, "history", known)).status_code == 200
    for page in ("change", "history"):
        assert client.post(address(model, page, "nothing")).status_code in (302, 404)


@pytest.mark.parametrize("model", [Profile, GoalHistory])
def test_no_list_tells_a_passwords_hash(as_staff, model):
    assert as_staff.get(f"{address(model, 'changelist')}?password__startswith=md5").status_code == 400


def test_a_goal_is_written_with_its_period_and_milestones(as_staff):
    student = factories.ProfileFactory()
    fields = {"student": str(student.pk), "title": "$1K a month", "periods-TOTAL_FORMS": "1"}
    fields |= split("periods-0-start", at("2025-01-01"))
    fields |= {"milestones-TOTAL_FORMS": "1", "milestones-0-title": "First customer"}
    assert fill_in(as_staff, address(Goal, "add"), fields).status_code == 302
    goal = Goal.objects.get()
    assert periods(goal) == [(at("2025-01-01"), None)]
    assert goal.milestones.get().student == student
    assert goal.milestones.get().reached_at is None


def test_what_belongs_to_a_goal_takes_its_student_from_there(as_staff):
    goal, stranger = factories.GoalFactory(), factories.GoalFactory()
    proof = {"goal": str(goal.pk), "content": "Paid."}
    assert fill_in(as_staff, "/admin/goals/successproof/add/", proof).status_code == 302
    row = goal.proofs.get()
    assert row.student == goal.student
    fields = {"goal": str(stranger.pk)}
    page = errors_of(fill_in(as_staff, f"/admin/goals/successproof/{row.pk}/change/", fields))
    assert "is a goal of another student" in page

    message = {"student": str(stranger.student_id), "goal": str(goal.pk), "content": "Well done."}
    page = errors_of(fill_in(as_staff, address(GoalMessage, "add"), message))
    assert "is a goal of another student" in page
    message["student"] = str(goal.student_id)
    assert fill_in(as_staff, address(GoalMessage, "add"), message).status_code == 302
    assert GoalMessage.objects.get().author == Profile.objects.get(is_staff=True)


# Writings


def test_an_answer_is_signed_by_who_gives_it_and_only_then(as_staff, staff):
    reflection = factories.ReflectionFactory()
    url = address(Reflection, "change", reflection.pk)
    assert fill_in(as_staff, url, {}).status_code == 302
    reflection.refresh_from_db()
    assert reflection.responded_by is None
    assert fill_in(as_staff, url, {"instructor_response": "Ask for the price first."}).status_code == 302
    reflection.refresh_from_db()
    assert (reflection.responded_by, reflection.responded_at is None) == (staff, False)
    assert Activity.objects.get(source_id=reflection.pk).response_status == "responded"
    assert fill_in(as_staff, url, {"instructor_response": "  "}).status_code == 302
    reflection.refresh_from_db()
    assert (reflection.responded_by, reflection.responded_at) == (None, None)


def test_an_edited_answer_is_signed_by_its_editor_and_keeps_its_first_time(as_staff, staff):
    first = timezone.now() - datetime.timedelta(days=1)
    answer = {"instructor_response": "First.", "responded_at": first, "responded_by": factories.ProfileFactory()}
    reflection = factories.ReflectionFactory(**answer)
    url = address(Reflection, "change", reflection.pk)
    fill_in(as_staff, url, {"instructor_response": "First.\r\n"})
    reflection.refresh_from_db()
    assert (reflection.response_edited_at, reflection.responded_by) == (None, answer["responded_by"])
    fill_in(as_staff, url, {"instructor_response": "Second."})
    reflection.refresh_from_db()
    assert (reflection.instructor_response, reflection.responded_by) == ("Second.", staff)
    assert reflection.responded_at == first < reflection.response_edited_at
    fill_in(as_staff, url, {"instructor_response": ""})
    reflection.refresh_from_db()
    assert (reflection.responded_at, reflection.response_edited_at) == (None, None)


def test_an_answer_given_while_a_reflection_is_open_in_the_admin_is_not_lost(as_staff):
    reflection = factories.ReflectionFactory()
    url = address(Reflection, "change", reflection.pk)
    opened = FormReader(as_staff.get(url).text).fields
    for name in ("q", "action", "post"):
        opened.pop(name, None)
    ines = factories.ProfileFactory(full_name="Ines Teixeira")
    answer(reflection.pk, by=ines, text="First.", seen="")
    assert "Ines Teixeira changed the answer in the meantime" in errors_of(
        as_staff.post(url, opened | {"instructor_response": "Second."})
    )
    hidden = {"hidden_at_0": "2026-03-15", "hidden_at_1": "10:00:00"}
    assert as_staff.post(url, opened | hidden).status_code == 302
    reflection.refresh_from_db()
    assert (reflection.instructor_response, reflection.hidden_at is None) == ("First.", False)


def test_an_answer_in_the_admin_has_the_limit_of_one_on_the_site(as_staff):
    reflection = factories.ReflectionFactory()
    url = address(Reflection, "change", reflection.pk)
    assert "at most 20,000" in errors_of(fill_in(as_staff, url, {"instructor_response": "x" * 20_001}))


def test_a_reflection_can_be_entered_with_its_answer(as_staff, staff):
    fields = {
        "student": str(factories.ProfileFactory().pk),
        "content": "Asked by phone.",
        "instructor_response": "Yes.",
    }
    assert fill_in(as_staff, address(Reflection, "add"), fields).status_code == 302
    reflection = Reflection.objects.get()
    assert (reflection.responded_by, reflection.responded_at is None) == (staff, False)


def test_a_students_words_are_not_rewritten(as_staff):
    reflection = factories.ReflectionFactory(content="Mine.")
    fields = {"content": "Yours.", "student": str(factories.ProfileFactory().pk)}
    fill_in(as_staff, address(Reflection, "change", reflection.pk), fields)
    before = reflection.student_id
    reflection.refresh_from_db()
    assert (reflection.content, reflection.student_id) == ("Mine.", before)


def test_a_reflection_needs_words_or_a_recording_and_a_moment_within_the_video(as_staff):
    student, video = factories.ProfileFactory(), factories.VideoFactory(duration_seconds=60)
    fields = {"student": str(student.pk)}
    url = address(Reflection, "add")
    assert "Write something" in errors_of(fill_in(as_staff, url, fields))
    fields["content"] = "Said on the phone."
    assert "Name both a video and a second" in errors_of(fill_in(as_staff, url, fields | {"video": str(video.pk)}))
    moment = {"video": str(video.pk), "video_timestamp_seconds": "1:01"}
    assert "only 1:00 long" in errors_of(fill_in(as_staff, url, fields | moment))
    assert fill_in(as_staff, url, fields | moment | {"video_timestamp_seconds": "0:59"}).status_code == 302


def test_writings_are_hidden_and_shown_again_in_bulk(as_staff):
    rows = populate()
    for model in (Reflection, *(type(rows[model]) for model in rows if label(model) in FILTERED)):
        row = rows[model]
        chosen = {"_selected_action": [row.pk]}
        url = address(model, "changelist")
        as_staff.post(url, chosen | {"action": "hide"})
        assert not Activity.objects.filter(source_id=row.pk).exists()
        assert list(as_staff.get(url, {"hidden": "yes"}).context["cl"].result_list) == [row]
        as_staff.post(url, chosen | {"action": "unhide"})
        assert Activity.objects.filter(source_id=row.pk).exists()


FILTERED = {name for name, filters, _ in FILTERS if filters == "hidden=yes"}


# The timeline


def test_the_timeline_is_there_to_be_looked_at(as_superuser):
    entry = populate()[Activity]
    assert as_superuser.get(address(Activity, "add")).status_code == 403
    for page in ("change", "delete"):
        assert as_superuser.post(address(Activity, page, entry.pk), {"post": "yes"}).status_code == 403
    page = as_superuser.get(address(Activity, "change", entry.pk)).text
    assert 'name="_save"' not in page
    assert Activity.objects.filter(pk=entry.pk).exists()


def test_an_entry_leads_to_the_row_it_was_made_from(as_staff):
    populate()
    page = as_staff.get(address(Activity, "changelist")).text
    for entry in Activity.objects.all():
        (source,) = (model for model in OURS if model._meta.db_table == entry.source_table and not model._meta.proxy)
        link = address(source, "change", entry.source_id)
        assert link in page
        assert as_staff.get(link).status_code == 200


def test_the_timeline_is_filtered_by_kind_day_and_answer(as_staff):
    rows = populate()
    student = rows[Profile]
    note = factories.DailyNoteFactory(student=student, created_at=at("2025-03-15T23:30:00"))
    factories.ReflectionFactory(student=student)
    url = address(Activity, "changelist")

    def kinds(**filters):
        return {entry.activity_type for entry in as_staff.get(url, filters).context["cl"].result_list}

    listed = as_staff.get(url, {"student": student.pk, "day": "2025-03-15"}).context["cl"].result_list
    assert [entry.source_id for entry in listed] == [note.pk]
    assert kinds(student=student.pk, kind="daily_note") == {"daily_note"}
    assert kinds(student=student.pk, video=rows[Video].pk, kind="video_progress") == {"video_progress"}
    assert kinds(video=rows[Video].pk, kind="video_progress") == {"video_progress"}
    everything = kinds(video=rows[Video].pk)
    # What no index of a video serves is not offered there, and means nothing.
    assert kinds(video=rows[Video].pk, day="2025-03-15", status="pending") == everything
    waiting = as_staff.get(url, {"status": "pending"}).context["cl"].result_list
    assert {entry.response_status for entry in waiting} == {"pending"}
    assert kinds(student=student.pk, status="responded") == {"text_reflection"}
    assert as_staff.get(url, {"student": student.pk, "day": "yesterday"}, follow=True).redirect_chain


# In a browser


def test_a_list_is_filtered_by_typing_part_of_a_name(page, transactional_db):
    factories.StaffFactory(email="staff@example.org", password=PASSWORD)
    goal = factories.GoalFactory(student__full_name="Maya Okafor", title="Hers")
    factories.GoalFactory(title="Somebody else's")
    page.goto("/admin/goals/goal/")
    page.fill("input[name=username]", "staff@example.org")
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#result_list")
    page.wait_for_load_state()
    assert page.locator("#result_list tbody tr").count() == 2
    page.click("#changelist-filter .select2-selection")
    page.keyboard.type("okaf")
    page.locator(".select2-results__option", has_text="Maya Okafor").click()
    page.wait_for_url(f"**/admin/goals/goal/?student={goal.student_id}")
    assert page.locator("#result_list tbody tr").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.django_db
def test_a_quiz_of_a_lesson_alone_can_be_saved_after_a_videos_page_was_opened(admin_client):
    lesson = factories.LessonFactory()
    assert admin_client.get(reverse("admin:courses_video_add")).status_code == 200
    response = admin_client.post(
        reverse("admin:courses_quiz_add"),
        {"lesson": lesson.pk, "title": "Before you go", "passing_score": "70"}
        | {f"questions-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS")},
    )
    assert response.status_code == 302, response.content.decode()
    assert lesson.quizzes.get().video_timestamp_seconds is None
