"""The home page, for students, instructors and staff."""

from django.db.models import Exists, OuterRef, Q

from courses.access import videos_recorded
from courses.models import Enrollment
from courses.progress import lessons_done, outline, stopped_in
from goals import conversation, living
from reflections.answers import unseen
from timeline import access, kinds, queries
from timeline.fold import folded
from timeline.views.answers import on_no_video, shown
from timeline.views.page import Page

CARDS = 12  # of courses that a student is in, those that they enrolled in last
COURSES = 200  # of which home knows
PROPOSALS = 3  # proposed goals that are told of, the newest
NEW_ANSWERS = 5
NEW_MESSAGES = 3


def new_answers(user):
    """The student's reflections whose answers they have not seen, the last answered first.

    Those on videos that they watch; and those on no video, until they have read them or their days.
    Index: reflections_unseen.
    """
    on_videos = Exists(videos_recorded(user).filter(pk=OuterRef("video")))
    on_none = Q(video=None, responded_at__gt=conversation.last_read(user))
    told = on_videos if user.is_staff else on_videos | on_none
    found = unseen(user).filter(told).select_related("video", "responded_by")
    return queries.with_entry_ids(found.order_by("-responded_at", "-pk"))


def news(user):
    """What others wrote to a student or proposed: the newest of each, and by `limited_…` how many if there are more."""
    told = {}
    for name, rows, size in (
        ("new_answers", new_answers(user), NEW_ANSWERS),
        ("new_messages", conversation.unread(user), NEW_MESSAGES),
        ("proposals", living.waiting_proposals(user), PROPOSALS),
    ):
        found = list(rows[: size + 1])
        told |= {name: found[:size], f"limited_{name.removeprefix('new_')}": size if len(found) > size else None}
    return told


def begin_or_go_on(user, enrollments):
    """Where a student goes on from home; while they have done nothing yet, where they could begin.

    `stopped`: the VideoProgress in which they stopped last; without one, `step`: what comes next in the course that
    they enrolled in last and have not completed.
    """
    if not queries.has_begun(student=user):
        return {"beginning": queries.beginning(student=user)}
    if not enrollments:
        return {}
    if stopped := stopped_in(user):
        return {"stopped": stopped}
    current = next((enrollment.course for enrollment in enrollments if not enrollment.completed_at), None)
    return {"step": current and outline(current, user).next}


class Home(Page):
    """What an instructor teaches and who waits there; what a student is enrolled in, works towards and did today.

    To staff of a site without courses it says how one is made.
    """

    template_name = "timeline/home.html"
    fragments = ("entries", "waiting-count")

    def get_context_data(self, **kwargs):
        user, asked = self.request.user, self.request.GET
        taught = access.courses_taught(user)
        searched = queries.courses_by_title(taught, size=queries.INBOX_COURSES)
        courses = queries.courses_by_title(taught, after=asked.get("courses")) if searched.entries else searched
        counts = queries.awaiting_response_counts(courses=[course.pk for course in courses.entries], by=user)
        enrollments = list(
            Enrollment.objects.filter(student=user, left_at=None)
            .select_related("course")
            .order_by("-enrolled_at", "-pk")[: COURSES + 1]
        )
        founds = user.is_staff and not searched.entries
        learns = bool(enrollments) or not (searched.entries or founds)
        cards = enrollments[:CARDS]
        done = lessons_done(user, [enrollment.course_id for enrollment in cards])
        today = queries.student_day(student=user, date=queries.today(), size=20)
        return super().get_context_data(
            taught=[(course, counts[course.pk]) for course in courses.entries],
            more_courses=courses.next,
            inbox=shown(user, queries.inbox(courses=[course.pk for course in searched.entries], by=user, size=5)),
            **(on_no_video(user) if courses.entries and not self.fragment else {}),
            limited=queries.INBOX_COURSES if searched.next else None,
            enrollments=[(enrollment, done.get(enrollment.course_id)) for enrollment in cards],
            other_courses=[enrollment.course for enrollment in enrollments[CARDS:COURSES]],
            has_more_courses=len(enrollments) > COURSES,
            **({} if self.fragment else news(user)),
            founds=founds,
            learns=learns,
            **(begin_or_go_on(user, enrollments) if learns else {}),
            today=today,
            items=folded(queries.with_places(today.entries.entries)),
            sentence=kinds.sentence(today.counts),
            current=living.current_period(user),
            **kwargs,
        )
