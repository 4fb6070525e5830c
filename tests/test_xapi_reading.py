"""Reading xAPI: one statement, what a pair's statements add up to, and files."""

import contextlib
import datetime
import gzip
import io
import json
import time
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.statements import EXTENSIONS, VIDEO, account, lines, mailbox, statement
from xapi.reading import read_items
from xapi.statements import MAX_BYTES, InvalidStatement, canonical_hash, read_segments, read_statement
from xapi.watching import Report, fold

NOON = datetime.datetime(2025, 3, 3, 12, tzinfo=datetime.UTC)


def read(value):
    return read_statement(json.dumps(value).encode())


def without(value, *path):
    *parents, last = path
    inner = value
    for key in parents:
        inner = inner[key]
    del inner[last]
    return value


def reason(value):
    with pytest.raises(InvalidStatement) as caught:
        read_statement(value if isinstance(value, bytes) else json.dumps(value).encode())
    return str(caught.value)


def test_a_statement_says_who_what_where_and_when():
    read_back = read(
        statement(
            7,
            verb="completed",
            played="0[.]12.5[,]14[.]20",
            length=99.2,
            at="2025-03-03T10:00:00.25+02:00",
            video_name="Pricing",
            course_name="Your first clients",
        )
    )
    assert read_back.agent.identifier == "https://lms.example ann"
    assert read_back.object == "https://lms.example/videos/1"
    assert read_back.timestamp == datetime.datetime(2025, 3, 3, 8, 0, 0, 250_000, tzinfo=datetime.UTC)
    assert (read_back.course, read_back.course_name) == ("https://lms.example/courses/1", "Your first clients")
    assert (read_back.is_video, read_back.video_name, read_back.length_seconds) == (True, "Pricing", 100)


def test_a_length_in_the_result_counts_like_one_in_the_context_and_the_larger_wins():
    assert read(statement(length=10, result={f"{EXTENSIONS}length": 10.5})).length_seconds == 11
    assert read(statement(result={f"{EXTENSIONS}length": 12})).length_seconds == 12


def test_a_parent_may_stand_alone_outside_a_list():
    value = statement()
    value["context"]["contextActivities"]["parent"] = value["context"]["contextActivities"]["parent"][0]
    assert read(value).course == "https://lms.example/courses/1"


def test_a_video_is_known_by_its_type_or_without_one_by_the_profile():
    assert not read(
        statement() | {"object": {"id": "https://lms.example/q", "definition": {"type": "urn:quiz"}}}
    ).is_video
    bare = statement() | {"object": {"id": "https://lms.example/v"}}
    assert read(bare).is_video
    del bare["context"]["contextActivities"]["category"]
    assert read(bare).is_video
    assert not read(bare | {"verb": {"id": "http://adlnet.gov/expapi/verbs/completed"}}).is_video


@pytest.mark.parametrize(
    ("actor", "identifier"),
    [
        (mailbox("Ann@Example.org"), "mailto:ann@example.org"),
        ({"mbox_sha1sum": "AB" * 20}, "sha1:" + "ab" * 20),
        ({"openid": "https://ann.example/"}, "https://ann.example/"),
        (account("Ann"), "https://lms.example Ann"),
    ],
)
def test_each_of_the_four_identifiers_names_a_person(actor, identifier):
    assert read(statement(actor=actor)).agent.identifier == identifier


@pytest.mark.parametrize(
    ("account_name", "pseudonym"),
    [
        ("a1163ae2-67b3-44e3-a980-23de552c3d3f", "Learner a1163ae2"),
        ("student-17", "Learner student-17"),
    ],
)
def test_a_nameless_person_gets_a_readable_pseudonym(account_name, pseudonym):
    assert read(statement(actor=account_name)).agent.pseudonym == pseudonym


def test_a_pseudonym_gives_no_address_away():
    for actor in (account("ann@example.org"), mailbox("ann@example.org")):
        assert "ann" not in read(statement(actor=actor)).agent.pseudonym


