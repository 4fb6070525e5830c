"""From stored statements to source rows: what is marked pending is computed anew from all its statements.

A value that someone changed since the import wrote it is left alone; live
watching is merged with the imported.
"""

import datetime
import itertools
import uuid
from collections import Counter
from dataclasses import asdict
from decimal import Decimal, InvalidOperation

from django.db import connection
from django.db.models import Q
from psycopg.types.multirange import Int4Multirange
from psycopg.types.range import Int4Range

from courses.models import TENTHS, Course, Enrollment, Lesson, Video, VideoProgress
from profiles.models import NAME_LIMIT, Profile
from profiles.writing import name_of
from xapi.loading import retrying
from xapi.models import Agent, Pending, Written
from xapi.statements import COMMENTED, COMPLETED, EXTENSIONS, PROGRESSED, REGISTERED, derived_id, read_segments
from xapi.watching import Report, Watching, fold

LESSON_TITLE = "Imported videos"
AGENTS_AT_ONCE = 200  # their transaction holds up a live writer of the same rows for some tenths of a second


def settle(advance=lambda agents: None):
    """Bring every pending row up to date; returns a Counter of rows written, by table.

    `advance` is told how many agents have been settled.  Every step is one
    transaction that removes its own marks: what is interrupted is finished by
    the next call.
    """
    rows = Counter()
    rows.update(_settle_catalogue())
    last = uuid.UUID(int=0)
    while agents := list(
        Pending.objects.filter(agent_id__gt=last)
        .order_by("agent_id")
        .values_list("agent_id", flat=True)
        .distinct()[:AGENTS_AT_ONCE]
    ):
        rows.update(_settle_people(agents))
        rows.update(_settle_activity(agents))
        last = agents[-1]
        advance(len(agents))
    _tidy_catalogue()
    return rows


def pending_agents():
    """How many agents wait to be settled."""
    return Pending.objects.values("agent_id").distinct().count()


@retrying
def _settle_catalogue():
    """Courses, their lessons of imported videos, and the videos of all that is pending."""
    video_ids = list(Pending.objects.filter(video_id__isnull=False).values_list("video_id", flat=True).distinct())
    course_ids = set(Pending.objects.filter(course_id__isnull=False).values_list("course_id", flat=True).distinct())
    videos = _videos(video_ids)
    courses = _courses(course_ids | {video.pop("course_id") for video in videos.values()})
    lessons = {
        derived_id("lesson", key): {
            "course_id": key,
            "title": LESSON_TITLE,
            "created_at": course["created_at"],
        }
        for key, course in courses.items()
    }
    gone = Written.objects.filter(table=Video._meta.db_table, id__in=set(video_ids) - videos.keys())
    changed_courses = _write(Course, courses)
    _write(Lesson, lessons)
    changed_videos = _write(Video, videos)
    # What stands on a row that was not there, or on another duration, is out of date too.
    again = [key for key, columns in changed_videos.items() if columns & {"id", "duration_seconds"}]
    again += gone.values_list("id", flat=True)
    _mark_all("video_id", again)
    _mark_all("course_id", [key for key, columns in changed_courses.items() if "id" in columns])
    return {"courses": len(changed_courses), "media_files": len(changed_videos)}


