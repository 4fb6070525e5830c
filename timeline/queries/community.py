"""The stories that students share with their courses, and who congratulated."""

from dataclasses import dataclass

from django.db import connection

from goals.models import Congratulation
from goals.sharing import communities, shown_stories
from timeline.keyset import Page
from timeline.queries.common import BY_COMMUNITY, COUNT_LIMIT

COMMUNITY_COURSES = 100  # of one person, the first by title, that their community looks into
LOOK = 24  # stories that are looked at for one page, of 20; most of them are shown
APPLAUDED = 1_000  # who congratulated on a story, that are counted
FANS = 50  # who congratulated, that are named, the last ones


@dataclass(frozen=True)
class Applause:
    """How many congratulated on a story, up to APPLAUDED + 2, and whether the reader is among them."""

    count: int = 0
    mine: bool = False

    most = APPLAUDED

    @property
    def others(self):
        return self.count - self.mine


def courses_of_community(user):
    """The first COMMUNITY_COURSES courses, by title, whose stories `user` sees, and whether there are more."""
    courses = list(communities(user).order_by("title", "pk")[: COMMUNITY_COURSES + 1])
    return courses[:COMMUNITY_COURSES], len(courses) > COMMUNITY_COURSES


def shared_stories(*, courses, after=None, size=20):
    """The stories shared with `courses` that others see, the newest first, as a Page of SharedStory.

    Looks at the ids of LOOK stories of each course, whether they are shown or not, and reads the newest LOOK of all:
    a page may hold fewer than `size`, even none, and have a `next`.
    Indexes: shared_with_course, courses_enrollment_once.
    """
    params, within = {"courses": [course.pk for course in courses], "look": LOOK}, ""
    if after:
        params, within = params | BY_COMMUNITY.params(after), f"AND {BY_COMMUNITY.condition()}"
    with connection.cursor() as cursor:
        cursor.execute(NEWEST.format(within=within), params)
        newest = cursor.fetchall()
    shown = shown_stories().select_related("goal", "student", "course").in_bulk([pk for _, pk in newest])
    stories = [shown[pk] for _, pk in newest if pk in shown]
    if len(stories) <= size and len(newest) == LOOK:
        return Page(stories, BY_COMMUNITY.cursor_of(newest[-1]))
    return BY_COMMUNITY.first_page(stories, size)


NEWEST = f"""
    SELECT story.community_at, story.id
    FROM unnest(%(courses)s::uuid[]) AS course (id)
    CROSS JOIN LATERAL (
        SELECT community_at, id FROM shared_stories
        WHERE course_id = course.id {{within}}
        ORDER BY {BY_COMMUNITY.sql}
        LIMIT %(look)s
    ) AS story
    ORDER BY {BY_COMMUNITY.sql}
    LIMIT %(look)s
"""


def applause(stories, *, by):
    """{a story's id: its Applause}.  Index: goals_congratulation_once."""
    asked = {"stories": [story.pk for story in stories], "by": by.pk, "limit": APPLAUDED + 2}
    with connection.cursor() as cursor:
        cursor.execute(APPLAUSE, asked)
        return {pk: Applause(count, mine) for pk, count, mine in cursor.fetchall()}


def fans(*, story):
    """The last FANS Congratulations on a story, each with its person, and how many there are, up to COUNT_LIMIT + 1.

    Index: congratulations_on_story.
    """
    rows = Congratulation.objects.filter(story=story)
    last = rows.select_related("person").order_by("-created_at", "-pk")[:FANS]
    return list(last), rows[: COUNT_LIMIT + 1].count()


APPLAUSE = """
    SELECT
        story.id,
        (
            SELECT count(*)
            FROM (
                SELECT FROM congratulations WHERE story_id = story.id
                ORDER BY person_id -- by the index, also where one story has most of the table
                LIMIT %(limit)s
            ) AS counted
        ),
        EXISTS (SELECT FROM congratulations WHERE story_id = story.id AND person_id = %(by)s)
    FROM unnest(%(stories)s::uuid[]) AS story (id)
"""
