"""The pages.  Each view's setup() resolves who may see what: what one may not see is a 404."""

import uuid

from django.core.exceptions import BadRequest
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.generic import TemplateView

from courses.models import Enrollment
from goals.models import Goal, GoalPeriod
from timeline import access, kinds, queries
from timeline.fold import folded, with_reached


class Page(TemplateView):
    """A page at one URL; to htmx, the fragment of it (a partialdef of its template) that it asked for.

    A request's HX-Target names the fragment; the first of `fragments` is the default.
    """

    fragments = ("entries",)

    def get(self, request, *args, **kwargs):
        # The address is read in setup(); it is not the template's business.
        return self.render_to_response(self.get_context_data())

    def get_template_names(self):
        if self.request.htmx and not self.request.htmx.boosted and not self.request.htmx.history_restore_request:
            target = self.request.htmx.target
            return [f"{self.template_name}#{target if target in self.fragments else self.fragments[0]}"]
        return [self.template_name]

    def render_to_response(self, context, **options):
        response = super().render_to_response(context, **options)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        patch_cache_control(response, private=True)
        return response


class Home(Page):
    """What an instructor teaches and who waits there; what a student is enrolled in, works towards and did today."""

    template_name = "timeline/home.html"
    INBOX = 500  # courses whose waiting reflections are gathered; who administers more looks into each

    def get_context_data(self, **kwargs):
        user, asked = self.request.user, self.request.GET
        taught = access.courses_taught(user)
        inbox = list(taught.values_list("pk", flat=True)[: self.INBOX])
        waiting = queries.awaiting_response(courses=inbox, after=asked.get("after"), size=10)
        courses = queries.courses_by_title(taught, after=asked.get("courses"))
        counts = queries.awaiting_response_counts(courses=[course.pk for course in courses.entries])
        enrollments = list(
            Enrollment.objects.filter(student=user, left_at=None).select_related("course").order_by("-enrolled_at")[:12]
        )
        today = queries.student_day(student=user, date=queries.today(), size=20)
        current = GoalPeriod.objects.filter(student=user, period__endswith=None).select_related("goal").first()
        return super().get_context_data(
            taught=[(course, counts[course.pk]) for course in courses.entries],
            more_courses=courses.next,
            waiting=access.mark_visible(user, queries.with_places(waiting.entries)),
            more=waiting.next,
            waiting_total=queries.awaiting_response_count(courses=inbox),
            enrollments=enrollments,
            today=today,
            items=folded(queries.with_places(today.entries.entries)),
            sentence=kinds.sentence(today.counts),
            current=current,
            **kwargs,
        )


class CoursePage(Page):
    """A course as its instructor sees it: its videos, each with its journey, and its students."""

    template_name = "timeline/course.html"

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.course = get_object_or_404(access.courses_taught(request.user), pk=kwargs["course"])

    def get_context_data(self, **kwargs):
        name = _text(self.request, "name")
        students = queries.students_of_course(course=self.course, name=name, after=self.request.GET.get("after"))
        return super().get_context_data(
            course=self.course,
            lessons=self.course.lessons.prefetch_related("videos")[:200],
            name=name,
            students=students.entries,
            more=students.next,
            **kwargs,
        )


