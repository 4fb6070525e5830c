"""The filters of a journey, and which index entries answer them."""

import datetime
from dataclasses import dataclass

from courses.models import Video
from profiles.models import Profile
from timeline.keyset import Keyset
from timeline.kinds import COUNTED, IN_VIDEO, KINDS, of_groups
from timeline.queries.common import BY_SECOND, NEWEST, WORDS_ASKED, like, midnight

WRITTEN = tuple(of_groups(["reflections"]))  # the activity_types in a video that have words, and wait for an answer


@dataclass(frozen=True)
class JourneyFilter:
    """Which entries of a video are asked for, and in which order.

    Of everyone or of one `student`; of all `kinds` (activity_types) or of
    some; `waiting` for an answer; of the days from `start` to `end`, both
    included; with `text` in the student's words or in the answer, in capitals
    or not; by second, or `newest` first.
    """

    video: Video
    student: Profile | None = None
    kinds: tuple[str, ...] | None = None
    waiting: bool = False
    start: datetime.date | None = None
    end: datetime.date | None = None
    text: str = ""
    newest: bool = False

    @property
    def narrowed(self):
        """Whether more than a student and kinds is asked for."""
        return bool(self.waiting or self.start or self.end or self.text)

    @property
    def order(self):
        return NEWEST if self.newest else BY_SECOND

    @property
    def params(self):
        """The values in the conditions below."""
        return {
            "video": self.video.pk,
            "student": self.student and self.student.pk,
            "kinds": list(self.kinds or ()),
            "start": self.start and midnight(self.start),
            "end": self.end and midnight(self.end + datetime.timedelta(days=1)),
            "text": like(self.text),
        }

    @property
    def dates(self):
        """The condition of the days."""
        return _all(["created_at >= %(start)s"] * bool(self.start) + ["created_at < %(end)s"] * bool(self.end))

    @property
    def words(self):
        """The condition of the text."""
        return WORDS_ASKED if self.text else "true"


@dataclass(frozen=True)
class Reading:
    """Entries that one index gives in `order`: those that meet one of `branches`.

    `rest` is what else is asked of them, which the index cannot answer.
    """

    branches: list[str]
    order: Keyset
    rest: str

    def sql(self, columns, *, ordered=True, condition="true"):
        """A SELECT of the first %(limit)s entries that meet `condition` too; of any so many, if not `ordered`.

        Each branch stops at the limit, so none is read further, however the planner merges them, and is in order
        either way: else the planner would look for a video with most of all entries in the table itself, however
        far they stand behind others there.
        """
        order = f"ORDER BY {self.order.sql}"
        branches = " UNION ALL ".join(
            f"(SELECT {columns} FROM student_activity_timeline WHERE {branch} AND {condition} {order} LIMIT %(limit)s)"
            for branch in self.branches
        )
        return f"SELECT * FROM ({branches}) AS merged {order if ordered else ''} LIMIT %(limit)s"


def reading(asked):
    """The Reading of a JourneyFilter.

    Of one student: idx_student_video.  What waits, of everyone:
    idx_video_pending.  Else each kind that is listed: idx_video_kind, or with
    dates, with text or newest first idx_video_listed.
    """
    if asked.student or asked.waiting:
        return reading_by_second(asked)
    kinds = listed(asked)
    if asked.newest or asked.start or asked.end or asked.text:
        branches = [_all([_of_kind(kind), asked.dates]) for kind in kinds]
        return Reading(branches, NEWEST, asked.words)
    return Reading([_of_kind(kind) for kind in kinds], BY_SECOND, "true")


def reading_by_second(asked):
    """The Reading by second of a JourneyFilter, with the kinds that a list only counts.

    Indexes: idx_student_video, idx_video_pending, else idx_video_kind.
    """
    rest = [asked.dates, asked.words]
    if asked.student:
        branches = ["student_id = %(student)s AND video_id = %(video)s"]
        rest += [PENDING] * asked.waiting + [OF_KINDS] * (asked.kinds is not None)
    elif asked.waiting:
        branches = [f"video_id = %(video)s AND {PENDING}"]
        rest += [OF_KINDS] * (asked.kinds is not None and not {*WRITTEN} <= {*asked.kinds})
    else:
        branches = [_of_kind(kind.value) for kind in KINDS if _may_be(asked, kind.value)]
    return Reading(branches, BY_SECOND, _all(rest))


def reading_of_new(asked):
    """The Reading, newest first, of a JourneyFilter's entries that have a created_at after %(after_created_at)s.

    Indexes: idx_video_listed, or idx_student_date for one student.
    """
    waiting = PENDING if asked.waiting else "true"
    if asked.student:
        recent = "student_id = %(student)s AND activity_date >= %(after_day)s AND video_id = %(video)s"
        kinds = OF_KINDS if asked.kinds is not None else "true"
        return Reading([recent], NEWEST, _all([asked.dates, asked.words, waiting, kinds]))
    branches = [_all([_of_kind(kind), asked.dates]) for kind in listed(asked)]
    return Reading(branches, NEWEST, _all([asked.words, waiting]))


def listed(asked):
    """The activity_types that a list of everyone's entries has: what everybody leaves, it counts (decision 0011)."""
    return [kind.value for kind in KINDS if kind.value not in COUNTED and _may_be(asked, kind.value)]


PENDING = "response_status = 'pending'"
OF_KINDS = "activity_type = ANY (%(kinds)s::text[])"


def _may_be(asked, kind):
    kinds = of_groups(IN_VIDEO) if asked.kinds is None else asked.kinds
    return kind in kinds and (kind in WRITTEN or not (asked.text or asked.waiting))


def _of_kind(kind):
    return f"video_id = %(video)s AND activity_type = '{kind}'"  # one of KINDS; a partial index needs to be told


def _all(conditions):
    return " AND ".join(condition for condition in conditions if condition != "true") or "true"
