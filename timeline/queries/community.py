"""The stories that students share with their courses, and who congratulated."""

import datetime
import uuid
from dataclasses import dataclass

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import OuterRef
from django.db.models.functions import JSONObject

from courses.models import Course
from goals.models import Congratulation, SharedStory
from goals.sharing import communities, shown_stories
from timeline.queries.common import BY_COMMUNITY, COUNT_LIMIT, first_page

COMMUNITY_COURSES = 100  # of one person, the first by title, that their community looks into
APPLAUDED = 1_000  # who congratulated on a story, that are counted
FANS = 50  # who congratulated, that are named, the last ones


@dataclass(frozen=True)
class Applause:
    """How many congratulated on a story, up to APPLAUDED + 1, and whether the reader is among them."""

    count: int = 0
    mine: bool = False


def courses_of_community(user):
    """The first COMMUNITY_COURSES courses, by title, whose stories `user` sees, and whether there are more."""
    courses = list(communities(user).order_by("title", "pk")[: COMMUNITY_COURSES + 1])
    return courses[:COMMUNITY_COURSES], len(courses) > COMMUNITY_COURSES


def shared_stories(*, courses, after=None, size=20):
    """The stories shared with `courses`, the newest first, as a Page of SharedStory.

    Looks at the ids of a page of each course, and reads a page of them.
    Indexes: shared_with_course, courses_enrollment_once.
    """
    newest = BY_COMMUNITY.rows(shown_stories().filter(course=OuterRef("pk")), after)[: size + 1]
    found = ArraySubquery(newest.values(json=JSONObject(at="community_at", id="pk")))
    listed = Course.objects.filter(pk__in=[course.pk for course in courses]).values_list(found, flat=True)
    places = sorted(
        ((datetime.datetime.fromisoformat(each["at"]), uuid.UUID(each["id"])) for ids in listed for each in ids),
        reverse=True,
    )
    ids = [pk for _, pk in places[: size + 1]]
    stories = SharedStory.objects.select_related("goal", "student", "course").in_bulk(ids)
    return first_page([stories[pk] for pk in ids if pk in stories], size, BY_COMMUNITY)


def applause(stories, *, by):
    """{a story's id: its Applause}.  Index: goals_congratulation_once."""
    asked = {"stories": [story.pk for story in stories], "by": by.pk, "limit": APPLAUDED + 1}
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