class VideoJourney(Page):
    """Activity at its second of the video, for one student (?student=) or for all."""

    template_name = "timeline/video_journey.html"
    fragments = ("entries", "journey")
    GROUPS = ("watching", "reflections", "quizzes")  # whose entries have a video

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.video = get_object_or_404(access.videos_taught(request.user), pk=kwargs["video"])
        self.student = None
        if student := request.GET.get("student"):
            self.student = get_object_or_404(access.visible_students(request.user), pk=_uuid(student))

    def get_context_data(self, **kwargs):
        groups = self.request.GET.getlist("kind")
        if unknown := [group for group in groups if group not in self.GROUPS]:
            raise BadRequest(f"There is no kind of activity in a video called “{unknown[0][:40]}”.")
        asked = {
            "video": self.video,
            "student": self.student,
            "kinds": kinds.of_groups(groups) if groups else None,
        }
        after = self.request.GET.get("after") or self._from_second()
        page = queries.video_journey(**asked, after=after)
        access.mark_visible(self.request.user, queries.with_places(page.entries))
        items = folded(page.entries)
        counted = not self.student and (not groups or "watching" in groups)
        if counted:
            lines = queries.reached(
                video=self.video,
                after=queries.BY_SECOND.parse(after)[0] if after else None,
                until=page.entries[-1].video_timestamp_seconds if page.next else None,
            )
            items = with_reached(items, lines)
        name = _text(self.request, "name")
        return super().get_context_data(
            video=self.video,
            student=self.student,
            groups=[(group, kinds.GROUPS[group], group in groups) for group in self.GROUPS],
            filtered=bool(groups),
            counted=counted,
            items=items,
            more=page.next,
            count=queries.video_journey_count(**asked),
            name=name,
            found=queries.students_of_course(course=self.video.lesson.course, name=name, size=12),
            **kwargs,
        )

    def _from_second(self):
        """The cursor before `?t=`, a second of the video."""
        second = self.request.GET.get("t")
        if not second:
            return None
        if not (second.isascii() and second.isdigit() and len(second) <= 10 and int(second) < 2**31):
            raise BadRequest("The second of the video (t) must be a whole number.")
        return f"{int(second) - 1}~{uuid.UUID(int=2**128 - 1)}"


class StudentPage(Page):
    """A page about one student: the one of the address, or oneself."""

    def setup(self, request, *args, student=None, **kwargs):
        super().setup(request, *args, **kwargs)
        self.student = get_object_or_404(access.visible_students(request.user), pk=student or request.user.pk)
        self.own = self.student == request.user

    def get_context_data(self, **kwargs):
        return super().get_context_data(student=self.student, own=self.own, **kwargs)


class StudentDays(StudentPage):
    """A student's days, newest first, each with a sentence of what happened and its entries."""

    template_name = "timeline/student_days.html"

    def get_context_data(self, **kwargs):
        page = queries.student_days(student=self.student, before=self.request.GET.get("before"))
        queries.with_places([entry for day in page.entries for entry in day.entries.entries])
        days = [(day, kinds.sentence(day.counts), folded(day.entries.entries)) for day in page.entries]
        return super().get_context_data(days=days, more=page.next, today=queries.today(), **kwargs)


class StudentDay(StudentPage):
    """One day of a student, paged within itself."""

    template_name = "timeline/student_day.html"

    def setup(self, request, *args, date, **kwargs):
        super().setup(request, *args, **kwargs)
        self.date = date

    def get_context_data(self, **kwargs):
        day = queries.student_day(student=self.student, date=self.date, after=self.request.GET.get("after"))
        queries.with_places(day.entries.entries)
        before, after = queries.neighbouring_days(student=self.student, date=self.date)
        return super().get_context_data(
            date=self.date,
            sentence=kinds.sentence(day.counts),
            items=folded(day.entries.entries),
            more=day.entries.next,
            day_before=before,
            day_after=after,
            today=queries.today(),
            **kwargs,
        )


class StudentGoals(StudentPage):
    """A student's goals in order, each with its period, counts and the start of its timeline."""

    template_name = "timeline/student_goals.html"
    fragments = ("goals",)

    def get_context_data(self, **kwargs):
        page = queries.student_goals(student=self.student, after=self.request.GET.get("after"))
        queries.with_places([entry for timeline in page.entries for entry in timeline.entries.entries])
        goals = [(timeline, folded(timeline.entries.entries)) for timeline in page.entries]
        return super().get_context_data(goals=goals, more=page.next, **kwargs)


class StudentGoal(StudentPage):
    """What led to one goal, in order of time."""

    template_name = "timeline/student_goal.html"

    def setup(self, request, *args, goal, **kwargs):
        super().setup(request, *args, **kwargs)
        self.goal = get_object_or_404(
            Goal.objects.filter(student=self.student).select_related("student").prefetch_related("periods"), pk=goal
        )

    def get_context_data(self, **kwargs):
        timeline = queries.goal_timeline(goal=self.goal, after=self.request.GET.get("after"))
        queries.with_places(timeline.entries.entries)
        return super().get_context_data(
            timeline=timeline, items=folded(timeline.entries.entries), more=timeline.entries.next, **kwargs
        )


def _uuid(text):
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Http404("There is nobody with that id.") from error


def _text(request, name):
    """A text of the query string, without what PostgreSQL cannot hold; at most 200 characters."""
    return request.GET.get(name, "").replace("\0", "").strip()[:200]