def _mark_all(column, ids):
    """Mark every agent's row of these videos or courses."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO xapi_pending (agent_id, {column})"
            f" SELECT DISTINCT agent_id, {column} FROM xapi_statements WHERE {column} = ANY(%s)"
            " ON CONFLICT DO NOTHING",
            [ids],
        )


@retrying
def _settle_people(agent_ids):
    """Find or create the profile of each agent."""
    agents = Agent.objects.in_bulk(agent_ids)
    unknown = [agent for agent in agents.values() if agent.profile_id is None]
    derived = set(Profile.objects.filter(id__in=[agent.id for agent in unknown]).values_list("id", flat=True))
    emails = [agent.email for agent in unknown if agent.email]
    by_email = dict(Profile.objects.filter(email__in=emails).values_list("email", "id"))
    found = {}
    for agent in unknown:
        agent.profile_id = agent.id if agent.id in derived else by_email.get(agent.email, agent.id)
        found[agent.id] = agent

    wanted = {}
    for key, name, first in _people(agent_ids):
        if agents[key].profile_id == key:
            called = name_of(name or "") or name_of(agents[key].pseudonym)
            wanted[key] = {"full_name": called[:NAME_LIMIT], "created_at": first}
    changed = _write(Profile, wanted, agents={key: key for key in wanted})
    linked = set(Profile.objects.filter(id__in=[a.profile_id for a in found.values()]).values_list("id", flat=True))
    Agent.objects.bulk_update([agent for agent in found.values() if agent.profile_id in linked], ["profile_id"])
    return {"profiles": len(changed)}


@retrying
def _settle_activity(agent_ids):
    """Enrolments and watching of some agents, whose marks go with it."""
    students = dict(Agent.objects.filter(id__in=agent_ids).order_by("id").values_list("id", "profile_id"))
    with connection.cursor() as cursor:
        # As the triggers of the timeline will, but in order (docs/decisions/0002).
        cursor.execute(
            "SELECT FROM profiles WHERE id = ANY(%s) ORDER BY id FOR SHARE",
            [[student for student in students.values() if student]],
        )
    marks = Pending.objects.filter(agent_id__in=students)
    keys = list(marks.values_list("agent_id", "video_id", "course_id"))
    rows = Counter()
    for part in _one_agent_each(students):
        here = [key for key in keys if key[0] in part]
        rows["enrollments"] += _settle_enrolments(part, [(agent, course) for agent, _, course in here if course])
        rows["video_progress"] += _settle_watching(part, [(agent, video) for agent, video, _ in here if video])
    marks.delete()
    _retire_people(agent_ids)
    return rows


def _one_agent_each(students):
    """{agent: student} in parts in which nobody is there twice, the first with nearly all.

    Two identifiers are of one person once the address of one of them is given to who was imported by the other.
    """
    parts, met = [], Counter()
    for agent, student in students.items():
        whose = student or agent
        if met[whose] == len(parts):
            parts.append({})
        parts[met[whose]][agent] = student
        met[whose] += 1
    return parts


def _settle_enrolments(students, keys):
    wanted, agents = {}, {}
    for agent, course, first in _rows(
        """
        SELECT key.agent_id, key.course_id,
            coalesce(min(s.timestamp) FILTER (WHERE s.verb = %s), min(s.timestamp))
        FROM unnest(%s::uuid[], %s::uuid[]) AS key(agent_id, course_id)
        JOIN xapi_statements s USING (agent_id, course_id)
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        REGISTERED,
        *_columns(keys),
    ):
        key = derived_id("enrolment", agent, course)
        wanted[key] = {"student_id": students[agent], "course_id": course, "enrolled_at": first}
        agents[key] = agent
    of_pairs = Q(student_id__in=students.values(), course_id__in={course for _, course in keys})
    rows = list(
        # By their ids, too: staff may have put one of the import's into another course.
        Enrollment.objects.filter(of_pairs | Q(pk__in=wanted)).order_by("student_id", "course_id").select_for_update()
    )
    there, by_id = {(row.student_id, row.course_id): row for row in rows}, {row.pk: row for row in rows}
    existing = {
        key: row
        for key, values in wanted.items()
        if (row := there.get((values["student_id"], values["course_id"]), by_id.get(key)))
    }
    changed = _write(Enrollment, wanted, existing=existing, agents=agents)
    _retire(Enrollment, {derived_id("enrolment", *key) for key in keys} - wanted.keys())
    return len(changed)


