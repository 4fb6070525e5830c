"""How a class watched a video: how many saw each part of it, and where they stopped."""

from dataclasses import dataclass
from itertools import accumulate

from django.db import connection

from courses.models import VideoProgress
from timeline.queries.common import COUNT_LIMIT

AUDIENCE_LIMIT = 2_000  # students whose watching is read; of more, an even sample
PARTS = 120  # of the curve
STOPS = 3  # that are told of


@dataclass(frozen=True)
class Stop:
    """From second `start` to `end` (not included), `students` of the sampled ones stopped watching."""

    start: int
    end: int
    students: int


@dataclass(frozen=True)
class Audience:
    """Who watched a video.

    `watchers` (students with any watching on record) and `class_size`
    (students enrolled now) go up to COUNT_LIMIT + 1.  `sampled` of the
    watchers were looked at: all of them, or an even sample of AUDIENCE_LIMIT;
    `outside`, `shares` and `stops` count those.  `outside` of them are not in
    the class now, as those who left; of a larger class than COUNT_LIMIT, nobody
    knows.  `shares` has a number for each of equal parts of the video, PARTS or
    as many as it has seconds: who saw the part's middle second.
    """

    watchers: int
    sampled: int
    class_size: int
    outside: int
    shares: list[int]
    stops: list[Stop]


def audience(*, video):
    """The video's Audience.

    Reads at most AUDIENCE_LIMIT rows of video_progress, those whose student
    has the lowest hash, and COUNT_LIMIT + 1 entries of two indexes.
    Indexes: video_progress_sample, enrollments_current.
    """
    duration = video.duration_seconds
    parts = min(PARTS, duration)
    with connection.cursor() as cursor:
        cursor.execute(
            AUDIENCE,
            {
                "video": video.pk,
                "course": video.lesson.course_id,
                "middles": [(2 * part + 1) * duration // (2 * parts) for part in range(parts)],
                "parts": parts,
                "duration": duration,
                "finished": video.completion_threshold * duration,
                "sample": AUDIENCE_LIMIT,
                "limit": COUNT_LIMIT + 1,
            },
        )
        told = {(what, part): number for what, part, number in cursor.fetchall()}
    sampled = told["sampled", None]
    ended = [told.get(("ended", part), 0) for part in range(parts)]
    return Audience(
        watchers=told["watchers", None],
        sampled=sampled,
        class_size=told["class", None],
        outside=told["outside", None],
        shares=list(accumulate(told.get(("begun", part), 0) - told.get(("left", part), 0) for part in range(parts))),
        stops=[
            Stop(-(-first * duration // parts), -(-last * duration // parts), sum(ended[first:last]))
            for first, last in (standing_out(ended, sampled) if parts == PARTS else ())
        ],
    )


def standing_out(ended, students):
    """Where remarkably many of `students` stopped: up to STOPS (first, last) slices of `ended`, most first.

    `ended` says how many stopped in each part.  A place is one part or two
    neighbours.  It stands out if three stopped there and another for every ten
    who stopped anywhere, and at least a twentieth of all students: were stops
    spread evenly over 120 parts, fewer than one video in twenty would have
    such a place.  Of places with as many, the narrower and then the earlier one
    counts; places do not touch.
    """
    needed = max(3 + sum(ended) // 10, students / 20)
    places = [(first, first + width) for width in (1, 2) for first in range(len(ended) + 1 - width)]
    chosen = []
    for first, last in sorted(places, key=lambda place: -sum(ended[slice(*place)])):
        if sum(ended[first:last]) < needed or len(chosen) == STOPS:
            break
        if all(last < other or end < first for other, end in chosen):
            chosen.append((first, last))
    return chosen


# A part is seen by those who watched its middle second, so a range of watching changes the curve twice: it
# adds one from the first middle second in it, and takes it away from the first one after it.  (Ranges are taken out in
# the list of columns: a join would be planned for a hundred of each student.)  A student
# stopped at the last second that they watched, unless they finished, or got as far as finishing takes.
AUDIENCE = """
    WITH sample AS MATERIALIZED (
        SELECT student_id, watched, completed_at FROM video_progress
        WHERE video_id = %(video)s
        ORDER BY uuid_hash(student_id)
        LIMIT %(sample)s
    ), seen AS MATERIALIZED (
        SELECT unnest(watched) AS range FROM sample
    ), class AS MATERIALIZED (
        SELECT student_id FROM enrollments
        WHERE course_id = %(course)s AND left_at IS NULL
        ORDER BY student_id -- by the index of those who have not left, however many have
        LIMIT %(limit)s
    )
    SELECT 'watchers' AS what, NULL::integer AS part, count(*) AS number
    FROM (SELECT FROM video_progress WHERE video_id = %(video)s LIMIT %(limit)s) AS counted
    UNION ALL
    SELECT 'class', NULL, count(*) FROM class
    UNION ALL
    SELECT 'sampled', NULL, count(*) FROM sample
    UNION ALL
    SELECT 'outside', NULL, count(*)
    FROM sample
    WHERE NOT EXISTS (SELECT FROM class WHERE class.student_id = sample.student_id)
    UNION ALL
    SELECT 'begun', width_bucket(lower(range) - 1, %(middles)s::integer[]), count(*) FROM seen GROUP BY 2
    UNION ALL
    SELECT 'left', width_bucket(upper(range) - 1, %(middles)s::integer[]), count(*) FROM seen GROUP BY 2
    UNION ALL
    SELECT 'ended', (upper(watched) - 1) * %(parts)s / %(duration)s, count(*)
    FROM sample
    WHERE completed_at IS NULL AND upper(watched) < %(finished)s
    GROUP BY 2
"""


def watched_by(*, video, student):
    """The seconds that one student watched: [(start, end)], ends not included, in order.

    Index: courses_videoprogress_once.
    """
    progress = VideoProgress.objects.filter(student=student, video=video).only("watched").first()
    # The video may have been cut since.
    return [
        (start, min(end, video.duration_seconds))
        for start, end in (progress.watched if progress else ())
        if start < video.duration_seconds
    ]
