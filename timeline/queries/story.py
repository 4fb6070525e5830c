"""The story of a reached goal: its days, what turned on them, and its entries; of all kinds or of some."""

import datetime
from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby

from django.db import connection

from timeline.keyset import Page
from timeline.kinds import RECEIVED
from timeline.models import Activity
from timeline.queries.common import BY_TIME
from timeline.words import WORDS
from uploads.models import Upload

ENTRIES = 100_000  # of a goal, the oldest, that a story counts
LOOKED = 5_000  # of its entries, that one page looks through for those of some kinds
PAGE = 50  # entries
PRINTED = 500  # entries on a page that shows all
RUN = 3  # days one after the other that are told as a run
TURNS = 50  # milestones and pieces of proof that are told
ANSWERS = 50  # answers looked at for those to reflections of this goal

# What is told one by one, and the name of its Turn.
REACHED = {"goal_milestone": "milestone", "success_proof": "proof", "goal_completion": "goal"}


@dataclass(frozen=True)
class Turn:
    """What the story tells of a moment, and the entries that say so.

    `name`: "first", the first thing that was done; "run", the longest of days one after the other, `number` of them,
    from `entry` to `last`; "quiz", the first that was passed; "milestone"; "proof"; "answer", the first that was
    received, to `entry`, and, of several that could all be looked at, the `number` of them and the `last`; "goal",
    that it was reached.
    """

    name: str
    at: datetime.datetime
    entry: Activity
    last: Activity | None = None
    number: int = 1


@dataclass(frozen=True)
class Story:
    """`days`: {day: {activity_type: number}} of the oldest ENTRIES entries; `limited`: there are more.

    `turns`: in order of time; `more`: how many milestones and pieces of proof are not told.
    """

    days: dict
    limited: bool
    turns: list[Turn]
    more: int

    most = ENTRIES

    @property
    def counts(self):
        """How many entries of each activity_type."""
        return _sum(self.days.values())

    def weeks(self, week_of):
        """{the week's first day: {activity_type: number}}; `week_of`: the first day of a day's week."""
        return {week: _sum(self.days[day] for day in days) for week, days in groupby(sorted(self.days), key=week_of)}


def _sum(many):
    total = defaultdict(int)
    for counts in many:
        for activity_type, number in counts.items():
            total[activity_type] += number
    return dict(total)


def goal_story(*, goal, kinds, answers=True):
    """What happened on the way to a goal, by entries of `kinds` (activity_types) alone, as a Story; None without any.

    One index-only scan of the goal's first ENTRIES + 1 entries; then the entries that are told, by moment or primary
    key, and those of ANSWERS answers that are to it, unless without `answers`.  Indexes: idx_student_goal, the primary
    key, reflections_answered.
    """
    asked = {"student": goal.student_id, "goal": goal.pk, "kinds": list(kinds)}
    asked |= {"limit": ENTRIES, "reached": list(REACHED), "turns": TURNS}
    days, spans, steps, end, limited = defaultdict(dict), {}, [], [], False
    with connection.cursor() as cursor:
        cursor.execute(DAYS, asked)
        for day, activity_type, number, first, last, ids, has_more in cursor.fetchall():
            limited = bool(has_more)
            if activity_type not in asked["kinds"]:
                continue
            days[day][activity_type] = number
            spans[day, activity_type] = first, last
            (end if activity_type == "goal_completion" else steps).extend(ids or [])
    if not days:
        return None
    turns = [*_turns_of_days(asked, days, spans), *_reached(steps[:TURNS] + end[-1:])]
    if answers:
        begun = min(first for first, _ in spans.values())
        answered = list(Activity.objects.raw(ANSWERED, asked | {"begun": begun, "answers": ANSWERS + 1}))
        if answered:
            several = len(answered) > 1 and answered[0].looked <= ANSWERS
            last = answered[-1] if several else None
            turns.append(Turn("answer", answered[0].responded_at, answered[0], last, len(answered)))
    total = _sum(days.values())
    told = sum(turn.name in REACHED.values() for turn in turns)
    order = ("first", "run", "quiz", "milestone", "proof", "answer", "goal")
    return Story(
        dict(days),
        limited,
        sorted(turns, key=lambda turn: (turn.at, order.index(turn.name))),
        sum(total.get(kind, 0) for kind in REACHED) - told,
    )