def _settle_watching(students, keys):
    """`video_progress`, computed from the statements and merged with what was watched live.

    A row that is still what the import wrote becomes what the statements now
    say, even if that is less; into any other row the seconds and the earlier
    times are merged by its own trigger.
    """
    video_ids = {video for _, video in keys}
    videos = Video.objects.filter(id__in=_videos(list(video_ids)).keys()).in_bulk()
    written = Written.objects.in_bulk([derived_id("watching", *key) for key in keys])
    mine = VideoProgress.objects.filter(student_id__in=students.values(), video_id__in=video_ids)
    there = {(row.student_id, row.video_id): row for row in mine.order_by("student_id", "video_id").select_for_update()}
    computed = dict(_watching([key for key in keys if key[1] in videos], videos))
    create, shrink, update, ours = [], [], [], {}
    for (agent, video), watching in computed.items():
        key = derived_id("watching", agent, video)
        row = there.get((students[agent], video))
        fresh = VideoProgress(id=key, student_id=students[agent], video_id=video, **asdict(watching))
        if row is None:
            create.append(fresh)
        elif _is_as_written(row, written.get(key)):
            fresh.id = row.id
            if _values(row, _WATCHING) != _values(fresh, _WATCHING):
                (update if _adds_only(row, watching) else shrink).append(fresh)
        else:
            fresh.id = row.id
            if not _holds(row, watching):
                update.append(fresh)
            continue
        ours[key] = agent, fresh.student_id, video
    VideoProgress.objects.filter(id__in=[row.id for row in shrink]).delete()
    VideoProgress.objects.bulk_create(create + shrink, batch_size=500)
    _update_watching(update)
    now = {(row.student_id, row.video_id): row for row in mine}
    _remember(
        VideoProgress,
        {key: _values(now[student, video], _WATCHING) for key, (agent, student, video) in ours.items()},
        {key: agent for key, (agent, _, _) in ours.items()},
    )
    lost = {derived_id("watching", *key): there.get((students[key[0]], key[1])) for key in set(keys) - computed.keys()}
    untouched = [row.id for key, row in lost.items() if row and _is_as_written(row, written.get(key))]
    VideoProgress.objects.filter(id__in=untouched).delete()
    Written.objects.filter(id__in=lost).delete()
    return len(create) + len(shrink) + len(update)


_WATCHING = ("watched", "watched_at", "tenth_reached_at", "completed_at")


def _is_as_written(row, written):
    return written is not None and written.values == _values(row, _WATCHING)


def _watching(keys, videos):
    """((agent id, video id), Watching) of each pair, its statements read as a stream."""
    statements = _stream(
        """
        SELECT s.agent_id, s.video_id, s.timestamp, s.verb, said ->> %s, said -> %s
        FROM unnest(%s::uuid[], %s::uuid[]) AS key(agent_id, video_id)
        JOIN xapi_statements s USING (agent_id, video_id)
        CROSS JOIN LATERAL (SELECT s.statement #> '{result,extensions}') AS result (said)
        WHERE s.verb <> %s
        ORDER BY s.agent_id, s.video_id, s.timestamp, s.id
        """,
        f"{EXTENSIONS}played-segments",
        f"{EXTENSIONS}progress",
        *_columns(keys),
        COMMENTED,
    )
    for key, group in itertools.groupby(statements, key=lambda row: row[:2]):
        video = videos[key[1]]
        reports = (
            Report(
                timestamp,
                read_segments(segments or ""),
                verb == COMPLETED,
                _tenths(progress) if verb == PROGRESSED else 0,
            )
            for _, _, timestamp, verb, segments, progress in group
        )
        yield key, fold(reports, duration=video.duration_seconds, threshold=video.completion_threshold)


def _tenths(progress):
    """How many tenths the JSON of a `progress` says, which is a share of the video; 0 if it is none."""
    try:
        share = Decimal(progress)
    except (InvalidOperation, TypeError):
        return 0
    return min(int(share * 10), TENTHS) if 0 <= share <= 1 else 0


def _covers(wide, narrow):
    return all(any(a <= start and end <= b for a, b in wide) for start, end in narrow)


def _no_later(times, others):
    """Whether each of `times` is there, and no later, where that of `others` is."""
    return all(other is None or (time is not None and time <= other) for time, other in zip(times, others, strict=True))


