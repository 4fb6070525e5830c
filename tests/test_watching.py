"""Watching, as a player reports it: whatever a network does to reports, what was watched is known, and no more."""

import datetime
import json
from dataclasses import dataclass, field

import pytest
from django.core import signing
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from courses import watching
from courses.enrolling import enrol, leave
from courses.models import CheckpointReached, LessonCompletion, VideoProgress
from courses.watching import FASTEST, SLACK, Report, Session
from tests import factories
from tests.drift import assert_no_drift
from timeline.models import Activity

pytestmark = pytest.mark.django_db

NOON = datetime.datetime(2026, 3, 2, 17, tzinfo=datetime.UTC)
LENGTH = 300  # seconds


@pytest.fixture
def student():
    return factories.ProfileFactory()


@pytest.fixture
def video(student):
    video = factories.VideoFactory(duration_seconds=LENGTH)
    factories.EnrollmentFactory(student=student, course=video.lesson.course)
    return video


def seconds(ranges):
    return {second for start, end in ranges for second in range(start, end)}


def after(number):
    return NOON + datetime.timedelta(seconds=number)


# A page that plays


@dataclass
class Page:
    """A player that is really used: what it played so far, and what it reported of that."""

    name: str
    opened: float  # seconds after noon
    clock: float = 0  # seconds since
    watched: set = field(default_factory=set)
    sent: list = field(default_factory=list)  # (seconds after noon, Report)

    @property
    def session(self):
        return Session(self.name, after(self.opened))

    def play(self, start, length, speed):
        end = min(start + length, LENGTH)
        self.watched |= set(range(start, end))
        self.clock += 0.001 + (end - start) / speed  # no two reports in one millisecond: it is their number
        self.report(end)

    def report(self, position):
        ranges = watching.merged((second, second + 1) for second in self.watched)
        self.sent.append((self.opened + self.clock, Report(int(self.clock * 1000), ranges, position)))


parts = st.tuples(st.integers(0, LENGTH - 1), st.integers(0, 40), st.sampled_from([0.5, 1, 1.5, 2]))
viewings = st.lists(parts, min_size=1, max_size=5)


@st.composite
def days(draw):
    """One or two pages that play at the same time, and their reports as a network delivers them.

    The last report of a page arrives; of the others some are lost, some come twice, each as late as it likes.
    """
    pages, delivered = [], []
    for name in draw(st.sampled_from(["a", "ab"])):
        page = Page(name, opened=draw(st.integers(0, 30)))
        for part in draw(viewings):
            page.play(*part)
        pages.append(page)
        for number, (at, report) in enumerate(page.sent, start=1):
            least = 1 if number == len(page.sent) else 0
            for delay in draw(st.lists(st.sampled_from([0, 0.2, 7, 60, 4000]), min_size=least, max_size=2)):
                delivered.append((at + delay, page.session, report))
    return pages, sorted(delivered, key=lambda each: each[0])


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days())
def test_reports_that_are_lost_late_repeated_and_out_of_order_say_what_perfect_ones_say(student, day):
    video = factories.VideoFactory(duration_seconds=LENGTH)
    checkpoint = factories.CheckpointFactory(video=video, video_timestamp_seconds=20)
    pages, delivered = day
    for at, session, report in delivered:
        watching.record(student, video, session, report, now=after(at))
    seen = set().union(*(page.watched for page in pages))
    progress = VideoProgress.objects.filter(student=student, video=video).first()
    assert seconds(progress.watched if progress else []) == seen
    reached = CheckpointReached.objects.filter(student=student, checkpoint=checkpoint)
    assert reached.count() == (20 in seen)
    if len(pages) == 1 and progress:
        assert progress.position_seconds == pages[0].sent[-1][1].position


