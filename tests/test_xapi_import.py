"""The import: from files to rows, whatever the order, the split, the repetition and the live watching beside it."""

import base64
import contextlib
import datetime
import gzip
import io
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import config.admin
import xapi.settling
from courses.models import Course, Enrollment, Lesson, Video, VideoProgress
from profiles.models import Profile
from tests.drift import drift
from tests.processes import wait_until
from tests.statements import EXTENSIONS, account, lines, mailbox, statement
from tests.test_concurrency import connect  # noqa: F401
from xapi.importing import LOCK, Rejects, Summary, import_stream
from xapi.models import Agent, Statement
from xapi.settling import settle

pytestmark = pytest.mark.django_db

TABLES = [
    ("profiles", "*"),
    ("courses", "*"),
    ("course_chapters", "*"),
    ("media_files", "*"),
    ("enrollments", "*"),
    ("video_progress", "*"),
    ("student_activity_timeline", "*"),
    ("xapi_agents", "*"),
    ("xapi_statements", "id, hash, agent_id, course_id, video_id, statement"),
    ("xapi_written", "*"),
    ("xapi_pending", "*"),
]


def dump():
    """Every row of every table that the import may write, as text."""
    rows = {}
    with connection.cursor() as cursor:
        for table, columns in TABLES:
            cursor.execute(f"SELECT row_to_json(t)::text FROM (SELECT {columns} FROM {table}) t ORDER BY 1")
            rows[table] = [row for (row,) in cursor.fetchall()]
    return rows


class Collected(Rejects):
    """Rejects kept in a list of (line, reason, bytes)."""

    def __init__(self):
        self.found = []

    def write(self, origin, reason, raw):
        self.found.append((origin and origin.line, reason, raw))


def load(*statements):
    """Store statements; what follows from them waits."""
    summary, rejects = Summary(), Collected()
    stream = io.BufferedReader(io.BytesIO(lines(statements)))
    import_stream(stream, "test", rejects=rejects, summary=summary)
    return summary, rejects.found


def imported(*statements):
    summary, rejects = load(*statements)
    summary.rows = settle()
    return summary, rejects


@contextlib.contextmanager
def nothing_kept():
    """Whatever happens inside is undone, its deferred constraints having been checked."""
    with transaction.atomic():
        yield
        connection.check_constraints()
        transaction.set_rollback(True)


def minute(number):
    return f"2025-03-03T10:{number:02}:00Z"


# What the statements mean.


def test_a_statement_becomes_a_person_a_course_a_lesson_a_video_an_enrolment_and_watching():
    imported(
        statement(1, at=minute(1), played="0[.]40", length=99.5, video_name="Pricing", course_name="First clients"),
        statement(2, at=minute(2), played="0[.]50[,]90[.]96", length=99.5),
        statement(3, at=minute(3), verb="completed", played="0[.]50"),
    )
    person = Profile.objects.get()
    assert (person.full_name, person.email, person.has_usable_password()) == ("Learner ann", None, False)
    course, video = Course.objects.get(), Video.objects.get()
    assert course.title == "First clients"
    assert (video.title, video.duration_seconds) == ("Pricing", 100)
    assert (video.lesson.title, video.lesson.course) == ("Imported videos", course)
    enrolment = Enrollment.objects.get()
    assert (enrolment.student, enrolment.course) == (person, course)
    assert enrolment.enrolled_at.minute == 1
    progress = VideoProgress.objects.get()
    assert progress.watched == [(0, 50), (90, 96)]
    assert [moment and moment.minute for moment in progress.tenth_reached_at] == [1, 1, 1, 1, 2, None, None, None, None]
    assert progress.completed_at.minute == 3
    assert not drift()


def test_statements_are_kept_as_they_came():
    value = statement(5, verb="interacted") | {"stored": "2025-03-03T10:00:01Z", "result": {"score": {"raw": 0.250}}}
    imported(value)
    kept = Statement.objects.get()
    assert kept.statement == value
    assert (str(kept.id), kept.actor, kept.object) == (value["id"], "https://lms.example ann", value["object"]["id"])


def test_other_verbs_are_kept_and_counted_and_mean_no_watching():
    summary, _ = imported(statement(1, verb="interacted", length=10), statement(2, verb="played"))
    assert sum(summary.without_meaning.values()) == 2
    assert VideoProgress.objects.get().watched == []


