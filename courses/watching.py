"""What a student watches, as their player reports it (docs/decisions/0031-watching-is-reported-as-ranges.md).

A page that plays a video has a viewing session: a signed token that says whose
it is, of which video, and since when.  Each of its reports is numbered by the
session's milliseconds, and says which seconds of the video were watched and have
not been confirmed yet.  Reports only ever add to what is known, so the result is
the same if one comes twice, late or out of order, or is lost and a later one comes.
"""

import datetime
import json
import uuid
from bisect import bisect_right
from dataclasses import dataclass
from operator import itemgetter

from django.core import signing
from django.db import connection, transaction
from django.utils import timezone

from courses.finishing import finish
from courses.models import LONGEST_VIDEO, VideoProgress

FASTEST = 2  # seconds of the video in a second; a player's highest speed
SLACK = 20  # seconds of the video that all reports of a student and a video may be ahead of their sessions' clocks
SESSIONS = 8  # of a student and a video, whose clocks are kept
DAYS = 14  # how old a session may be
MOST_RANGES = 500  # of a report
MOST_BYTES = 16_384

KEPT = "What you watch is kept in this browser, and sent once you have logged in again."

_SALT = "courses.watching"


class Refused(Exception):
    """A report that is not accepted, and never will be: `status` is for HTTP, the text for people."""

    def __init__(self, text, status=400):
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Session:
    """One page that plays a video, from when it was opened."""

    id: str
    began: datetime.datetime


@dataclass(frozen=True)
class Report:
    """What a player says.

    `at`: when, in milliseconds since its page was opened.  `watched`: half-open
    (start, end) in seconds of the video, in any order.  `position`: where the
    player stood, in seconds of the video; None if it has not moved.
    """

    at: int
    watched: list
    position: int | None


def open_session(student, video):
    """The token of a new session."""
    facts = [student.pk.hex, video.pk.hex, uuid.uuid4().hex, timezone.now().timestamp()]
    return signing.dumps(facts, salt=_SALT)


def session_of(token, *, student, video):
    """The Session of a token; Refused if it is not one of this student and video (their ids), or too old."""
    try:
        whose, which, name, began = signing.loads(token, salt=_SALT, max_age=datetime.timedelta(days=DAYS))
    except signing.BadSignature as error:
        raise Refused("This page is too old to report what is watched. Reload it.", 403) from error
    if which != video.hex:
        raise Refused("This report is about another video.", 403)
    if whose != student.hex:
        raise Refused(f"Somebody else has logged in here. {KEPT}", 401)
    return Session(name, datetime.datetime.fromtimestamp(began, datetime.UTC))


def read(body):
    """(token, Report) of a request's body, JSON; Refused if anything in it is not what it should be."""
    try:
        found = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refused("A report is JSON.") from error
    if not isinstance(found, dict):
        raise Refused("A report is a JSON object.")
    token, watched = found.get("token"), found.get("watched")
    if not isinstance(token, str) or not (token and token.isascii()):
        raise Refused("A report has the token of its page.")
    if not isinstance(watched, list) or len(watched) > MOST_RANGES or not all(map(_is_range, watched)):
        raise Refused(f"What was watched is a list of at most {MOST_RANGES} pairs of whole seconds, start before end.")
    at, position = found.get("at"), found.get("position")
    if not _is_whole(at) or not 0 <= at <= DAYS * 86_400_000:
        raise Refused("A report says at which millisecond of its session it was made.")
    if position is not None and not (_is_whole(position) and 0 <= position <= LONGEST_VIDEO):
        raise Refused("The position is a whole second of the video.")
    return token, Report(at, [(start, end) for start, end in watched], position)


def record(student, video, session, report, *, now):
    """Add a report to what the student watched of the video; return the VideoProgress, None if there is none yet.

    What nobody can have watched since the session's last report, or since it
    began, is left out.  Checkpoints that are covered by now are reached, and with
    the video its lesson may be complete.

    `viewing` keeps: `clocks`, {session: when it reported last}, of the sessions
    that did so last; `floor`, before which all other sessions have reported, if
    they ever did; `slack`, in seconds of the video, that is left to all of them;
    and, while that is where the player stood last, `at_start`.
    """
    seen_at = min(session.began + datetime.timedelta(milliseconds=report.at), now)
    claimed = merged((start, min(end, video.duration_seconds)) for start, end in report.watched)
    position = None if report.position is None else min(report.position, video.duration_seconds)
    with transaction.atomic():
        progress = _locked(student, video, seen_at if claimed or position else None)
        if progress is None:
            return None
        clocks, floor = progress.viewing.get("clocks", {}), progress.viewing.get("floor", 0)
        clock = clocks.get(session.id, max(session.began.timestamp(), floor))
        allowed = progress.viewing.get("slack", SLACK) + FASTEST * max(seen_at.timestamp() - clock, 0)
        added = shortened(without(claimed, progress.watched), int(allowed))
        is_latest = seen_at.timestamp() >= max([floor, *clocks.values()])
        stood = _stood_at(progress)
        moves = is_latest and position not in (None, stood)
        if not added and not moves:
            return progress
        if added:
            progress.watched = merged([*progress.watched, *added])
            progress.watched_at = max(seen_at, progress.watched_at)
        if moves:
            progress.position_seconds = stood = position
        clocks[session.id] = max(seen_at.timestamp(), clock)
        if len(clocks) > SESSIONS:
            floor = clocks.pop(min(clocks, key=clocks.get))
        slack = round(min(allowed - length(added), SLACK), 2)
        progress.viewing = {"clocks": clocks, "floor": floor, "slack": slack}
        if stood == 0:
            progress.viewing["at_start"] = True
        progress.save(update_fields=["watched", "watched_at", "position_seconds", "viewing"])
        if added:
            _reach_checkpoints(progress)
        if progress.completed_at is None and _completes(progress, video):
            finish(student, video.lesson_id)
    return progress


