"""What is new to people: what their home page says, as far as it came after they last looked and were last mailed."""

from collections import defaultdict
from dataclasses import dataclass, field

from django.db import connection

from timeline.queries import NEW_LIMIT, awaiting_response_of_teachers


@dataclass
class Count:
    """How much was written by whom: [(name or None, number)]; `limited`: it is more."""

    by: list = field(default_factory=list)

    @property
    def number(self):
        return min(sum(number for _, number in self.by), NEW_LIMIT)

    @property
    def limited(self):
        return sum(number for _, number in self.by) > NEW_LIMIT


@dataclass
class News:
    """Of a student: answers to their reflections, messages to them.  Of a teacher: [(course id, title, number)]."""

    answers: Count = field(default_factory=Count)
    messages: Count = field(default_factory=Count)
    waiting: list = field(default_factory=list)

    def __bool__(self):
        return bool(self.answers.by or self.messages.by or self.waiting)


def news_of(choices, *, until):
    """{person id: News} of several NewsByMail with their people: what came after each was told last, up to `until`.

    Three queries, however many they are.  Indexes: goals_conversationvisit_once or that of
    conversation_visits.student_id; courses_enrollment_once, and reflections_unseen or reflections_answered;
    goal_messages_of_student; those of awaiting_response_of_teachers().
    """
    since = {choice.person_id: choice.told_until for choice in choices}
    learning = {choice.person_id: choice.told_until for choice in choices if not choice.person.is_staff}
    news = defaultdict(News)
    with connection.cursor() as cursor:
        cursor.execute(ANSWERS, _asked(learning, until))
        for person, *by in cursor.fetchall():
            news[person].answers.by.append(tuple(by))
        cursor.execute(MESSAGES, _asked(since, until))
        for person, *by in cursor.fetchall():
            news[person].messages.by.append(tuple(by))
    for person, courses in awaiting_response_of_teachers(asked=since, until=until).items():
        news[person].waiting = courses
    return news


def _asked(since, until):
    return {"people": list(since), "since": list(since.values()), "until": until, "limit": NEW_LIMIT + 1}


# For each of the people what was written to them, by whom: the lateral query says its `author`.  What somebody has read
# in their days is not new, though they have not gone to its video since.
BY_AUTHOR = """
    SELECT asked.person, author.full_name, count(*)
    FROM unnest(%(people)s::uuid[], %(since)s::timestamptz[]) AS asked (person, since)
    LEFT JOIN conversation_visits AS visit ON visit.viewer_id = asked.person AND visit.student_id = asked.person
    CROSS JOIN LATERAL ({written}) AS written
    LEFT JOIN profiles AS author ON author.id = written.author
    GROUP BY asked.person, author.id
    ORDER BY count(*) DESC, author.full_name, author.id
"""

# As home does, of courses that one is in and does not teach (courses.access.videos_recorded), and of reflections on no
# video; staff are not asked for.
ANSWERS = BY_AUTHOR.format(
    written="""
        (SELECT reflections.responded_by AS author
        FROM reflections
        JOIN media_files ON media_files.id = reflections.video_id
        JOIN course_chapters ON course_chapters.id = media_files.lesson_id
        JOIN enrollments ON enrollments.student_id = asked.person
            AND enrollments.course_id = course_chapters.course_id AND enrollments.left_at IS NULL
        WHERE reflections.student_id = asked.person AND reflections.response_unseen AND reflections.hidden_at IS NULL
            AND reflections.responded_at > greatest(asked.since, visit.seen_at)
            AND reflections.responded_at <= %(until)s
            AND NOT EXISTS (
                SELECT FROM course_instructors
                WHERE course_instructors.course_id = course_chapters.course_id
                    AND course_instructors.instructor_id = asked.person
            )
        LIMIT %(limit)s)
        UNION ALL
        (SELECT reflections.responded_by
        FROM reflections
        WHERE reflections.student_id = asked.person AND reflections.video_id IS NULL
            AND reflections.response_unseen AND reflections.hidden_at IS NULL
            AND reflections.responded_at > greatest(asked.since, visit.seen_at)
            AND reflections.responded_at <= %(until)s
        LIMIT %(limit)s)
    """
)

MESSAGES = BY_AUTHOR.format(
    written="""
        SELECT goal_messages.author_id AS author
        FROM goal_messages
        WHERE goal_messages.student_id = asked.person AND goal_messages.hidden_at IS NULL
            AND goal_messages.created_at > greatest(asked.since, visit.seen_at)
            AND goal_messages.created_at <= %(until)s
        ORDER BY goal_messages.created_at
        LIMIT %(limit)s
    """
)