def test_a_comment_makes_a_video_known_and_is_no_watching():
    imported(statement(1, verb="commented", length=10, video_name="Pricing"))
    assert Video.objects.get().title == "Pricing"
    assert not VideoProgress.objects.exists()


def test_who_registered_for_a_course_is_enrolled_since_then_whatever_they_did_before():
    course = "https://lms.example/courses/1"
    registered = statement(2, at=minute(9), verb="registered", video=course, course=None)
    registered["object"]["definition"] = {
        "type": "http://adlnet.gov/expapi/activities/course",
        "name": {"en": "First clients"},
    }
    imported(statement(1, at=minute(5), course=course), registered)
    assert Course.objects.get().title == "First clients"
    assert Enrollment.objects.get().enrolled_at.minute == 9


@pytest.mark.parametrize(("progress", "minutes"), [(0.2, [1, 1, 5]), ("0.2", [5, 5, 5]), (20, [5, 5, 5])])
def test_a_step_that_somebody_tells_of_counts_from_then_on_if_its_seconds_come_too(progress, minutes):
    imported(
        statement(1, at=minute(1), verb="progressed", length=10, result={f"{EXTENSIONS}progress": progress}),
        statement(2, at=minute(5), played="0[.]3", length=10),
        statement(3, at=minute(6), verb="progressed", length=10, result={f"{EXTENSIONS}progress": 0.9}),
    )
    reached = VideoProgress.objects.get().tenth_reached_at
    assert [moment and moment.minute for moment in reached] == [*minutes, *[None] * 6]


def test_a_video_without_a_length_or_a_course_waits_until_a_statement_gives_it():
    imported(
        statement(1, played="0[.]5"), statement(2, actor="bob", video="urn:v:2", course=None, played="0[.]5", length=9)
    )
    assert not Video.objects.exists()
    assert Statement.objects.count() == 2
    imported(statement(3, actor="cy", length=10), statement(4, actor="cy", video="urn:v:2"))
    assert VideoProgress.objects.count() == 4
    assert VideoProgress.objects.get(student__full_name="Learner bob").watched == [(0, 5)]


def test_videos_without_a_length_cost_no_query_each():
    def queries(numbers):
        load(*(statement(number, video=f"urn:v:{number}", played="0[.]50") for number in numbers))
        with CaptureQueriesContext(connection) as captured:
            settle()
        return len(captured)

    queries([1])  # which makes the person
    assert queries(range(100, 130)) == queries([2])


def test_a_longer_length_in_a_later_file_unreaches_what_was_reached_too_early():
    imported(statement(1, played="0[.]10", length=10))
    assert VideoProgress.objects.get().completed_at
    before = VideoProgress.objects.get().id
    imported(statement(2, actor="bob", length=20))
    progress = VideoProgress.objects.get(student__full_name="Learner ann")
    assert progress.id == before
    assert [bool(moment) for moment in progress.tenth_reached_at] == [True] * 5 + [False] * 4
    assert progress.completed_at is None
    assert not drift()


def test_a_mailbox_is_the_person_with_that_address():
    ann = Profile.objects.create_user("ann@example.org", full_name="Ann")
    imported(statement(1, actor=mailbox("Ann@Example.org", name="A. Nother"), length=9))
    assert Enrollment.objects.get().student == ann
    assert Profile.objects.get().full_name == "Ann"


def test_a_person_imported_first_stays_who_they_are_when_given_an_address():
    imported(statement(1, actor=mailbox("ann@example.org", name="Ann"), length=9))
    person = Profile.objects.get()
    assert person.email is None
    Profile.objects.update(email="ann@new.example")
    Profile.objects.create_user("ann@example.org")
    imported(statement(2, actor=mailbox("ann@example.org"), video="urn:v:2", length=9))
    assert {progress.student for progress in VideoProgress.objects.all()} == {person}