def resumes_at(progress, video):
    """The second at which a player resumes; the start, if it had come to the end.

    Where no player said where it stood (an import knows only what was watched),
    the end of the first range: of what comes after it, something was not seen.
    """
    if progress is None:
        return 0
    position = _stood_at(progress)
    if position is None:
        position = next((end for _, end in progress.watched), 0)
    return position if position < video.duration_seconds - 5 else 0


def percent(watched, duration):
    """How many percent of a video some ranges are; 100 only if all of it."""
    return 100 * length([(start, min(end, duration)) for start, end in watched if start < duration]) // duration


# Ranges: lists of half-open (start, end), disjoint and in order


def merged(ranges):
    """Any (start, end) as ranges, without empty ones, and with touching ones joined."""
    found = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return found


def without(ranges, taken):
    """`ranges` without the seconds of `taken`."""
    found = []
    for start, end in ranges:
        index = bisect_right(taken, start, key=itemgetter(1))
        while index < len(taken) and taken[index][0] < end:
            found.append((start, taken[index][0]))
            start = taken[index][1]
            index += 1
        found.append((start, end))
    return merged(found)


def shortened(ranges, seconds):
    """The first `seconds` seconds of `ranges`."""
    found = []
    for start, end in ranges:
        end = min(end, start + seconds)
        if start < end:
            found.append((start, end))
            seconds -= end - start
    return found


def length(ranges):
    """How many seconds `ranges` cover."""
    return sum(end - start for start, end in ranges)


def _refuse_constant(name):
    raise ValueError(name)  # NaN and Infinity are no JSON


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_range(value):
    whole = isinstance(value, list) and len(value) == 2 and all(map(_is_whole, value))
    return whole and 0 <= value[0] < value[1] <= LONGEST_VIDEO


def _stood_at(progress):
    """Where the player was last, in seconds; None if no player said so (0 in the row can mean that, too)."""
    return progress.position_seconds or (0 if progress.viewing.get("at_start") else None)


def _locked(student, video, seen_at):
    """The row, locked; made if there is none and `seen_at` says when it was begun, else None."""
    rows = VideoProgress.objects.select_for_update(no_key=True).filter(student=student, video=video)
    progress = rows.first()
    if progress is None and seen_at is not None:
        fresh = VideoProgress(student=student, video=video, watched=[], watched_at=seen_at)
        VideoProgress.objects.bulk_create([fresh], ignore_conflicts=True)
        progress = rows.first()
    return progress


def _completes(progress, video):
    """What the trigger of video_progress checks before it sets completed_at."""
    covered = merged((start, min(end, video.duration_seconds)) for start, end in progress.watched)
    return length(covered) >= video.completion_threshold * video.duration_seconds


# A checkpoint is reached when the last report was that its second was missing from.
_REACHED = """
    INSERT INTO learning_milestones (student_id, checkpoint_id, video_id, video_timestamp_seconds, reached_at)
    SELECT progress.student_id, checkpoint.id, checkpoint.video_id, checkpoint.video_timestamp_seconds,
        progress.watched_at
    FROM video_progress AS progress JOIN checkpoints AS checkpoint ON checkpoint.video_id = progress.video_id
    WHERE progress.id = %s AND progress.watched @> checkpoint.video_timestamp_seconds
        AND NOT EXISTS (
            SELECT FROM learning_milestones AS reached
            WHERE reached.student_id = progress.student_id AND reached.checkpoint_id = checkpoint.id
        )
    ON CONFLICT (student_id, checkpoint_id) DO NOTHING
"""


def _reach_checkpoints(progress):
    with connection.cursor() as cursor:
        cursor.execute(_REACHED, [progress.pk])