BAD = {
    "not JSON": (b'{"id": ', "It is not JSON"),
    "two values": (b"{} {}", "It is not JSON"),
    "a number": (b"17", "not an object"),
    "a list": (b"[]", "not an object"),
    "not UTF-8": (b'{"id": "\xff"}', "It is not UTF-8: byte 9"),
    "NaN": (b'{"x": NaN}', "NaN is not a number"),
    "Infinity": (b'{"x": -Infinity}', "-Infinity is not a number"),
    "too large a number": (b'{"x": 1e400}', "out of range"),
    "too small a number": (b'{"x": 1e-400}', "out of range"),
    "too small a zero": (b'{"x": 0e-99999}', "out of range"),
    "too large a zero": (b'{"x": 0.0E+99999999999999999999}', "out of range"),
    "too long a number": (b'{"x": %s}' % (b"1" * 5000), "out of range"),
    "too long an exponent": (b'{"x": %se-%s}' % (b"0" + b"." + b"0" * 996, b"1" * 5000), "out of range"),
    "too long a fraction": (b'{"x": 0.%s}' % (b"1" * 5000), "out of range"),
    "a key twice": (b'{"id": 1, "id": 1}', 'The key "id" stands twice'),
    "NUL": (json.dumps(statement(video_name="a\0b")).encode(), "NUL"),
    "half a character": (json.dumps(statement(video_name="\ud800")).encode(), "half a character"),
    "too long": (json.dumps(statement(video_name="x" * MAX_BYTES)).encode(), "longer than 1,000,000 bytes"),
    "too deep": (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "more than 100 levels deep"),
    "no id": (without(statement(), "id"), "It has no id."),
    "a bad id": (statement() | {"id": "7"}, 'Its id "7" is not a UUID.'),
    "no actor": (without(statement(), "actor"), "It has no actor."),
    "an actor without identifier": (statement(actor={"name": "Ann"}), "The actor has no identifier"),
    "two identifiers": (statement(actor=account("ann") | mailbox("ann@example.org")), "has 2 identifiers"),
    "a group": (statement(actor=account("all") | {"objectType": "Group"}), "The actor is a group"),
    "a bad mailbox": (statement(actor={"mbox": "ann@example.org"}), "is not a mailto: address"),
    "a bad account": (statement(actor={"account": {"name": "ann"}}), "homePage is missing"),
    "a bad name": (statement(actor=account("ann", name=7)), "The actor's name is not text."),
    "no verb": (without(statement(), "verb"), "It has no verb."),
    "a bad verb": (statement(verb="paused by hand"), "is not an IRI"),
    "no object": (without(statement(), "object"), "It has no object."),
    "an object without id": (without(statement(), "object", "id"), "The object's id is missing."),
    "a sub-statement": (statement() | {"object": {"objectType": "SubStatement"}}, "Its object is a"),
    "no timestamp": (without(statement(), "timestamp"), "It has no timestamp."),
    "a bad timestamp": (statement(at="yesterday"), "is not an ISO 8601"),
    "a number for a timestamp": (statement(at=17), "is not an ISO 8601"),
    "no zone": (statement(at="2025-03-03T10:00:00"), "has no time zone"),
    "year 1": (statement(at="0001-01-01T00:00:00+10:00"), "outside the years"),
    "year 9999": (statement(at="9999-12-31T23:59:59-10:00"), "outside the years"),
    "version 3": (statement() | {"version": "3.0.0"}, "Version"),
    "a reversed segment": (statement(played="9[.]3"), "Played segment 9[.]3 is reversed"),
    "a segment without end": (statement(played="3[,]4[.]5"), "is not"),
    "a segment of three": (statement(played="3[.]4[.]5"), "is not"),
    "a negative second": (statement(played="-1[.]5"), "not a number of seconds"),
    "a strange second": (statement(played="0[.]inf"), "not a number of seconds"),
    "segments in a list": (statement(played=[0, 5]), "played-segments are not text"),
    "a second beyond the length": (statement(played="0[.]12", length=11), "second 12 of a video that it says is 11"),
    "a position beyond the length": (statement(length=11, result={f"{EXTENSIONS}time": 12}), "second 12 of a video"),
    "a length as text": (statement(length="11"), 'length "11" is not a number'),
    "a length of true": (statement(length=True), "is not a number"),
    "no length at all": (statement(length=0), "more than 0"),
    "a length of days": (statement(length=86_401), "at most 86,400"),
    "a name that is no map": (
        statement() | {"object": {"id": "urn:v", "definition": {"type": f"{VIDEO}/activity-type/video", "name": "V"}}},
        "is not a language map",
    ),
    "a context that is none": (statement() | {"context": []}, "The context is not an object."),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_statement_is_refused_with_a_reason(name):
    value, words = BAD[name]
    assert words in reason(value)


def test_a_position_that_rounds_to_the_length_is_within_it():
    assert read(statement(played="0[.]586.02", length=586)).says_watching
    assert read(statement(played="0[.]585.9", length=585.76)).length_seconds == 586


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(list(statement())), inner),
    )
)
def test_whatever_json_comes_it_is_read_or_refused(value):
    with pytest.raises(InvalidStatement):
        read_statement(json.dumps(value).encode())


