"""What waits for an answer: over an instructor's courses, and in one video."""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass

from django.db import connection

from timeline.models import Activity
from timeline.moments import Moment, moment_at, moments
from timeline.queries.common import BY_TIME, COUNT_LIMIT

INBOX_COURSES = 500  # of one person, that an inbox looks into
LEAST_OF_A_COURSE = 200  # entries of each course that an inbox looks at, however many courses there are
WAITING_LIMIT = 99  # of a video among others, that are counted: then "99+"
ALONE_LIMIT = 1_000  # entries on no video, the oldest, of which is said whose they are
MATES = 5  # of a moment, that an inbox shows under the one that leads


@dataclass(frozen=True)
class WaitingMoment:
    """What waits at one moment of a video: the oldest entry, which leads, and the first of the others, by second."""

    moment: Moment
    lead: Activity
    mates: list

    @property
    def more(self):
        """How many wait there beside those that are listed."""
        return self.moment.count - 1 - len(self.mates)


@dataclass(frozen=True)
class Inbox:
    """A page of [WaitingMoment], its `next` cursor, and how much waits in all.

    `limited`: there is more than was looked through; `count` is what was.
    """

    entries: list
    next: str | None
    count: int
    limited: bool


def inbox(*, courses, by, after=None, size=20):
    """What waits in `courses` (ids) for an answer of the person `by`, as an Inbox: moments, longest waiting first.

    Looks through the oldest COUNT_LIMIT entries that wait, or, over many
    courses, through as many of each as its equal share, LEAST_OF_A_COURSE at
    least, and leaves out what is younger than the first that was not looked
    at; so the order and the moments are whole.  Nobody answers themself.
    Indexes: idx_response_status alone; for the page's rows the primary key and
    idx_video_pending.
    """
    if not courses:
        return Inbox([], None, 0, limited=False)
    share = max(COUNT_LIMIT // len(courses), LEAST_OF_A_COURSE)
    with connection.cursor() as cursor:
        cursor.execute(WAITING, {"courses": courses, "by": by.pk, "limit": share + 1})
        rows = cursor.fetchall()
    leads = _leads(rows)
    if after:
        after = tuple(BY_TIME.parse(after))
        leads = [lead for lead in leads if lead[:2] > after]
    page = leads[:size]
    count, limited = sum(row[2] for row in rows), any(row[5] for row in rows)
    last = page[-1] if len(leads) > size else None
    return Inbox(
        _with_mates(page, by),
        last and BY_TIME.cursor_of(last[:2]),
        count,
        limited,
    )


def _leads(rows):
    """[(created_at, id, video, Moment)] of the oldest entry of each moment, in order of time."""
    videos = defaultdict(dict)
    for video, second, *waiting in rows:
        videos[video][second] = waiting
    leads = []
    for video, seconds in videos.items():
        found = moments({second: count for second, (count, *_) in seconds.items()})
        oldest = {}
        for second, (_, *oldest_here, _) in seconds.items():
            moment = found[bisect_right(found, second, key=lambda moment: moment.first) - 1]
            oldest[moment] = min(oldest_here, oldest.get(moment, oldest_here))
        leads += [(*oldest[moment], video, moment) for moment in found]
    return sorted(leads, key=lambda lead: lead[:2])


def _with_mates(leads, by):
    entries = Activity.objects.in_bulk([id_ for _, id_, _, _ in leads])
    shared = [(id_, video, moment) for _, id_, video, moment in leads if moment.count > 1]
    mates = defaultdict(list)
    for mate in Activity.objects.raw(
        MATES_OF_LEADS,
        {
            "leads": [id_ for id_, _, _ in shared],
            "videos": [video for _, video, _ in shared],
            "firsts": [moment.first for _, _, moment in shared],
            "lasts": [moment.last for _, _, moment in shared],
            "by": by.pk,
            "limit": MATES,
        },
    ):
        mates[mate.lead_id].append(mate)
    return [WaitingMoment(moment, entries[id_], mates[id_]) for _, id_, _, moment in leads if id_ in entries]


# One row for each second of a video: how many wait there, and which is the oldest of them.
WAITING = """
    WITH found AS MATERIALIZED (
        SELECT entry.*
        FROM unnest(%(courses)s::uuid[]) AS course (id)
        CROSS JOIN LATERAL (
            SELECT video_id, video_timestamp_seconds, created_at, id,
                row_number() OVER (ORDER BY created_at, id) AS place
            FROM student_activity_timeline
            WHERE course_id = course.id AND response_status = 'pending' AND student_id <> %(by)s
                AND video_id IS NOT NULL
            ORDER BY created_at, id
            LIMIT %(limit)s
        ) AS entry
    ), horizon AS (
        SELECT created_at, id FROM found WHERE place = %(limit)s ORDER BY created_at, id LIMIT 1
    )
    SELECT found.video_id, found.video_timestamp_seconds, count(*), min(found.created_at),
        (array_agg(found.id ORDER BY found.created_at, found.id))[1], EXISTS (SELECT FROM horizon)
    FROM found
    LEFT JOIN horizon ON true
    WHERE horizon.id IS NULL OR (found.created_at, found.id) < (horizon.created_at, horizon.id)
    GROUP BY found.video_id, found.video_timestamp_seconds
"""

MATES_OF_LEADS = """
    SELECT entry.*, moment.lead_id
    FROM unnest(%(leads)s::uuid[], %(videos)s::uuid[], %(firsts)s::integer[], %(lasts)s::integer[])
        WITH ORDINALITY AS moment (lead_id, video_id, first, last, number)
    CROSS JOIN LATERAL (
        SELECT * FROM student_activity_timeline
        WHERE video_id = moment.video_id AND response_status = 'pending'
            AND video_timestamp_seconds BETWEEN moment.first AND moment.last
            AND id <> moment.lead_id AND student_id <> %(by)s
        ORDER BY video_timestamp_seconds, id
        LIMIT %(limit)s
    ) AS entry
    ORDER BY moment.number, entry.video_timestamp_seconds, entry.id
"""


def awaiting_response_counts(*, courses, by):
    """How many reflections wait in each of `courses` (ids) for the person `by`: {id: number up to COUNT_LIMIT + 1}.

    Index: idx_response_status.
    """
    if not courses:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(AWAITING_RESPONSE_COUNTS, {"courses": courses, "by": by.pk, "limit": COUNT_LIMIT + 1})
        return dict(cursor.fetchall())


AWAITING_RESPONSE_COUNTS = """
    SELECT course.id, waiting.number
    FROM unnest(%(courses)s::uuid[]) AS course (id)
    CROSS JOIN LATERAL (
        SELECT count(*) AS number
        FROM (
            SELECT FROM student_activity_timeline
            WHERE course_id = course.id AND response_status = 'pending' AND student_id <> %(by)s
            ORDER BY created_at, id
            LIMIT %(limit)s
        ) AS counted
    ) AS waiting
"""


def awaiting_response_on_no_video(*, by):
    """Whose reflections on no video, and so in no course, wait for an answer of the person `by`, if they may give it.

    {student id: number}, longest waiting first, of the oldest ALONE_LIMIT that wait anywhere; an index-only scan.
    Index: idx_response_status.
    """
    with connection.cursor() as cursor:
        cursor.execute(AWAITING_RESPONSE_ON_NO_VIDEO, {"by": by.pk, "limit": ALONE_LIMIT})
        return dict(cursor.fetchall())


# In the order of the index, of which PostgreSQL does not know that NULLs are as good as one course.
AWAITING_RESPONSE_ON_NO_VIDEO = """
    SELECT student_id, count(*)
    FROM (
        SELECT student_id, created_at, id FROM student_activity_timeline
        WHERE course_id IS NULL AND response_status = 'pending' AND student_id <> %(by)s
        ORDER BY course_id, created_at, id
        LIMIT %(limit)s
    ) AS waiting
    GROUP BY student_id
    ORDER BY min(created_at), student_id
"""


def awaiting_response_in_videos(*, videos):
    """How many reflections wait in each of `videos` (ids), as their journeys say: {id: number up to WAITING_LIMIT + 1}.

    An index-only scan of at most so many entries for each.  Index: idx_video_pending.
    """
    with connection.cursor() as cursor:
        cursor.execute(AWAITING_RESPONSE_IN_VIDEOS, {"videos": videos, "limit": WAITING_LIMIT + 1})
        return dict(cursor.fetchall())


AWAITING_RESPONSE_IN_VIDEOS = """
    SELECT video.id, waiting.number
    FROM unnest(%(videos)s::uuid[]) AS video (id)
    CROSS JOIN LATERAL (
        SELECT count(*) AS number
        FROM (
            SELECT FROM student_activity_timeline
            WHERE video_id = video.id AND response_status = 'pending'
            ORDER BY video_timestamp_seconds, id
            LIMIT %(limit)s
        ) AS counted
    ) AS waiting
"""


def awaiting_response_of_teachers(*, asked, until, size=50):
    """What waits in the courses of several people for their answer, if something came to one of them meanwhile.

    `asked`: {person id: since when}.  {person id: [(course id, title, number up to WAITING_LIMIT + 1)]} of those who
    teach a course in which something waits that came after that, and not after `until`: all their courses where
    anything waits, of the `size` that each of them teaches since last.  Indexes: those of
    course_instructors.instructor_id and of courses, idx_response_status.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            AWAITING_RESPONSE_OF_TEACHERS,
            {
                "people": list(asked),
                "since": list(asked.values()),
                "until": until,
                "courses": size,
                "limit": WAITING_LIMIT + 1,
            },
        )
        rows = cursor.fetchall()
    told = {person for person, *_, is_new in rows if is_new}
    found = defaultdict(list)
    for person, *course, _ in rows:
        if person in told:
            found[person].append(tuple(course))
    return found


AWAITING_RESPONSE_OF_TEACHERS = """
    SELECT asked.person, course.id, course.title, waiting.number,
        EXISTS (
            SELECT FROM student_activity_timeline
            WHERE course_id = course.id AND response_status = 'pending' AND student_id <> asked.person
                AND created_at > asked.since AND created_at <= %(until)s
        )
    FROM unnest(%(people)s::uuid[], %(since)s::timestamptz[]) AS asked (person, since)
    CROSS JOIN LATERAL (
        SELECT course_id FROM course_instructors WHERE instructor_id = asked.person ORDER BY id DESC LIMIT %(courses)s
    ) AS taught
    JOIN courses AS course ON course.id = taught.course_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS number
        FROM (
            SELECT FROM student_activity_timeline
            WHERE course_id = course.id AND response_status = 'pending' AND student_id <> asked.person
            ORDER BY created_at, id
            LIMIT %(limit)s
        ) AS counted
    ) AS waiting
    WHERE waiting.number > 0
    ORDER BY course.title, course.id
