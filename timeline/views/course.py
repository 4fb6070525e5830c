"""A course, as its instructors and as its students see it; enrolling, leaving, and completions by hand."""

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import Prefetch
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views import View

from config.counts import counted
from courses import finishing, inviting
from courses.access import courses_joinable, courses_seen
from courses.enrolling import enrol, leave
from courses.forms import CompletionForm, InvitationForm
from courses.models import CourseInstructor, Enrollment, Quiz
from courses.progress import first_lessons, lessons_done_by, outline
from timeline import access, queries
from timeline.views.asked import choice_asked
from timeline.views.page import Page, text_asked, uuid_asked


class Catalogue(Page):
    """The courses that are open for enrolment, to be found by title."""

    template_name = "timeline/learning/catalogue.html"

    def get_context_data(self, **kwargs):
        title = text_asked(self.request, "q")
        courses = queries.open_courses(title=title, after=self.request.GET.get("after"))
        enrollments = Enrollment.objects.filter(student=self.request.user, course__in=courses.entries)
        mine = {enrollment.course_id: enrollment for enrollment in enrollments}
        taught = CourseInstructor.objects.filter(instructor=self.request.user, course__in=courses.entries)
        taught = set(taught.values_list("course", flat=True))
        return super().get_context_data(
            courses=[(course, mine.get(course.pk), course.pk in taught) for course in courses.entries],
            more=courses.next,
            title=title,
            **kwargs,
        )


class CoursePage(View):
    """One address for a course.  The two pages of it share a heading: who teaches asks about people, who learns
    about what to do next; `?as=student` shows the second to the first."""

    def dispatch(self, request, *args, course):
        taught = access.courses_taught(request.user).filter(pk=course).first()
        as_student = choice_asked(request, "as", ("student",)) == "student"
        page = CourseTaught if taught and not as_student else CourseTaken
        return page.as_view()(request, course=course, taught=taught)


class CourseTaught(Page):
    """A course as its instructor sees it: its videos, each with its journey, and how far its students are."""

    template_name = "timeline/course.html"

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.course = kwargs["taught"]

    def get_context_data(self, **kwargs):
        name = text_asked(self.request, "name")
        students = queries.students_of_course(course=self.course, name=name, after=self.request.GET.get("after"))
        # Those in a video first, as they come in it.
        quizzes = Quiz.objects.select_related("video").order_by("video__position", "video_timestamp_seconds", "id")
        lessons, limited = first_lessons(self.course.lessons.prefetch_related("videos", Prefetch("quizzes", quizzes)))
        videos = [video for lesson in lessons for video in lesson.videos.all()]
        waiting = queries.awaiting_response_in_videos(videos=[video.pk for video in videos])
        for video in videos:
            video.waiting = waiting[video.pk]
        shown = [student.pk for student in students.entries]
        done = lessons_done_by(shown, [lesson.pk for lesson in lessons])
        silent = queries.silences(students=shown)
        for student in students.entries:
            student.done = done.get(student.pk, 0)
            student.activity = silent.get(student.pk, "")
        if not self.fragment:
            kwargs |= self._invitation()
        return super().get_context_data(
            course=self.course,
            lessons=lessons,
            limited_lessons=limited,
            waiting_limit=queries.WAITING_LIMIT,
            name=name,
            class_size=None if self.fragment else queries.class_size(course=self.course),
            students=students.entries,
            more=students.next,
            **kwargs,
        )

    def _invitation(self):
        invitation = inviting.invitation_to(self.course)
        address = invitation and reverse("invitation", args=[inviting.token(invitation)])
        return {
            "invitation": invitation,
            "invitation_address": address and self.request.build_absolute_uri(address),
            "invitation_form": InvitationForm(auto_id="invitation-%s"),  # a form among others
        }


class CourseTaken(Page):
    """A course as a student sees it: its lessons with what is done and what is next, or the way in."""

    template_name = "timeline/learning/course.html"
    fragments = ()

    def setup(self, request, *args, course, taught, **kwargs):
        super().setup(request, *args, **kwargs)
        self.course = get_object_or_404(courses_seen(request.user), pk=course)
        self.taught = taught is not None

    def get_context_data(self, **kwargs):
        user = self.request.user
        enrollment = Enrollment.objects.filter(student=user, course=self.course).first()
        return super().get_context_data(
            course=self.course,
            enrollment=enrollment,
            is_in=enrollment is not None and enrollment.left_at is None,
            taught=self.taught,
            outline=outline(self.course, user),
            **kwargs,
        )