@given(st.binary())
@example(b"\xef\xbb\xbf{}")
def test_whatever_bytes_come_they_are_read_or_refused(raw):
    with pytest.raises(InvalidStatement):
        read_statement(raw)


@given(st.sampled_from(["actor", "verb", "object", "context", "result", "timestamp", "version"]), st.data())
def test_whatever_one_part_holds_the_statement_is_read_or_refused(part, data):
    junk = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    ["id", "account", "mbox", "name", "definition", "type", "extensions", "contextActivities", "parent"]
                ),
                inner,
                max_size=3,
            )
        ),
    )
    with contextlib.suppress(InvalidStatement):
        assert read(statement(played="0[.]5", length=9) | {part: data.draw(junk)}).hash


def test_the_hash_knows_content_from_spelling():
    assert canonical_hash({"a": 1, "b": "é"}) == canonical_hash(json.loads('{"b": "\\u00e9",  "a": 1}'))
    assert canonical_hash({"a": 1}) != canonical_hash({"a": 2})


# Segments and folding.


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", []),
        ("0[.]12.5", [(0, 12)]),  # halves to even
        ("0.5[.]13.5", [(0, 14)]),
        ("2.675[.]2.6750", [(3, 3)]),
        ("0[.]10[,]7[.]20[,]141.074", [(0, 10), (7, 20)]),
        ("141.074", []),
        ("1.2e-7[.]3", [(0, 3)]),
        ("0.4999999999999999999999999[.]1.5000000000000000000000001", [(0, 2)]),
    ],
)
def test_played_segments_become_whole_seconds(text, segments):
    assert read_segments(text) == segments


def at(minute, *segments, completed=False):
    return Report(NOON + datetime.timedelta(minutes=minute), list(segments), completed)


def test_a_tenth_is_reached_at_the_report_that_covers_it():
    watching = fold(
        [at(1, (0, 9)), at(2, (5, 10)), at(3, (90, 100), (50, 60))], duration=100, threshold=Decimal("0.95")
    )
    assert watching.watched == [(0, 10), (50, 60), (90, 100)]
    assert watching.tenth_reached_at == [at(2).timestamp, at(3).timestamp, at(3).timestamp, *[None] * 6]
    assert watching.completed_at is None


def test_complete_is_a_completed_statement_or_the_threshold_whichever_came_first():
    covered, said = at(1, (0, 95)), at(2, completed=True)
    assert fold([covered, said], duration=100, threshold=Decimal("0.95")).completed_at == covered.timestamp
    assert fold([at(1, (0, 94)), said], duration=100, threshold=Decimal("0.95")).completed_at == said.timestamp
    early = at(0, completed=True)
    assert fold([early, covered], duration=100, threshold=Decimal("0.95")).completed_at == early.timestamp


@given(
    st.lists(
        st.tuples(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted), max_size=4), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 30),
)
def test_folding_agrees_with_sets_of_seconds(reports, duration):
    reports = [at(minute, *segments, completed=done) for minute, (segments, done) in enumerate(reports)]
    seen, tenths, completed = set(), {}, None
    for report in reports:
        seen |= {second for start, end in report.segments for second in range(start, end) if second < duration}
        for tenth in range(1, 10):
            if len(seen) * 10 >= tenth * duration:
                tenths.setdefault(tenth, report.timestamp)
        if report.completed or len(seen) * 100 >= 95 * duration:
            completed = completed or report.timestamp
    watching = fold(reports, duration=duration, threshold=Decimal("0.950"))
    assert {second for start, end in watching.watched for second in range(start, end)} == seen
    assert all(end < start for (_, end), (start, _) in zip(watching.watched, watching.watched[1:], strict=False))
    assert watching.tenth_reached_at == [tenths.get(tenth) for tenth in range(1, 10)]
    assert (watching.completed_at, watching.watched_at) == (completed, reports[-1].timestamp)


# Files.


