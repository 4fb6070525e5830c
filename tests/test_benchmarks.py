"""The benchmarks' own parts: what they write into docs/benchmarks.md, and whom they are about."""

import datetime
import xml.etree.ElementTree as ET
from collections import Counter
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.template import engines

from benchmarks import alternatives, harness, pages, population, reading, report, writing
from benchmarks.citus import asking, schema
from benchmarks.growth import months, shards, sizes
from benchmarks.growth.ground import statements_of_pages
from courses.models import Course
from timeline import queries
from timeline.models import Activity

PLAIN = "# Benchmarks\n\nBy hand.\n\n<!-- benchmark: one -->\n<!-- end of one -->\n\n## More by hand\n"


@pytest.fixture
def document(tmp_path):
    document = tmp_path / "benchmarks.md"
    document.write_text(PLAIN)
    return document


def test_a_section_is_replaced_and_the_rest_stays(document):
    report.replace(document, "one", "first")
    report.replace(document, "two", "of another")
    before = document.read_text()
    report.replace(document, "one", r"second \1")
    report.replace(document, "one", "first")
    assert document.read_text() == before
    assert before.startswith("# Benchmarks\n\nBy hand.\n\n<!-- benchmark: one -->\n\nfirst\n\n<!-- end of one -->")
    assert before.endswith("## More by hand\n\n<!-- benchmark: two -->\n\nof another\n\n<!-- end of two -->\n")


def test_a_table_has_its_numbers_to_the_right_and_with_the_digits_that_count():
    assert report.table(["", "ms"], [["a|b", 1234.5], ["c", 0.125]]).splitlines() == [
        "|  | ms |",
        "| --- | ---: |",
        "| a\\|b | 1,234 |",
        "| c | 0.12 |",
    ]


def test_drawings_are_svg_that_says_in_words_what_it_shows(document):
    series = {"one & other": [(100, 12), (1000, 15)], "last": [(100, 900), (1000, 30_000)]}
    pictures = [
        report.lines("lines", "Title", series, x="entries", y="buffers", document=document),
        report.bars("bars", "Title", {("a", "x"): 1.1, ("b", "x"): 3}, x="times", document=document),
    ]
    for name, picture in zip(("lines", "bars"), pictures, strict=True):
        assert picture == f"![Title](images/benchmarks/{name}.svg)"
        root = ET.parse(document.parent / "images" / "benchmarks" / f"{name}.svg").getroot()
        title, description = (root.find(f"{{*}}{tag}").text for tag in ("title", "desc"))
        assert title == "Title"
        assert (
            description
            == {
                "lines": "buffers by entries: one & other 12 at 100, 15 at 1k; last 900 at 100, 30k at 1k",
                "bars": "times: a x 1.10, b x 3",
            }[name]
        )


def test_the_name_of_a_bar_is_not_cut_off(document):
    name = "INSERT … SELECT, two processes"
    report.bars("bars", "Title", {name: 1, "check": 2}, x="times", document=document)
    root = ET.parse(document.parent / "images" / "benchmarks" / "bars.svg").getroot()
    [end] = [float(text.get("x")) for text in root.iterfind("{*}text") if text.text == name]
    assert end > 7.5 * len(name)  # pixels of a letter, where letters are wide


def test_an_axis_reaches_from_end_to_end():
    values = [3, 40, 999]
    logarithmic = report.Axis(values, 0, 300, log=True)
    assert {tick: logarithmic(tick) for tick in logarithmic.ticks} == {1: 0, 10: 100, 100: 200, 1000: 300}
    linear = report.Axis(values, 0, 500, log=False)
    assert {tick: linear(tick) for tick in linear.ticks} == {0: 0, 200: 100, 400: 200, 600: 300, 800: 400, 1000: 500}


@contextmanager
def school(seed=population.SEED):
    """A small made-up school in the last two weeks of its year, by the triggers; rolled back."""
    with transaction.atomic():
        population.found(connection, 4_000, "triggers", "2026-06-01", seed)
        for week in (50, 51):
            population.run(connection, "week.sql", week=week)
            harness.execute(connection, "DROP TABLE active, watching, event")
        yield
        transaction.set_rollback(True)