def _turns_of_days(asked, days, spans):
    """The first thing done, the longest run of days, the first passed quiz: a statement for each of their entries.

    What has gone since the days were counted is not told.
    """
    own = [kind for kind in asked["kinds"] if kind not in RECEIVED]
    active = sorted(day for day, kinds in days.items() if not kinds.keys().isdisjoint(own))
    turns = []

    def edge_of(day, end):
        """The first (`min`) or last (`max`) thing done on that day."""
        moments = [span[0 if end is min else 1] for (at, kind), span in spans.items() if at == day and kind in own]
        return _entry_at(asked, end(moments), own)

    # What is told as what it is, is not told as the beginning, too.
    begun = edge_of(active[0], min) if active else None
    if begun and begun.activity_type not in (*REACHED, "quiz_completion"):
        turns.append(Turn("first", begun.created_at, begun))
    run = longest_run(active)
    if len(run) >= RUN and (first := edge_of(run[0], min)) and (last := edge_of(run[-1], max)):
        turns.append(Turn("run", first.created_at, first, last, len(run)))
    passed = min((first for (_, kind), (first, _) in spans.items() if kind == "quiz_completion"), default=None)
    if passed and (entry := _entry_at(asked, passed, ["quiz_completion"])):
        turns.append(Turn("quiz", passed, entry))
    return turns


def longest_run(days):
    """The longest of the runs of days one after the other in `days` (ascending), the earliest of several; or []."""
    numbered = groupby(enumerate(days), key=lambda each: each[1] - datetime.timedelta(each[0]))
    return max(([day for _, day in run] for _, run in numbered), key=len, default=[])


def _entry_at(asked, moment, kinds):
    """The first entry of `kinds` at that very moment; None if it has gone."""
    return next(iter(Activity.objects.raw(AT, asked | {"moment": moment, "kinds": kinds})), None)


def _reached(ids):
    """The Turns of what was reached."""
    entries = Activity.objects.filter(pk__in=ids)
    return [Turn(REACHED[entry.activity_type], entry.created_at, entry) for entry in entries]


def story_entries(*, goal, kinds=None, after=None, size=PAGE):
    """The entries of a goal in order of time, as a Page; of `kinds` (activity_types), or of all.

    With `kinds`, they are looked for in the index alone, among the next LOOKED entries, and those of the page are
    read: where these kinds are rare, a page has fewer than `size` of them, or none, and yet a `next`.
    Index: idx_student_goal.
    """
    if kinds is None:
        return BY_TIME.page(Activity.objects.filter(student=goal.student_id, goal=goal), after, size)
    asked = {"student": goal.student_id, "goal": goal.pk, "kinds": list(kinds), "limit": size + 1, "looked": LOOKED}
    beyond = "true"
    if after:
        beyond, asked = BY_TIME.condition(), asked | BY_TIME.params(after)
    page = BY_TIME.first_page(list(Activity.objects.raw(ENTRIES_OF_KINDS.format(beyond=beyond), asked)), size)
    if page.next is None:
        last = list(Activity.objects.raw(LAST_LOOKED.format(beyond=beyond), asked))
        page = Page(page.entries, BY_TIME.cursor(last[0]) if len(last) > 1 else None)
    return page