def test_what_two_identifiers_of_one_person_did_at_once_is_merged():
    imported(statement(1, actor="ann", length=9))
    Profile.objects.update(email="ann@example.org")
    both = [
        statement(2, actor="ann", video="urn:v:2", course="urn:c:2", played="0[.]2", length=9),
        statement(3, actor=mailbox("ann@example.org"), video="urn:v:2", course="urn:c:2", played="4[.]6", length=9),
    ]
    imported(*both)
    (person,) = Profile.objects.all()
    assert person.enrollments.filter(course__title="urn:c:2").count() == 1
    assert VideoProgress.objects.get(student=person, video__title="urn:v:2").watched == [(0, 2), (4, 6)]
    again, _ = imported(*both)
    assert not +again.rows
    assert not drift()


def test_what_a_person_changed_is_left_alone():
    imported(statement(1, at=minute(5), length=9))
    Profile.objects.update(full_name="Ann Other")
    Course.objects.update(title="First clients")
    Video.objects.update(title="Pricing", duration_seconds=50)
    Enrollment.objects.update(enrolled_at=datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC))
    imported(
        statement(2, actor=account("ann", name="Annie"), at=minute(1), length=90, course_name="C", video_name="V"),
    )
    assert Profile.objects.get().full_name == "Ann Other"
    assert Course.objects.get().title == "First clients"
    video = Video.objects.get()
    assert (video.title, video.duration_seconds, video.created_at.minute) == ("Pricing", 50, 1)
    assert Enrollment.objects.get().enrolled_at.month == 1
    Enrollment.objects.update(course=Course.objects.create(title="Another"))
    imported(statement(3, at=minute(9), length=9))
    assert Enrollment.objects.get().course.title == "Another"


def test_videos_stand_in_the_order_in_which_they_were_first_met():
    imported(statement(1, at=minute(2), video="urn:b", length=9), statement(2, at=minute(4), video="urn:a", length=9))
    imported(statement(3, at=minute(3), video="urn:c", length=9), statement(4, at=minute(1), video="urn:d", length=9))
    assert [video.title for video in Lesson.objects.get().videos.all()] == ["urn:d", "urn:b", "urn:c", "urn:a"]


def test_deleting_a_profile_erases_their_statements_too():
    imported(statement(1, played="0[.]5", length=9), statement(2, actor="bob"))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM profiles WHERE full_name = 'Learner ann'")
    assert [kept.actor for kept in Statement.objects.all()] == ["https://lms.example bob"]
    assert [agent.identifier for agent in Agent.objects.all()] == ["https://lms.example bob"]


def test_a_deleted_course_comes_back_whole_when_a_statement_speaks_of_it():
    everything = [statement(1, played="0[.]5", length=9), statement(2, actor="bob", played="0[.]7")]
    imported(*everything)
    before = dump()
    Course.objects.all().delete()
    assert not VideoProgress.objects.exists()
    imported(statement(3, at="2025-04-01T10:00:00Z"))
    assert VideoProgress.objects.count() == Enrollment.objects.count() == 2
    assert dump()["courses"] == before["courses"]
    assert not drift()


def test_an_iri_may_be_longer_than_an_index_entry():
    # Not compressible: an index entry may be 2,704 bytes after compression.
    long = "https://lms.example/" + "".join(str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))) for n in range(500))
    imported(statement(1, actor=account(long), video=long, course=long, verb=long, length=9))
    assert VideoProgress.objects.get().video.title == long


# The same set of statements, the same rows.

ACTORS = [
    account("ann"),
    account("ann", name="Ann"),
    account("bob"),
    mailbox("cy@example.org"),
    mailbox("cy@example.org", name="Cy"),
]


@st.composite
def drawn_statements(draw):
    segments = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)).map(sorted), max_size=2)
    played = draw(st.none() | st.just("0[.]8") | segments.map(lambda parts: "[,]".join(f"{a}[.]{b}" for a, b in parts)))
    return statement(
        draw(st.integers(1, 20)),
        actor=draw(st.sampled_from(ACTORS)),
        verb=draw(st.sampled_from(["paused", "completed", "interacted"])),
        video=draw(st.sampled_from(["urn:video:1", "urn:video:1", "urn:video:2"])),
        course=draw(st.sampled_from(["urn:course:1", "urn:course:1", "urn:course:2", None])),
        at=minute(draw(st.integers(1, 4))),
        played=played,
        length=draw(st.sampled_from([None, 8, 9.5, 8, 20])),
        video_name=draw(st.sampled_from([None, "One", "Another"])),
        course_name=draw(st.sampled_from([None, "Course"])),
    )