# By which page, how long after the one before, at which second of the page's own clock, and the part of the video.
claims = st.tuples(
    st.sampled_from("abcd"), st.integers(0, 60), st.integers(0, 60), st.integers(0, 250), st.integers(1, LENGTH)
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(claims, max_size=8))
def test_nobody_is_credited_with_more_than_the_time_allows(student, monkeypatch, claims):
    """Whatever pages claim, and whatever they say of their own clocks; those that are forgotten gain nothing."""
    monkeypatch.setattr(watching, "SESSIONS", 2)
    video = factories.VideoFactory(duration_seconds=LENGTH)
    now, highest = 0, {}
    for page, wait, clock, start, length in claims:
        now += wait
        highest[page] = max(highest.get(page, 0), min(clock, now))
        report = Report(clock * 1000, [(start, start + length)], None)
        watching.record(student, video, Session(page, NOON), report, now=after(now))
    progress = VideoProgress.objects.filter(student=student, video=video).first()
    assert watching.length(progress.watched if progress else []) <= SLACK + FASTEST * sum(highest.values())


def test_many_pages_of_a_video_gain_no_more_than_a_few(student, video):
    def report(at, length):
        for page in range(0, LENGTH // length):
            part = (page * length, (page + 1) * length)
            watching.record(
                student, video, Session(f"{at}-{page}", NOON), Report(at * 1000, [part], None), now=after(at)
            )
        return watching.length(VideoProgress.objects.get().watched)

    assert report(0, 10) == SLACK
    assert report(5, 10) <= SLACK + FASTEST * 5 * (watching.SESSIONS + 1)


def test_a_page_that_was_forgotten_goes_on(student, video):
    """One that was left open while others were used, and reports as before."""
    old = Session("old", NOON)
    watching.record(student, video, old, Report(10_000, [(0, 10)], 10), now=after(10))
    for page in range(watching.SESSIONS + 1):
        session = Session(f"{page}", after(100))
        watching.record(student, video, session, Report(1000, [(20 + page, 21 + page)], None), now=after(101))
    assert "old" not in VideoProgress.objects.get().viewing["clocks"]
    progress = watching.record(student, video, old, Report(500_000, [(0, 10), (200, 230)], 230), now=after(500))
    assert (progress.watched[-1], progress.position_seconds) == ((200, 230), 230)


def test_what_could_not_have_been_watched_since_the_last_report_is_left_out(student, video):
    session = Session("a", NOON)

    def report(at, *ranges):
        watching.record(student, video, session, Report(at * 1000, [*ranges], None), now=after(at))
        return VideoProgress.objects.get().watched

    for at in range(15, 121, 15):
        assert report(at, (0, at)) == [(0, at)]  # at the usual speed: what was left over is not saved up
    assert report(135, (0, LENGTH)) == [(0, 120 + SLACK + 2 * 15)]
    assert report(150, (0, LENGTH)) == [(0, 120 + SLACK + 2 * 30)]
    # A clock that is ahead of ours gains nothing.
    watching.record(student, video, session, Report(9_000_000, [(0, LENGTH)], None), now=after(150))
    assert VideoProgress.objects.get().watched == [(0, 120 + SLACK + 2 * 30)]


def test_what_was_watched_offline_is_dated_when_it_was_watched_and_moves_no_later_position(student, video):
    train, desk = Session("train", NOON), Session("desk", after(7200))
    watching.record(student, video, desk, Report(60_000, [(0, 60)], 60), now=after(7260))
    progress = watching.record(student, video, train, Report(90_000, [(100, 190)], 190), now=after(7300))
    assert seconds(progress.watched) == {*range(60), *range(100, 190)}
    assert progress.position_seconds == 60
    assert progress.watched_at == after(7260)


def test_a_student_goes_on_where_they_were_and_from_the_start_after_the_end(student, video):
    session = Session("a", NOON)
    progress = watching.record(student, video, session, Report(0, [], 200), now=NOON)
    assert (progress.watched, watching.resumes_at(progress, video)) == ([], 200)
    progress = watching.record(student, video, session, Report(1, [], 9_999), now=after(1))
    assert (progress.position_seconds, watching.resumes_at(progress, video)) == (LENGTH, 0)
    assert watching.resumes_at(None, video) == 0


@pytest.mark.parametrize(
    ("watched", "second"),
    [([], 0), ([(0, 200)], 200), ([(0, 200), (300, LENGTH)], 200), ([(0, LENGTH - 1)], 0)],
)
def test_where_no_player_said_where_it_stood_one_goes_on_where_something_was_not_seen(student, video, watched, second):
    progress = factories.VideoProgressFactory(student=student, video=video, watched=watched)
    assert watching.resumes_at(progress, video) == second


@pytest.mark.parametrize("imported", [False, True])
def test_who_goes_back_to_the_start_goes_on_there(student, video, imported):
    if imported:  # what is watched now was known before
        factories.VideoProgressFactory(student=student, video=video, watched=[(0, 200)])
    session = Session("a", NOON)
    for at, position, second in ((30, 30, 30), (31, 0, 0), (60, None, 0), (90, 60, 60), (91, 0, 0)):
        report = Report(at * 1000, [(0, max(at - 1, 30))], position)
        watching.record(student, video, session, report, now=after(at))
        assert watching.resumes_at(VideoProgress.objects.get(), video) == second
    late = Report(80_000, [(0, 120)], 120)
    watching.record(student, video, Session("train", NOON), late, now=after(95))
    assert watching.resumes_at(VideoProgress.objects.get(), video) == 0


def test_a_report_that_says_nothing_new_writes_nothing(student, video, django_assert_num_queries):
    session, report = Session("a", NOON), Report(30_000, [(0, 30)], 30)
    watching.record(student, video, session, report, now=after(30))
    with django_assert_num_queries(3):  # savepoint, row, release
        watching.record(student, video, session, report, now=after(31))


def test_a_checkpoint_is_reached_once_its_second_was_watched(student, video):
    early, late = (factories.CheckpointFactory(video=video, video_timestamp_seconds=at) for at in (29, 30))
    session = Session("a", NOON)
    watching.record(student, video, session, Report(30_000, [(0, 30)], 30), now=after(30))
    assert [reached.checkpoint for reached in CheckpointReached.objects.all()] == [early]
    watching.record(student, video, session, Report(31_000, [(0, 31)], 31), now=after(90))
    assert [reached.checkpoint for reached in CheckpointReached.objects.order_by("reached_at")] == [early, late]
    assert CheckpointReached.objects.get(checkpoint=late).reached_at == after(31)
    assert_no_drift()


def test_the_last_of_a_video_completes_its_lesson_in_the_same_transaction(student, video):
    session = Session("a", NOON)
    watching.record(student, video, session, Report(284_000, [(0, 284)], 284), now=after(284))
    assert not LessonCompletion.objects.exists()
    watching.record(student, video, session, Report(285_000, [(0, 285)], 285), now=after(290))
    completion = LessonCompletion.objects.get()
    assert (completion.student, completion.lesson, completion.completed_at) == (student, video.lesson, after(285))
    assert Activity.objects.filter(activity_type="course_completion").count() == 1
    assert_no_drift()


def test_a_report_that_crosses_no_tenth_writes_no_entry_and_is_a_heap_only_update(student, video):
    factories.CheckpointFactory(video=video, video_timestamp_seconds=5)
    session = Session("a", NOON)
    watching.record(student, video, session, Report(31_000, [(0, 31)], 31), now=after(31))

    def state():
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, (ctid, xmin)::text FROM student_activity_timeline ORDER BY id")
            entries = cursor.fetchall()
            cursor.execute(
                "SELECT pg_stat_get_xact_tuples_updated(oid) - pg_stat_get_xact_tuples_hot_updated(oid),"
                " pg_stat_get_xact_tuples_updated(oid) FROM pg_class WHERE relname = 'video_progress'"
            )
            return entries, *cursor.fetchone()

    entries, cold, updates = state()
    watching.record(student, video, session, Report(45_000, [(0, 45)], 45), now=after(45))
    assert state() == (entries, cold, updates + 1)
    assert len(entries) == 3  # enrolled, the first tenth, the checkpoint


# The address


@pytest.fixture
def token(student, video):
    return watching.open_session(student, video)


@pytest.fixture
def send(client, video):
    """Send a report, as JSON or as a body that is none."""

    def send(body, to=video):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post(reverse("watched", args=[to.pk]), body, content_type="application/json")

    return send


def test_a_report_is_answered_by_what_is_watched_by_now(client, student, token, send):
    client.force_login(student)
    answer = send({"token": token, "at": 0, "watched": [[10, 20], [15, 25], [290, 4000]], "position": 25})
    assert answer.status_code == 200
    assert answer.json() == {"watched": [[10, 25], [290, 295]], "percent": 6}  # the slack, and no more
    assert send({"token": token, "at": 0, "watched": []}).json()["percent"] == 6


def test_the_number_of_queries_of_a_report_is_fixed(client, student, video, token, send, django_assert_num_queries):
    for second in range(0, 100, 2):
        factories.CheckpointFactory(video=video, video_timestamp_seconds=second)
    client.force_login(student)
    send({"token": token, "at": 0, "watched": [[0, 5]], "position": 5})
    # Session, person, video; the row, locked, and written; checkpoints.  Around the last three a savepoint.
    with django_assert_num_queries(8):
        assert send({"token": token, "at": 1, "watched": [[0, 18]], "position": 18}).status_code == 200


BAD = {
    "nothing": b"",
    "no JSON": b"watched=1",
    "half a JSON": b'{"token": "',
    "no text": b"\xff\xfe\xff",
    "very deep": b"[" * 8000,
    "a list": [],
    "a number": 7,
    "null": None,
    "NaN": b'{"token": "TOKEN", "at": NaN, "watched": []}',
    "Infinity": b'{"token": "TOKEN", "at": 1, "watched": [[0, Infinity]]}',
    "digits without end": b'{"token": "TOKEN", "watched": [], "at": ' + b"9" * 9000 + b"}",
    "no token": {"token": None},
    "a token of another kind": {"token": ["TOKEN"]},
    "a token that is no text": b'{"token": "\\ud800", "at": 1, "watched": []}',
    "no time": {"at": None},
    "a negative time": {"at": -1},
    "a time in words": {"at": "1"},
    "a true time": {"at": True},
    "a huge time": {"at": 2**63},
    "a fraction of a time": {"at": 0.5},
    "no ranges": {"watched": None},
    "ranges as text": {"watched": "[[0, 1]]"},
    "ranges as a number": {"watched": 5},
    "a range as text": {"watched": ["01"]},
    "a range of one": {"watched": [[1]]},
    "a range of three": {"watched": [[1, 2, 3]]},
    "a range that ends before it begins": {"watched": [[5, 4]]},
    "an empty range": {"watched": [[5, 5]]},
    "a negative second": {"watched": [[-1, 5]]},
    "a huge second": {"watched": [[0, 10**30]]},
    "half a second": {"watched": [[0, 1.5]]},
    "a true second": {"watched": [[False, True]]},
    "one bad range among good ones": {"watched": [[0, 1], None]},
    "too many ranges": {"watched": [[second, second + 1] for second in range(0, 2 * watching.MOST_RANGES + 2, 2)]},
    "a negative position": {"position": -1},
    "a position in words": {"position": "7"},
    "a huge position": {"position": 10**10},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(client, student, token, send, bad):
    client.force_login(student)
    if isinstance(bad, bytes):
        body = bad.replace(b"TOKEN", token.encode())
    else:
        body = {"token": token, "at": 1, "watched": [[0, 5]]} | bad if isinstance(bad, dict) else bad
    answer = send(body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert not VideoProgress.objects.exists()


def test_an_enormous_body_is_not_read(client, student, token, send):
    client.force_login(student)
    answer = send({"token": token, "at": 1, "watched": [[0, 5]], "more": "x" * 5_000_000})
    assert answer.status_code == 413
    assert answer.json()["error"]
    assert not VideoProgress.objects.exists()


def test_a_report_needs_the_token_of_the_person_and_of_the_video(client, student, video, send):
    other = factories.VideoFactory(lesson=video.lesson)
    client.force_login(student)
    old = [student.pk.hex, video.pk.hex, "a", NOON.timestamp()]
    somebody_elses = watching.open_session(factories.ProfileFactory(), video)
    for token in (
        "nonsense",
        watching.open_session(student, other),
        somebody_elses,
        signing.dumps(old, salt="another"),
        watching.open_session(student, video)[:-1],
    ):
        answer = send({"token": token, "at": 1, "watched": [[0, 5]]})
        # Theirs is sent again once they are logged in: two people may share a browser.
        assert (answer.status_code, [*answer.json()]) == (401 if token == somebody_elses else 403, ["error"])
    assert not VideoProgress.objects.exists()


def test_a_page_is_too_old_after_a_fortnight(client, student, video, send, monkeypatch):
    monkeypatch.setattr("time.time", lambda: timezone.now().timestamp() - (watching.DAYS + 1) * 86_400)
    token = watching.open_session(student, video)
    monkeypatch.undo()
    client.force_login(student)
    assert send({"token": token, "at": 1, "watched": [[0, 5]]}).status_code == 403


def test_watching_of_students_alone_is_recorded(client, student, video, send):
    """The student's, not that of staff, of the instructor, of an instructor who is enrolled, of a student who left."""
    course = video.lesson.course
    instructor = factories.CourseInstructorFactory(course=course).instructor
    learning = factories.CourseInstructorFactory(course=course).instructor
    factories.EnrollmentFactory(student=learning, course=course)
    staff = factories.StaffFactory()
    factories.EnrollmentFactory(student=staff, course=course)
    left = factories.EnrollmentFactory(course=course, left_at=timezone.now()).student
    stranger = factories.EnrollmentFactory().student
    people = {student: 200, instructor: 403, learning: 403, staff: 403, left: 404, stranger: 404}
    for person, status in people.items():
        client.force_login(person)
        answer = send({"token": watching.open_session(person, video), "at": 1, "watched": [[0, 5]]})
        assert answer.status_code == status, person
    client.logout()
    answer = send({"token": watching.open_session(student, video), "at": 1, "watched": [[0, 5]]})
    assert (answer.status_code, [*answer.json()]) == (401, ["error"])
    assert [progress.student for progress in VideoProgress.objects.all()] == [student]
    assert {entry.student_id for entry in Activity.objects.filter(source_table="video_progress")} <= {student.pk}


def test_a_page_that_is_open_while_its_student_leaves_or_is_locked_out_is_told(client, student, video, token, send):
    """And so is one whose video goes to a course of others; what was recorded before stays, and nothing is added."""
    client.force_login(student)

    def report(end):
        answer = send({"token": token, "at": 1, "watched": [[0, end]]})
        return answer.status_code, answer.json().get("error", "")

    assert report(5) == (200, "")
    enrollment = student.enrollments.get()
    leave(enrollment)
    status, error = report(6)
    assert (status, "no longer have access to this video" in error) == (404, True)
    enrol(student, enrollment.course)
    assert report(7) == (200, "")
    video.lesson = factories.LessonFactory()
    video.save()
    assert report(8)[0] == 404
    factories.EnrollmentFactory(student=student, course=video.lesson.course)
    assert report(9) == (200, "")
    student.is_active = False
    student.save()
    status, error = report(10)
    assert (status, "is kept in this browser" in error) == (401, True)  # it may be a mistake that is mended
    assert VideoProgress.objects.get().watched == [(0, 9)]
    assert_no_drift()


def test_a_report_is_sent_and_not_asked_for(client, student, video):
    client.force_login(student)
    assert client.get(reverse("watched", args=[video.pk])).status_code == 405