def facts():
    return harness.execute(
        connection,
        "SELECT (SELECT md5(string_agg(id || student_id::text || content, '' ORDER BY id)) FROM reflections),"
        " (SELECT md5(string_agg(id || watched::text, '' ORDER BY id)) FROM video_progress),"
        " (SELECT max(activity_date) FROM student_activity_timeline)",
    )[0]


@pytest.mark.django_db
def test_a_made_up_school_is_the_same_every_time_and_a_few_do_most_of_it():
    with school():
        first = facts()
        quotas = [quota for (quota,) in harness.execute(connection, "SELECT quota FROM benchmark.student ORDER BY n")]
    with school():
        assert facts() == first
    with school(seed=8):
        assert facts()[0] != first[0]
    assert first[0]
    assert first[1]
    assert first[2].isoformat() == "2026-05-31"
    assert sum(quotas) == pytest.approx(4_000)
    assert quotas[0] > 1.9 * quotas[-1]  # of sixteen; of 40,000 a thousand times


def test_time_is_counted_where_python_stands_a_helper_for_its_caller():
    found = Counter()
    template = engines["django"].from_string("{% for number in numbers %}{{ number|date:'j F' }}{% endfor %}")
    with pages.looking(found):
        template.render({"numbers": [datetime.date(2026, 6, 1)] * 3_000})
    assert found.most_common(1)[0][0] == "templates"
    assert pages.place_of(queries.__file__) == "our code"
    assert pages.place_of(datetime.__file__) == ""


@pytest.mark.django_db
def test_the_other_ways_find_what_the_timeline_finds():
    """By its second or its time: ids of a UNION ALL are others."""
    ways = {
        alternatives.TIMELINE: lambda *asked: alternatives.of_timeline(connection, *asked),
        alternatives.VIEW: lambda *asked: alternatives.of_view(connection, *asked),
        alternatives.PLAN: lambda *asked: alternatives.by_plan(connection, *asked),
        alternatives.OFFSET: alternatives.by_offset,
    }
    with school():
        for subject in reading.chosen(connection).values():
            for (question, where), place in alternatives.places_of(subject, 0.6).items():
                found = {
                    way: [key for sql, values in ask(question, subject, place) for key in keys(question, sql, values)]
                    for way, ask in ways.items()
                }
                assert found[alternatives.TIMELINE] or where == "deep"
                assert all(each == found[alternatives.TIMELINE] for each in found.values()), (question, found)