@st.composite
def arrangements(draw):
    """The same statements twice: each time in some order, some of them repeated, split into some files."""
    statements = draw(st.lists(drawn_statements(), min_size=1, max_size=9))
    files = []
    for _ in range(2):
        order = draw(st.permutations(statements)) + draw(st.lists(st.sampled_from(statements), max_size=3))
        cuts = draw(st.sets(st.integers(1, len(order)), max_size=4))
        files.append([order[a:b] for a, b in itertools.pairwise(sorted({0, *cuts, len(order)}))])
    return files


slowly = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@slowly
@given(arrangements(), st.data())
def test_any_order_any_split_and_any_repetition_give_the_same_rows(arranged, data):
    dumps = []
    for files in arranged:
        with nothing_kept():
            for statements in files:
                load(*statements)
                if data.draw(st.booleans(), label="settle at once"):  # else: killed before, finished by the next
                    settle()
            settle()
            dumps.append(dump())
            assert not drift()
    assert dumps[0] == dumps[1]
    assert dumps[0]["xapi_pending"] == []


@slowly
@given(arrangements(), st.lists(st.tuples(st.integers(0, 7), st.integers(1, 8)), min_size=1, max_size=3), st.data())
def test_live_watching_of_the_same_pair_is_merged_and_never_lost(arranged, live, data):
    files, other_files = arranged
    now = datetime.datetime(2025, 3, 3, 11, tzinfo=datetime.UTC)  # later than every statement, as live watching is
    with nothing_kept():
        for statements in other_files:
            load(*statements)
        settle()
        alone = {(row.student_id, row.video_id): row for row in VideoProgress.objects.all()}
    with nothing_kept():
        added = {}
        for statements in files:
            imported(*statements)
            if live and (pairs := list(VideoProgress.objects.values_list("student_id", "video_id").order_by("id"))):
                pair, (start, size) = data.draw(st.sampled_from(pairs)), live.pop()
                with connection.cursor() as cursor:
                    cursor.execute(
                        "INSERT INTO video_progress (student_id, video_id, watched, watched_at)"
                        " VALUES (%s, %s, int4multirange(int4range(%s, %s)), %s) ON CONFLICT (student_id, video_id)"
                        " DO UPDATE SET watched = EXCLUDED.watched, watched_at = EXCLUDED.watched_at",
                        [*pair, start, start + size, now],
                    )
                row = VideoProgress.objects.get(student=pair[0], video=pair[1])
                added.setdefault(pair, set()).update(seconds(row) & set(range(start, start + size)))
        assert not drift()
        rows = {(row.student_id, row.video_id): row for row in VideoProgress.objects.all()}
        for pair, row in alone.items():
            assert seconds(rows[pair]) >= seconds(row) | added.get(pair, set())
            times = zip(moments(rows[pair]), moments(row), strict=True)
            assert all(other is None or time <= other for time, other in times)
            if pair not in added:
                assert (rows[pair].watched, moments(rows[pair])) == (row.watched, moments(row))
        assert added.keys() <= rows.keys()


def seconds(row):
    return {second for start, end in row.watched for second in range(start, end)}


def moments(row):
    return [*row.tenth_reached_at, row.completed_at]


def test_of_two_contents_the_lower_hash_wins_and_both_are_reported():
    one, other = statement(1, played="0[.]5", length=10), statement(1, played="0[.]9", length=10)
    kept = []
    for first, second in ((one, other), (other, one)):
        with nothing_kept():
            imported(first)
            summary, rejects = imported(second)
            assert summary.conflicts == 1
            assert [json.loads(raw) for _, _, raw in rejects] == [first, second]
            assert {line for line, _, _ in rejects} == {None, 1}
            assert len([reason for _, reason, _ in rejects if "is kept" in reason]) == 1
            kept.append((Statement.objects.get().statement, VideoProgress.objects.get().watched))
    assert kept[0] == kept[1]


def test_the_same_content_in_another_spelling_is_no_conflict():
    value = statement(1, video_name="é")
    imported(value)
    again = json.dumps(dict(reversed(value.items())), indent=1, ensure_ascii=True).encode()
    summary = Summary()
    import_stream(io.BufferedReader(io.BytesIO(b"[%s]" % again)), "test", rejects=Collected(), summary=summary)
    assert (summary.repeated, summary.conflicts) == (1, 0)