def items(raw):
    return list(read_items(io.BufferedReader(io.BytesIO(raw))))


THREE = [statement(number, video_name='é "[1, 2]" \\ {') for number in (1, 2, 3)]
FORMS = {
    "lines": lines(THREE),
    "lines without the last end": lines(THREE).rstrip(),
    "CRLF, blank lines, BOM": b"\xef\xbb\xbf\r\n" + lines(THREE).replace(b"\n", b"\r\n \r\n"),
    "array": json.dumps(THREE).encode(),
    "array of many lines": b" \n" + json.dumps(THREE, indent=2, ensure_ascii=False).encode(),
    "array with BOM": b"\xef\xbb\xbf" + json.dumps(THREE).encode(),
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda raw: gzip.compress(raw[:99]) + gzip.compress(raw[99:])])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_file_gives_its_statements(form, pack):
    found = items(pack(FORMS[form]))
    assert [json.loads(item.raw) for item in found] == THREE
    assert not any(item.problem for item in found)


def test_items_know_the_line_where_they_start():
    assert [item.line for item in items(b'\n{"a": 1}\n\n{}\n')] == [2, 4]
    assert [item.line for item in items(b'[\n  {\n"a": 1},\n\n  {}, {}\n]')] == [2, 5, 5]


@pytest.mark.parametrize("raw", [b"", b"\n \r\n", b"\xef\xbb\xbf", b"[]", b" [ \n ] \n", gzip.compress(b"", mtime=0)])
def test_an_empty_file_has_no_statements(raw):
    assert items(raw) == []


@pytest.mark.parametrize(
    ("raw", "good", "problem"),
    [
        (b"[{}, {", 1, "The file ends before the JSON array does."),
        (b"[{}, {}", 1, "The file ends before the JSON array does."),
        (b"[{}] {}", 1, "after the end of the JSON array"),
        (b"[{}, , {}]", 2, "no statement between two commas"),
        (b"[{},]", 1, "no statement between two commas"),
    ],
)
def test_a_broken_array_gives_what_it_has_and_says_what_is_wrong(raw, good, problem):
    found = items(raw)
    assert sum(not item.problem for item in found) == good
    assert any(problem in (item.problem or "") for item in found)


def test_a_truncated_gzip_gives_what_was_read_and_says_so():
    many = lines(statement(number, video_name=f"{number * 7919 % 1009}") for number in range(1, 5_000))
    packed = gzip.compress(many)
    *found, last = items(packed[: len(packed) // 2])
    assert 100 < len(found) < 5_000
    assert [json.loads(item.raw)["id"] for item in found] == [statement(n)["id"] for n in range(1, len(found) + 1)]
    assert last.problem.startswith("The file is damaged from here on")
    assert last.line == len(found) + 1


def test_an_endless_line_is_not_kept_in_memory():
    for raw in (b"x" * (3 * MAX_BYTES) + b"\n{}", b"[" + b"1" * (3 * MAX_BYTES) + b", {}]"):
        long, short = items(raw)
        assert MAX_BYTES < len(long.raw) <= MAX_BYTES + 2
        assert short.raw == b"{}"


def test_a_line_of_an_endless_element_takes_no_longer_than_the_one_before():
    start = time.process_time()
    assert items(b"[1 " + b"1\n" * 400_000)[-1].problem
    assert time.process_time() - start < 2  # ten times that, if each line has all before it looked at again


def test_a_key_that_stands_twice_is_found_among_very_many():
    keys = ",".join(f'"k{number}":1' for number in range(50_000))
    start = time.process_time()
    assert reason(f'{{{keys},"k49999":2}}'.encode()) == 'The key "k49999" stands twice in one object.'
    assert time.process_time() - start < 2  # a minute, if each is compared with all others


@given(
    st.lists(
        st.dictionaries(st.text(max_size=4), st.text(alphabet='ab"\\[]{},\n é') | st.lists(st.integers())), max_size=5
    ),
    st.sampled_from([None, 1]),
    st.integers(1, 40),
)
def test_an_array_falls_into_its_elements_wherever_the_chunks_end(values, indent, chunk):
    class Trickle(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, chunk) if size > 0 else chunk)

        def peek(self, size):
            return self.getvalue()[self.tell() :][:size]

    found = list(read_items(Trickle(json.dumps(values, indent=indent, ensure_ascii=False).encode())))
    assert [json.loads(item.raw) for item in found] == values
