"""What is new to people: what home tells them, as far as it came after they last looked and were last mailed."""

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
    """{person id: News} of several NewsByMail, of what came after each was told last, and not after `until`.

    Three queries, however many they are.  Indexes: goals_conversationvisit_once; reflections_answered or
    reflections_unseen, and for their courses the primary keys and courses_enrollment_once; goal_messages_of_student;
    those of awaiting_response_of_teachers().
    """
    since = {choice.person_id: choice.told_until for choice in choices}
    news = defaultdict(News)
    asked = {"people": list(since), "since": list(since.values()), "until": until, "limit": NEW_LIMIT + 1}
    with connection.cursor() as cursor:
        cursor.execute(ANSWERS, asked)
        for person, *by in cursor.fetchall():
            news[person].answers.by.append(tuple(by))
        cursor.execute(MESSAGES, asked)
        for person, *by in cursor.fetchall():
            news[person].messages.by.append(tuple(by))
    for person, courses in awaiting_response_of_teachers(asked=since, until=until).items():
        news[person].waiting = courses
    return news


# What somebody has read in their days is not new, though they have not gone to its video since.
LOOKED = """
    unnest(%(people)s::uuid[], %(since)s::timestamptz[]) AS asked (person, since)
    LEFT JOIN conversation_visits AS visit ON visit.viewer_id = asked.person AND visit.student_id = asked.person
"""

# As home does, of courses that one is in and does not teach, and to staff of none (courses.access.videos_recorded).
ANSWERS = f"""
    SELECT asked.person, author.full_name, count(*)
    FROM {LOOKED}
    JOIN profiles AS person ON person.id = asked.person AND NOT person.is_staff
    CROSS JOIN LATERAL (
        SELECT reflections.responded_by
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
        LIMIT %(limit)s
    ) AS answer
    LEFT JOIN profiles AS author ON author.id = answer.responded_by
    GROUP BY asked.person, author.id
    ORDER BY count(*) DESC, author.full_name, author.id
"""

MESSAGES = f"""
    SELECT asked.person, author.full_name, count(*)
    FROM {LOOKED}
    CROSS JOIN LATERAL (
        SELECT goal_messages.author_id
        FROM goal_messages
        WHERE goal_messages.student_id = asked.person AND goal_messages.hidden_at IS NULL
            AND goal_messages.created_at > greatest(asked.since, visit.seen_at)
            AND goal_messages.created_at <= %(until)s
        ORDER BY goal_messages.created_at
        LIMIT %(limit)s
    ) AS message
    LEFT JOIN profiles AS author ON author.id = message.author_id
    GROUP BY asked.person, author.id
    ORDER BY count(*) DESC, author.full_name, author.id
"""