def test_rows_go_when_another_content_takes_the_place_of_the_only_one_that_spoke_of_them():
    contents = [statement(1, actor=name, course=f"urn:{name}", video=f"urn:{name}:v", length=9) for name in "ab"]
    winner, loser = sorted(contents, key=lambda value: hash_of(value))
    with nothing_kept():
        imported(loser)
        imported(winner)
        after = dump()
    imported(winner)
    assert dump() == after


def test_rows_that_something_live_hangs_on_stay_when_their_statement_goes():
    contents = [statement(1, actor=name, course=f"urn:{name}", video=f"urn:{name}:v", length=9) for name in "ab"]
    winner, loser = sorted(contents, key=lambda value: hash_of(value))
    imported(loser)
    person, video = Profile.objects.get(), Video.objects.get()
    person.reflections.create(content="What I take from this", video=video, video_timestamp_seconds=3)
    imported(winner)
    assert set(Profile.objects.all()) > {person}
    assert set(Video.objects.all()) > {video}
    assert VideoProgress.objects.count() == 1


def test_what_is_being_written_while_a_statement_goes_stays_and_so_does_what_it_hangs_on(connect):  # noqa: F811
    contents = [statement(1, actor=name, course=f"urn:{name}", video=f"urn:{name}:v", length=9) for name in "ab"]
    winner, loser = sorted(contents, key=lambda value: hash_of(value))
    imported(loser)
    person, video = Profile.objects.get(), Video.objects.get()
    load(winner)
    writer, observer = connect(), connect(autocommit=True)
    writer.execute(
        "INSERT INTO reflections (student_id, video_id, video_timestamp_seconds, content) VALUES (%s, %s, 3, 'Late')",
        [person.pk, video.pk],
    )

    def settling():
        try:
            settle()
        finally:
            connection.close()

    with ThreadPoolExecutor() as threads:
        settled = threads.submit(settling)
        blocked = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
        wait_until(lambda: observer.execute(blocked, [writer.info.backend_pid]).fetchone()[0])
        writer.commit()
        settled.result(60)
    assert person.reflections.get().video == video
    assert not drift()


def hash_of(value):
    from xapi.statements import canonical_hash

    return canonical_hash(value)


# The command.


def run(*arguments, expect=0, stdin=None, monkeypatch=None):
    """What the command printed; its exit code must be `expect`."""
    out = io.StringIO()
    if stdin is not None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))
    arguments = ["import_xapi", *map(str, arguments)]
    if not expect:
        call_command(*arguments, stdout=out)
        return out.getvalue()
    with pytest.raises(CommandError) as caught:
        call_command(*arguments, stdout=out)
    assert caught.value.returncode == expect, caught.value
    return out.getvalue() + str(caught.value)


def test_the_command_imports_files_of_every_form(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines([statement(1, length=9)]))
    (tmp_path / "b").write_bytes(gzip.compress(json.dumps([statement(2), statement(3)]).encode()))
    said = run(tmp_path / "a.jsonl", tmp_path / "b")
    assert "3 statements read: 3 new" in said
    assert "video_progress 1." in said
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "b"]
    before = dump()
    assert "0 new, 3 known" in run(tmp_path / "b", tmp_path / "a.jsonl")
    assert dump() == before


def test_the_command_reads_standard_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw = gzip.compress(lines([statement(1, length=9)]))
    assert "1 new" in run("-", stdin=raw, monkeypatch=monkeypatch)


def test_bad_lines_go_to_the_rejects_file_and_the_rest_is_imported(tmp_path):
    good, reversed_segment = statement(1, length=9), statement(2, played="9[.]3")
    raw = lines([good]) + b'{"id": "\xff"}\n' + lines([reversed_segment]) + b"\n" + b"nonsense\n"
    (tmp_path / "in.jsonl").write_bytes(raw)
    said = run(tmp_path / "in.jsonl", expect=1)
    assert "3 statements were rejected" in said
    rejects = [json.loads(line) for line in (tmp_path / "in.jsonl.rejects.jsonl").read_text().splitlines()]
    assert [reject["line"] for reject in rejects] == [2, 3, 5]
    assert base64.b64decode(rejects[0]["base64"]) == b'{"id": "\xff"}'
    assert json.loads(rejects[1]["raw"]) == reversed_segment
    assert "is reversed" in rejects[1]["reason"]
    assert {reject["file"] for reject in rejects} == {str(tmp_path / "in.jsonl")}
    assert Statement.objects.count() == VideoProgress.objects.count() == 1