def _times(watching):
    return [*watching.tenth_reached_at, watching.completed_at]


def _adds_only(row, watching: Watching):
    """Whether merging `watching` into the row gives `watching` itself."""
    return (
        _covers(watching.watched, row.watched)
        and _no_later(_times(watching), _times(row))
        and watching.watched_at >= row.watched_at
    )


def _holds(row, watching: Watching):
    """Whether merging `watching` into the row changes nothing."""
    return (
        _covers(row.watched, watching.watched)
        and _no_later(_times(row), _times(watching))
        and row.watched_at >= watching.watched_at
    )


def _update_watching(rows):
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE video_progress SET watched = %s, watched_at = %s, tenth_reached_at = %s::timestamptz[],"
            " completed_at = %s WHERE id = %s",
            [
                (
                    Int4Multirange(Int4Range(*part) for part in row.watched),
                    row.watched_at,
                    row.tenth_reached_at,
                    row.completed_at,
                    row.id,
                )
                for row in rows
            ],
        )


# What the statements say.


def _courses(ids):
    """{course id: its columns} for those that some statement names."""
    return {
        key: {"title": title, "created_at": first}
        for key, title, first in _rows(
            """
            SELECT key.id, coalesce(named.course_name, first.course), first.timestamp
            FROM unnest(%s::uuid[]) AS key(id)
            CROSS JOIN LATERAL (
                SELECT course, timestamp FROM xapi_statements s
                WHERE s.course_id = key.id ORDER BY s.timestamp, s.id LIMIT 1
            ) first
            LEFT JOIN LATERAL (
                SELECT course_name FROM xapi_statements s
                WHERE s.course_id = key.id AND s.course_name IS NOT NULL ORDER BY s.timestamp, s.id LIMIT 1
            ) named ON true
            """,
            list(ids),
        )
    }


def _videos(ids):
    """{video id: its columns, and course_id} for those whose length and course some statement gives."""
    return {
        key: {
            "lesson_id": derived_id("lesson", course),
            "course_id": course,
            "title": title,
            "duration_seconds": length,
            "created_at": first,
        }
        for key, title, first, course, length in _rows(
            """
            SELECT key.id, coalesce(named.video_name, first.object), first.timestamp, placed.course_id, longest.length
            FROM unnest(%s::uuid[]) AS key(id)
            CROSS JOIN LATERAL (
                SELECT object, timestamp FROM xapi_statements s
                WHERE s.video_id = key.id ORDER BY s.timestamp, s.id LIMIT 1
            ) first
            CROSS JOIN LATERAL (
                SELECT course_id FROM xapi_statements s
                WHERE s.video_id = key.id AND s.course_id IS NOT NULL ORDER BY s.timestamp, s.id LIMIT 1
            ) placed
            CROSS JOIN LATERAL (
                SELECT max(length_seconds) AS length FROM xapi_statements s WHERE s.video_id = key.id
            ) longest
            LEFT JOIN LATERAL (
                SELECT video_name FROM xapi_statements s
                WHERE s.video_id = key.id AND s.video_name IS NOT NULL ORDER BY s.timestamp, s.id LIMIT 1
            ) named ON true
            WHERE longest.length IS NOT NULL
            """,
            ids,
        )
    }


def _people(ids):
    """(agent id, name or None, first timestamp) of each agent with statements."""
    return _rows(
        """
        SELECT key.id, named.agent_name, first.timestamp
        FROM unnest(%s::uuid[]) AS key(id)
        CROSS JOIN LATERAL (
            SELECT min(timestamp) AS timestamp FROM xapi_statements s WHERE s.agent_id = key.id
        ) first
        LEFT JOIN LATERAL (
            SELECT agent_name FROM xapi_statements s
            WHERE s.agent_id = key.id AND s.agent_name IS NOT NULL ORDER BY s.timestamp, s.id LIMIT 1
        ) named ON true
        WHERE first.timestamp IS NOT NULL
        """,
        ids,
    )