class Enrol(View):
    """Enrols the reader in an open course; again if they left it."""

    http_method_names = ["post"]

    def post(self, request, course):
        found = get_object_or_404(courses_joinable(request.user), pk=course)
        enrol(request.user, found)
        messages.success(request, f"You are enrolled in {found}.")
        return HttpResponseRedirect(reverse("course", args=[found.pk]))


class Leave(Page):
    """Asks before the reader leaves a course, and says what stays."""

    template_name = "timeline/learning/leave.html"
    fragments = ()

    def setup(self, request, *args, course):
        super().setup(request, *args)
        mine = Enrollment.objects.filter(student=request.user).select_related("course")
        if request.method != "POST":  # a form may be sent twice, and from two tabs
            mine = mine.filter(left_at=None)
        self.enrollment = get_object_or_404(mine, course=course)

    def get_context_data(self, **kwargs):
        return super().get_context_data(course=self.enrollment.course, **kwargs)

    def post(self, request, **kwargs):
        leave(self.enrollment)
        messages.success(request, f"You have left {self.enrollment.course}. What you did there is kept.")
        return HttpResponseRedirect(reverse("course", args=[self.enrollment.course_id]))


class Completions(Page):
    """How far one student is in a course, for who teaches it: completions are set by hand, and taken back."""

    template_name = "timeline/learning/completions.html"
    fragments = ()

    def setup(self, request, *args, course, student):
        super().setup(request, *args)
        self.course = get_object_or_404(access.courses_taught(request.user), pk=course)
        enrollments = Enrollment.objects.select_related("student", "completion_set_by")
        self.enrollment = get_object_or_404(enrollments, course=self.course, student=student)
        self.student = self.enrollment.student

    def get_context_data(self, refused=None, **kwargs):
        found = outline(self.course, self.student)
        for chapter in found.chapters:
            chapter.form = self._form(chapter.lesson.pk, refused)
        return super().get_context_data(
            course=self.course,
            student=self.student,
            enrollment=self.enrollment,
            outline=found,
            form=self._form(self.course.pk, refused),
            **kwargs,
        )

    def post(self, request, **kwargs):
        """Sets or takes back (`do`) the completion of a lesson of the course, or of the course itself (`what`)."""
        do = request.POST.get("do")
        what = uuid_asked(request.POST.get("what", ""))
        lesson = None if what == self.course.pk else get_object_or_404(self.course.lessons, pk=what)
        if do == "complete":
            form = self._form(what, None, request.POST)
            if not form.is_valid():
                return self.render_to_response(self.get_context_data(refused=form), status=422)
            done = self._complete(lesson, form.cleaned_data["note"])
        elif do == "take back":
            done = self._take_back(lesson)
        else:
            raise BadRequest("The form says neither that something is complete nor that it is not.")
        name = lesson or self.course
        if not done:
            messages.info(request, f"Nothing to change: “{name}” was already so.")
        elif do == "complete":
            messages.success(request, f"“{name}” is complete.")
        else:
            messages.success(request, f"“{name}” is taken back; what {self.student} did still counts.")
        return HttpResponseRedirect(request.path)

    def _complete(self, lesson, note):
        if lesson:
            return finishing.complete_lesson(self.student, lesson, by=self.request.user, note=note)
        return finishing.complete_course(self.student, self.course, by=self.request.user, note=note)

    def _take_back(self, lesson):
        if lesson:
            return finishing.take_back_lesson(self.student, lesson)
        return finishing.take_back_course(self.student, self.course)

    def _form(self, what, refused, *args):
        if refused and refused.prefix == str(what):
            return refused
        return CompletionForm(*args, prefix=str(what))


class ApplyRule(View):
    """Completes what everybody in a course has done by now: for an author who took something away."""

    http_method_names = ["post"]

    def post(self, request, course):
        found = get_object_or_404(access.courses_taught(request.user), pk=course)
        written = finishing.finish_course(found)
        if written == finishing.Finished(0, 0):
            messages.info(request, "Every completion was already recorded: nothing has changed.")
        else:
            messages.success(
                request,
                f"Completed: {counted(written.lessons, 'lesson')}"
                f" and the course for {counted(written.courses, 'student')}.",
            )
        return HttpResponseRedirect(reverse("course", args=[found.pk]))