def test_a_file_that_cannot_be_opened_stops_the_import_before_it_begins(tmp_path):
    (tmp_path / "a").write_bytes(lines([statement(1)]))
    assert "No such file" in run(tmp_path / "a", tmp_path / "b", expect=2)
    assert "directory" in run(tmp_path / "a", tmp_path, expect=2).lower()
    assert "Cannot write" in run(tmp_path / "a", "--rejects", tmp_path / "nowhere" / "r", expect=2)
    assert "names an input" in run(tmp_path / "a", "--rejects", tmp_path / "a", expect=2)
    assert not Statement.objects.exists()


def test_an_interrupted_import_is_finished_where_nothing_can_be_written(tmp_path, monkeypatch):
    """As in the folder of a container: without a file nothing is refused."""
    (tmp_path / "xapi.rejects.jsonl").mkdir()
    monkeypatch.chdir(tmp_path)
    run(expect=0)


def test_a_truncated_gzip_is_imported_as_far_as_it_goes(tmp_path):
    packed = gzip.compress(lines(statement(n, video_name=str(n * 7919 % 1009)) for n in range(1, 3_000)))
    (tmp_path / "in.gz").write_bytes(packed[: len(packed) // 2])
    said = run(tmp_path / "in.gz", expect=1)
    read = Statement.objects.count()
    assert 100 < read < 3_000
    assert f"{read:,} statements read: {read:,} new, 0 known, 0 with another content, 0 rejected." in said
    assert f"{tmp_path / 'in.gz'}, line {read + 1}: The file is damaged from here on" in said
    assert "safe to repeat" in said
    assert "damaged" in (tmp_path / "in.gz.rejects.jsonl").read_text()
    (tmp_path / "in.gz").write_bytes(packed)
    assert f"{2_999 - read:,} new, {read:,} known" in run(tmp_path / "in.gz")


def test_an_array_that_ends_early_gives_its_whole_statements_and_is_called_damaged(tmp_path):
    (tmp_path / "in.json").write_bytes(json.dumps([statement(1), statement(2), statement(3)]).encode()[:-9])
    said = run(tmp_path / "in.json", expect=1)
    assert "2 statements read: 2 new, 0 known, 0 with another content, 0 rejected." in said
    assert "line 1: The file ends before the JSON array does." in said


@pytest.mark.parametrize("raw", [random.Random(7).randbytes(5_000), b"%PDF-1.7\n%\xe2\xe3\xcf", b"PK\x03\x04\x14\0"])
def test_something_binary_is_refused_whole_and_the_files_beside_it_are_imported(tmp_path, raw):
    (tmp_path / "rubbish").write_bytes(raw)
    (tmp_path / "good").write_bytes(lines([statement(1)]))
    said = run(tmp_path / "rubbish", tmp_path / "good", expect=1)
    assert "1 statement read: 1 new, 0 known, 0 with another content, 0 rejected." in said
    assert "rubbish, line 1: This is something binary" in said


@pytest.mark.parametrize("step", range(5))
def test_an_interrupted_import_is_finished_by_the_next_even_without_files(step, tmp_path, monkeypatch):
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(statement(n, actor=f"s{n % 7}", played="0[.]5", length=9) for n in range(1, 40)))
    with nothing_kept():
        run(path)
        whole = dump()
    monkeypatch.setattr("xapi.settling.AGENTS_AT_ONCE", 3)
    for name in ("_settle_catalogue", "_settle_people", "_settle_activity", "_settle_people", "_tidy_catalogue"):
        if step == 0:
            with monkeypatch.context() as patch:
                patch.setattr(f"xapi.settling.{name}", interrupt)
                assert "Interrupted" in run(path, expect=130)
            break
        step -= 1
    run()
    assert dump() == whole


def interrupt(*arguments):
    raise KeyboardInterrupt


def test_an_interruption_that_python_forgets_ends_the_import_all_the_same(tmp_path, monkeypatch):
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(statement(n, actor=f"s{n}", length=9) for n in range(1, 4)))
    monkeypatch.setattr("xapi.settling.AGENTS_AT_ONCE", 1)
    going_on = xapi.settling._settle_people

    def forget(agents):
        with contextlib.suppress(KeyboardInterrupt):  # as in a callback of the garbage collector
            signal.raise_signal(signal.SIGTERM)
        return going_on(agents)

    monkeypatch.setattr("xapi.settling._settle_people", forget)
    assert "Interrupted" in run(path, expect=143)
    assert Enrollment.objects.count() == 1, "what was begun was finished, and no more"