def _rows(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _stream(sql, *parameters):
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, parameters)
        while rows := cursor.fetchmany(2_000):
            yield from rows


def _columns(keys):
    return [first for first, _ in keys], [second for _, second in keys]


# Writing rows, and leaving alone what others changed.


def _write(model, wanted, *, existing=None, agents=None):
    """Create or update rows; returns {derived id: names of the columns written}, with "id" if it was created.

    `wanted` is {derived id: {column: value}}.  `existing` maps derived ids to
    the rows that stand for them where that is not the row of the same id.
    """
    if existing is None:
        existing = {
            row.pk: row for row in model.objects.filter(pk__in=wanted).order_by("pk").select_for_update(no_key=True)
        }
    written = Written.objects.in_bulk(wanted)
    create, changed, remember = [], {}, {}
    for key, values in wanted.items():
        row = existing.get(key)
        if row is None:
            create.append(model(id=key, **values))
            changed[key] = {"id", *values}
            remember[key] = _values(create[-1], values)
        elif key in written:
            theirs = _values(row, values)
            ours = written[key].values
            columns = {
                name
                for name in values
                if name not in ours or (values[name] != getattr(row, name) and theirs[name] == ours[name])
            }
            if columns:
                for name in columns:
                    setattr(row, name, values[name])
                row.save(update_fields=columns)
                changed[key] = columns
                remember[key] = ours | {name: _json(values[name]) for name in columns}
    model.objects.bulk_create(create, batch_size=500)
    _remember(model, remember, agents or {})
    return changed


def _remember(model, values, agents):
    Written.objects.bulk_create(
        [
            Written(id=key, table=model._meta.db_table, agent_id=agents.get(key), values=columns)
            for key, columns in values.items()
        ],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["values"],
    )


def _values(row, columns):
    return {name: _json(getattr(row, name)) for name in columns}


def _json(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, list | tuple):
        return [_json(part) for part in value]
    return value


# Rows that no statement speaks of any more: another content took the place of the one that did.


def _retire(model, ids):
    """Delete those of the import's own rows that nobody changed and nothing else refers to."""
    for written in Written.objects.filter(id__in=ids):
        # Locked before it is asked whether it is used: what is being written to refer to it would be deleted with it.
        row = model.objects.select_for_update().filter(id=written.id).first()
        if row and _values(row, written.values) == written.values and not _is_used(row):
            row.delete()
        written.delete()


def _is_used(row):
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: row}).exists()
        for relation in row._meta.related_objects
        if relation.related_model is not Agent
    )


def _retire_people(agent_ids):
    silent = _rows(
        """
        SELECT key.id FROM unnest(%s::uuid[]) AS key(id)
        LEFT JOIN LATERAL (SELECT true AS speaks FROM xapi_statements s WHERE s.agent_id = key.id LIMIT 1) one ON true
        WHERE one.speaks IS NULL
        """,
        agent_ids,
    )
    for agent in Agent.objects.filter(id__in=[agent for (agent,) in silent]):
        if agent.profile_id == agent.id:
            _retire(Profile, [agent.id])
        Agent.objects.filter(id=agent.id).delete()


@retrying
def _tidy_catalogue():
    """Delete what no statement speaks of; put the videos of each lesson in the order in which they were first met."""
    ids = {
        model: set(Written.objects.filter(table=model._meta.db_table, agent=None).values_list("id", flat=True))
        for model in (Video, Course)
    }
    _retire(Video, ids[Video] - _videos(list(ids[Video])).keys())
    courses = ids[Course] - _courses(ids[Course]).keys()
    _retire(Lesson, {derived_id("lesson", course) for course in courses})
    _retire(Course, courses)
    videos = Video.objects.filter(id__in=ids[Video]).order_by("lesson_id", "created_at", "id")
    for _, lesson in itertools.groupby(videos.values_list("lesson_id", "id"), key=lambda row: row[0]):
        _write(Video, {video: {"position": position} for position, (_, video) in enumerate(lesson)})
