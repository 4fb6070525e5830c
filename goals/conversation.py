"""The goal conversation: the student's daily notes, the instructors' messages, and who has read up to where."""

import datetime

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from goals.models import ConversationVisit, DailyNote, Goal, GoalMessage
from profiles.models import BEGINNING
from profiles.writing import words, write_once

VISIT = datetime.timedelta(minutes=30)  # whoever comes back sooner is still on the same visit


def write_note(*, id, student, text, **media):
    """The student's note of this moment; `media`: media_url, media_type and media_duration_seconds of an upload.

    ValidationError, and nothing is written, if there is neither text nor media.
    """
    return write_once(DailyNote(id=id, student=student, content=words(text), created_at=timezone.now(), **media))


def write_message(*, id, student, author, text, goal=None, **media):
    """A message of `author` in the student's conversation, about one `goal` of the student or about none.

    ValidationError, and nothing is written, as `write_note()`; and if the goal is another student's.
    """
    if goal is not None and not Goal.objects.filter(pk=goal, student=student).exists():
        raise ValidationError("Choose one of this student's goals, or none.")
    return write_once(
        GoalMessage(
            id=id,
            student=student,
            author=author,
            goal_id=goal,
            content=words(text),
            created_at=timezone.now(),
            **media,
        )
    )


def visit(*, viewer, student, now):
    """Note that `viewer` reads the conversation; return since when things are new to them.

    That is when they had last read it on an earlier visit; on the first visit,
    when that began.  None throughout a first visit that was noted without its beginning.
    """
    with connection.cursor() as cursor:
        cursor.execute(VISITED, {"viewer": viewer.pk, "student": student.pk, "now": now, "visit": VISIT})
        return cursor.fetchone()[0]


def last_visit(*, viewer, student, now):
    """What `visit()` would return, without noting anything; None before the first visit."""
    seen = ConversationVisit.objects.filter(viewer=viewer, student=student).first()
    if seen is None:
        return None
    return seen.seen_at if now - seen.seen_at > VISIT else seen.previous_seen_at


def last_read(student):
    """When `student` last read their own conversation, in a query.  Index: goals_conversationvisit_once."""
    seen = ConversationVisit.objects.filter(viewer=student, student=student).values("seen_at")
    return Coalesce(Subquery(seen), Value(BEGINNING))


def unread(student):
    """The messages to `student` that came after they last read their conversation, the newest first.

    Indexes: that of `last_read()`, goal_messages_of_student.
    """
    messages = GoalMessage.objects.filter(student=student, hidden_at=None, created_at__gt=last_read(student))
    return messages.select_related("author").order_by("-created_at", "-pk")


# GREATEST: of two pages that are opened at once, the later clock stands.
VISITED = """
    INSERT INTO conversation_visits AS visits (viewer_id, student_id, seen_at, previous_seen_at)
    VALUES (%(viewer)s, %(student)s, %(now)s, %(now)s)
    ON CONFLICT (viewer_id, student_id) DO UPDATE SET
        seen_at = GREATEST(visits.seen_at, excluded.seen_at),
        previous_seen_at = CASE
            WHEN excluded.seen_at - visits.seen_at > %(visit)s THEN visits.seen_at ELSE visits.previous_seen_at
        END
    RETURNING previous_seen_at
"""