# The admin.


def test_the_admin_finds_statements_by_their_identifiers_and_changes_none(client, django_assert_max_num_queries):
    imported(
        *(statement(n, actor=f"s{n}", length=9) for n in range(1, 61)),
        statement(77, actor=mailbox("cy@example.org"), video="urn:video:2", course="urn:course:2"),
    )
    client.force_login(Profile.objects.create_superuser("root@example.org", "x", full_name="Root"))
    listed = "/admin/xapi/statement/"
    with django_assert_max_num_queries(9) as queries:
        page = client.get(listed)
    assert page.context["cl"].result_count == 61
    counts = [query["sql"] for query in queries.captured_queries if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT 10001" in sql for sql in counts)
    one = statement(77)["id"]
    for term in (one, "Cy@Example.org", "mailto:cy@example.org", "urn:video:2", "urn:course:2"):
        found = client.get(listed, {"q": term}).context["cl"].result_list
        assert [str(each.id) for each in found] == [one], term
    assert client.get(listed, {"q": "https://lms.example s7"}).context["cl"].result_count == 1
    assert client.get(listed, {"q": "nobody"}).context["cl"].result_count == 0
    assert client.post(f"{listed}{one}/change/", {"actor": "x"}).status_code == 403
    assert client.get(f"{listed}add/").status_code == 403
    assert client.post(f"{listed}{one}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("term", ["https://lms.example/courses/1", "https://lms.example/videos/1"])
def test_a_search_for_a_busy_course_or_video_reads_no_more_statements_than_are_listed(client, monkeypatch, term):
    monkeypatch.setattr(config.admin, "COUNT_LIMIT", 100)
    imported(statement(1, length=9))
    values = {field.column: f'"{field.column}"' for field in Statement._meta.concrete_fields}
    values |= {"id": "gen_random_uuid()", "timestamp": "timestamp + n * interval '1 s'"}
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO xapi_statements ({', '.join(f'"{name}"' for name in values)})"
            f" SELECT {', '.join(values.values())} FROM xapi_statements, generate_series(1, 5000) AS n"
        )
        cursor.execute("ANALYZE xapi_statements")
    client.force_login(Profile.objects.create_superuser("root@example.org", "x", full_name="Root"))
    with CaptureQueriesContext(connection) as captured:
        page = client.get("/admin/xapi/statement/", {"q": term, "p": 2})
    assert [kept.timestamp.minute for kept in page.context["cl"].result_list] == [0] * 10 + [1] * 40
    asked = [query["sql"] for query in captured if 'FROM "xapi_statements"' in query["sql"]]
    assert asked
    for sql in asked:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql)
            nodes = [cursor.fetchone()[0][0]["Plan"]]
        for node in nodes:
            nodes += node.get("Plans", [])
            assert node["Actual Rows"] * node["Actual Loops"] <= 150, json.dumps(nodes[0], indent=1)


def test_a_statement_in_the_admin_shows_its_json_and_its_student(client):
    imported(statement(1, actor=account("ann", name="<b>Ann</b>"), length=9))
    client.force_login(Profile.objects.create_superuser("root@example.org", "x", full_name="Root"))
    page = client.get(f"/admin/xapi/statement/{statement(1)['id']}/change/").content.decode()
    assert page.count("&lt;b&gt;Ann&lt;/b&gt;") == 2
    assert "<b>Ann" not in page


# Beside others. These commit, so the tables are emptied afterwards.