def keys(question, sql, values):
    """The seconds or times of the entries that a statement gives; none, if it gives days alone."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        names = [column.name for column in cursor.description]
        wanted = "key" if "key" in names else "video_timestamp_seconds" if question == "video" else "created_at"
        return [row[names.index(wanted)] for row in cursor.fetchall()] if wanted in names else []


@pytest.mark.django_db
def test_every_way_to_write_a_second_row_writes_as_many_as_the_timeline_does():
    population.run(connection, "even_school.sql", students=3)
    harness.execute(connection, "SET CONSTRAINTS ALL IMMEDIATE")  # the ways alter tables, which may wait for nothing
    ways = writing.WAYS | {"signals": writing.signals}
    for table, rows in writing.School().rows().items():
        written = {}
        for name, way in ways.items():
            before = Activity.objects.count()
            with way(connection, table) as second_row:
                writing.saved([next(rows)], second_row)
            written[name] = Activity.objects.count() - before
        entries = len(writing.KINDS[table])
        assert (table, written) == (table, dict.fromkeys(ways, entries) | {"without": 0})


@pytest.mark.django_db
@pytest.mark.parametrize("write", [writing.saved, writing.created])
def test_a_row_whose_second_row_fails_is_not_written_as_with_triggers(write):
    def fails(row):
        raise RuntimeError("no second row")

    with pytest.raises(RuntimeError):
        write([Course(title="Alone")], fails)
    assert not Course.objects.exists()


@pytest.mark.django_db
def test_pages_of_a_timeline_in_months_find_what_they_find_in_one_table():
    with school():
        harness.execute(connection, "SET CONSTRAINTS ALL IMMEDIATE")  # what waits would forbid to rename tables
        pages = statements_of_pages(connection, ["days", "journey"])
        there = rows_of(pages)
        assert months.partition(connection) > 2
        months.swapped(connection, months.PLAIN, months.MONTHS)
        assert rows_of(pages) == there
        assert "student_activity_timeline_months_0" in harness.execute(connection, PARTITIONS)[0]
        months.swapped(connection, months.MONTHS, months.PLAIN)
        assert rows_of(pages) == there


PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'student_activity_timeline'::regclass"


def rows_of(pages):
    found = {}
    for page, statements in pages.items():
        for number, (sql, params, _) in enumerate(statements):
            if "student_activity_timeline" in sql:
                found[page, number] = sorted(map(repr, harness.execute(connection, sql, params)))
    return found


@pytest.mark.django_db
def test_bytes_of_an_entry_are_those_of_the_table_and_each_of_its_indexes():
    with school():
        found = sizes.bytes_of_entry(connection)
        indexes = {index.name for index in Activity._meta.indexes} | {"student_activity_timeline_pkey"}
        assert found.keys() == {"the table", "its TOAST", "all sources, with their indexes"} | indexes
        # Not pg_indexes_size(), which counts maps of free space, too: autovacuum may make them at any moment.
        [(entries, size)] = harness.execute(
            connection,
            "SELECT (SELECT count(*) FROM student_activity_timeline), sum(pg_relation_size(indexrelid))::bigint"
            " FROM pg_index WHERE indrelid = 'student_activity_timeline'::regclass",
        )
        assert sizes.sums(found)[0] * entries == pytest.approx(size)


@pytest.mark.django_db
def test_what_is_said_of_citus_is_what_the_catalogue_says():
    """docs/benchmarks.md, "What grows, and when it breaks"."""
    found = shards.rules(connection)
    primary, unique = found["their primary keys contain it"], found["their other unique indexes contain it"]
    assert not primary[0]
    assert "`student_activity_timeline` (id)" in primary[1]
    assert unique[1] == ["`shared_stories` (link)"]
    assert not found["foreign keys between them contain it"][1]
    assert found["their exclusion constraints contain it"] == (
        [],
        ["`goal_periods.goals_goalperiod_one_goal_at_a_time`"],
    )
    assert len(found["tables with `student_id`"][0]) == 18
    assert len(found["their foreign keys to `profiles` are by it"][1]) == 8
    assert [len(names) for names in found["the timeline's indexes begin with it"]] == [6, 5]


@pytest.mark.django_db
def test_mappings_as_citus_takes_them_say_what_the_functions_say():
    with school():
        entry = asking.columns(connection.connection)
        for source, text in schema.SOURCES.items():
            harness.execute(connection, schema.mapping_view(source, text, entry))
        views = " UNION ALL ".join(f"SELECT * FROM timeline_of_{source}" for source in schema.SOURCES)
        # Within the two weeks the current goal ends, and then there is none; messages name a goal all the same.
        harness.execute(
            connection,
            "UPDATE goal_periods SET period = tstzrange(lower(period), '2026-05-30')"
            " WHERE period @> timestamptz '2026-05-30'",
        )
        harness.execute(
            connection,
            "UPDATE goal_messages SET goal_id = (SELECT min(goals.id::text)::uuid FROM goals"
            " WHERE goals.student_id = goal_messages.student_id)",
        )
        lacking = "SELECT count(*) FROM (({}) EXCEPT ALL ({})) AS lacking"
        functions = "SELECT * FROM timeline_expected"
        assert harness.execute(connection, lacking.format(functions, views)) == [(0,)]
        assert harness.execute(connection, lacking.format(views, functions)) == [(0,)]
        found = harness.execute(connection, f"SELECT source_table, count(goal_id) > 0 FROM ({views}) AS _ GROUP BY 1")
        assert dict(found) == dict.fromkeys(schema.SOURCES, True)