def whole_story(*, goal, kinds=None):
    """The first PRINTED entries of a goal, as a Page, read as `story_entries()` reads them, a page at a time.

    With `kinds`, they are looked for among its first ENTRIES.
    """
    entries, after, looked = [], None, 0
    while True:
        page = story_entries(goal=goal, kinds=kinds, after=after, size=min(PAGE, PRINTED - len(entries)))
        entries, after, looked = [*entries, *page.entries], page.next, looked + LOOKED
        if after is None or len(entries) == PRINTED or looked >= ENTRIES:
            return Page(entries, after)


def story_tells(*, goal, kinds, address):
    """Whether an entry of the goal, of these `kinds`, has that media_url, which is an upload's.

    Indexes: those of media_url of what people write, the primary key.
    """
    ids = {"goal": goal.pk, "kinds": list(kinds), "student": goal.student_id}
    for table, words in WORDS.items():
        rows = words.model.objects.filter(
            media_url=address, media_url__startswith=Upload.BEFORE_ID, student=goal.student_id, hidden_at=None
        )
        for row in rows.values_list("pk", flat=True)[:10]:
            if list(Activity.objects.raw(TELLS, ids | {"table": table, "row": row})):
                return True
    return False


# Of the oldest ENTRIES; whether there are more is asked only where so many were counted.
LED = """
    SELECT created_at, id, activity_type FROM student_activity_timeline
    WHERE student_id = %(student)s AND goal_id = %(goal)s
    ORDER BY created_at, id
"""

DAYS = f"""
    SELECT
        (created_at AT TIME ZONE 'America/New_York')::date, activity_type, count(*), min(created_at), max(created_at),
        (array_agg(id) FILTER (WHERE activity_type = ANY (%(reached)s)))[:%(turns)s],
        CASE WHEN sum(count(*)) OVER () = %(limit)s THEN EXISTS ({LED} OFFSET %(limit)s) END
    FROM ({LED} LIMIT %(limit)s) AS led
    GROUP BY 1, 2
    ORDER BY 1, 2
"""

AT = """
    SELECT * FROM student_activity_timeline
    WHERE student_id = %(student)s AND goal_id = %(goal)s AND created_at = %(moment)s
        AND activity_type = ANY (%(kinds)s)
    ORDER BY created_at, id
    LIMIT 1
"""

ANSWERED = """
    WITH answered AS (
        SELECT id, responded_at FROM reflections
        WHERE student_id = %(student)s AND responded_at >= %(begun)s AND hidden_at IS NULL
        ORDER BY responded_at
        LIMIT %(answers)s
    )
    SELECT entry.*, (SELECT count(*) FROM answered) AS looked
    FROM answered
    JOIN student_activity_timeline AS entry ON entry.id = timeline_entry_id('reflections', answered.id, 'entry', 0)
    WHERE entry.goal_id = %(goal)s AND entry.activity_type = ANY (%(kinds)s)
    ORDER BY answered.responded_at, answered.id
"""

ENTRIES_OF_KINDS = """
    SELECT entry.*
    FROM (
        SELECT id AS found
        FROM (
            SELECT created_at, id, activity_type FROM student_activity_timeline
            WHERE student_id = %(student)s AND goal_id = %(goal)s AND {beyond}
            ORDER BY created_at, id
            LIMIT %(looked)s
        ) AS looked
        WHERE activity_type = ANY (%(kinds)s)
        ORDER BY created_at, id
        LIMIT %(limit)s
    ) AS page
    JOIN student_activity_timeline AS entry ON entry.id = page.found
    ORDER BY created_at, id
"""

# The last entry that was looked at, and whether there is one behind it.
LAST_LOOKED = """
    SELECT created_at, id FROM student_activity_timeline
    WHERE student_id = %(student)s AND goal_id = %(goal)s AND {beyond}
    ORDER BY created_at, id
    OFFSET %(looked)s - 1
    LIMIT 2
"""

TELLS = """
    SELECT id FROM student_activity_timeline
    WHERE id = timeline_entry_id(%(table)s, %(row)s, 'entry', 0)
        AND student_id = %(student)s AND goal_id = %(goal)s AND activity_type = ANY (%(kinds)s)
"""