@contextlib.contextmanager
def process(*arguments):
    """`manage.py import_xapi` in a process of its own, on the test database."""
    name = connection.settings_dict["NAME"]
    code = (
        "import sys, django; django.setup()\n"
        "from django.db import connection\n"
        f"connection.settings_dict['NAME'] = {name!r}\n"
        "from django.core.management import execute_from_command_line\n"
        "execute_from_command_line(['manage.py', 'import_xapi', *sys.argv[1:]])\n"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    child = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


@pytest.fixture
def many(tmp_path):
    """A file of 3,000 statements of 300 learners about 3 videos."""
    statements = (
        statement(n, actor=f"s{n % 300}", video=f"urn:v:{n % 3}", played=f"{n % 50}[.]{n % 50 + 20}", length=100)
        for n in range(1, 3_001)
    )
    path = tmp_path / "many.jsonl"
    path.write_bytes(lines(statements))
    return path


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_import_killed_at_any_moment_leaves_nothing_that_the_next_does_not_finish(many, how):
    with process(many) as child:
        while not Statement.objects.exists():  # until the first of three batches
            time.sleep(0.01)
            assert child.poll() is None, child.stderr.read()
        child.send_signal(how)
        _, said = child.communicate()
        killed = how == signal.SIGKILL
        assert (child.returncode, "Interrupted" in said) == ((-how, False) if killed else (128 + how, True))
    assert not drift()
    run(many)
    after = dump()
    connection.cursor().execute("TRUNCATE profiles, courses, xapi_agents, xapi_written CASCADE")
    run(many)
    assert dump() == after
    assert VideoProgress.objects.count() == 300


@pytest.mark.django_db(transaction=True)
def test_a_second_import_waits_for_the_first(many):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        with process(many) as child:
            assert any("Waiting for another import" in line for line in child.stderr)
            assert not Statement.objects.exists()
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
            assert child.wait(60) == 0
    assert VideoProgress.objects.count() == 300


@pytest.mark.django_db(transaction=True)
def test_people_watch_while_an_import_of_their_watching_runs(many):
    """Writers of the very pairs that are imported: none gets an error, none of their seconds is lost."""
    run(many)
    longer = many.with_name("longer.jsonl")
    longer.write_bytes(
        lines(
            statement(n, actor=f"s{n % 300}", video=f"urn:v:{n % 3}", played="90[.]95", length=120)
            for n in range(10_001, 12_001)
        )
    )
    pairs = list(VideoProgress.objects.values_list("student_id", "video_id").order_by("?"))
    stop, errors, written = threading.Event(), [], set()

    def watch(share):
        try:
            for student, video in itertools.cycle(share):
                if stop.is_set():
                    break
                with connection.cursor() as cursor:
                    cursor.execute(
                        "INSERT INTO video_progress (student_id, video_id, watched) VALUES (%s, %s, '{[97,100)}')"
                        " ON CONFLICT (student_id, video_id) DO UPDATE SET watched = EXCLUDED.watched,"
                        " watched_at = EXCLUDED.watched_at",
                        [student, video],
                    )
                written.add((student, video))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    writers = [threading.Thread(target=watch, args=(pairs[half::2],)) for half in (0, 1)]
    for writer in writers:
        writer.start()
    try:
        run(longer)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert errors == []
    assert written
    for row in VideoProgress.objects.all():
        assert (90, 95) in row.watched
        assert ((97, 100) in row.watched) == ((row.student_id, row.video_id) in written)
    assert not drift()


@pytest.mark.parametrize(
    "number", ["1e308", "5e-324", "-0", "0e-1000", "0e1000", "0." + "0" * 980 + "e-300", "9" * 1000, "0." + "9" * 998]
)
def test_every_number_that_is_taken_can_be_stored(number):
    value = lines([statement(1, result={"urn:x": 17})]).replace(b"17", number.encode())
    summary, rejects = Summary(), Collected()
    import_stream(io.BufferedReader(io.BytesIO(value)), "test", rejects=rejects, summary=summary)
    assert (summary.new, rejects.found) == (1, [])


def test_a_name_longer_than_a_profile_takes_is_cut():
    imported(statement(actor=account("ada", name="Ada" * 5000)))
    assert Profile.objects.get().full_name == "Ada" * 100


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Ada\nLovelace", "Ada Lovelace"),
        ("\u202eAda\u2069", "Ada"),
        ("\u200b", "Learner ada"),
        (None, "Learner ada"),
    ],
)
def test_a_name_is_kept_as_one_that_somebody_types(name, called):
    imported(statement(actor=account("ada\u202e", name=name)))
    assert Profile.objects.get().full_name == called