"""


# In one video


def moments_of_video(*, video, by):
    """The moments of a video where something waits for the person `by`: [Moment], by second.

    Of the first COUNT_LIMIT entries that wait; an index-only scan.  Index: idx_video_pending.
    """
    with connection.cursor() as cursor:
        cursor.execute(WAITING_SECONDS, {"video": video.pk, "by": by.pk, "limit": COUNT_LIMIT})
        return moments(dict(cursor.fetchall()))


WAITING_SECONDS = """
    SELECT second, count(*)
    FROM (
        SELECT video_timestamp_seconds AS second FROM student_activity_timeline
        WHERE video_id = %(video)s AND response_status = 'pending' AND student_id <> %(by)s
        ORDER BY video_timestamp_seconds, id
        LIMIT %(limit)s
    ) AS waiting
    GROUP BY second
"""


def moment(*, video, second, by, size=50):
    """The moment of a video at a second (moment_at()), and the first `size` entries that wait there: (Moment, entries).

    (None, []) if nothing waits there.  Index: idx_video_pending.
    """
    found = moment_at(moments_of_video(video=video, by=by), second)
    if found is None:
        return None, []
    entries = Activity.objects.filter(
        video=video, response_status="pending", video_timestamp_seconds__range=(found.first, found.last)
    )
    return found, list(entries.exclude(student=by).order_by("video_timestamp_seconds", "id")[:size])


def entries_of_reflections(ids):
    """The entries of reflections (ids), by second of the video and then by id; ids are derived, so by primary key."""
    return list(Activity.objects.raw(ENTRIES_OF_REFLECTIONS, {"ids": list(ids)}))


ENTRIES_OF_REFLECTIONS = """
    SELECT entry.*
    FROM unnest(%(ids)s::uuid[]) AS reflection (id)
    JOIN student_activity_timeline AS entry ON entry.id = timeline_entry_id('reflections', reflection.id, 'entry', 0)
    ORDER BY entry.video_timestamp_seconds, entry.id
"""
