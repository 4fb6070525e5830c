"""The catalogue, where courses are written; and what students did in it."""

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.template.defaultfilters import floatformat
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html_join

from config.admin import (
    AutocompleteFilter,
    ModelAdmin,
    OfStudentAdmin,
    RecordAdmin,
    StackedInline,
    TabularInline,
    bounded_count,
    change_link,
    save_with_patience,
)
from courses import watching
from courses.enrolling import enrol_all
from courses.finishing import finish
from courses.forms import (
    CheckpointForm,
    LessonForm,
    QuizForm,
    QuizInVideoForm,
    QuizInVideoFormSet,
    QuizQuestionForm,
    StudentsForm,
    VideoForm,
    clock,
)
from courses.models import (
    Checkpoint,
    CheckpointReached,
    Course,
    CourseInstructor,
    Enrollment,
    Lesson,
    LessonCompletion,
    Quiz,
    QuizAttempt,
    QuizQuestion,
    Video,
    VideoProgress,
)

MANY = 1_000  # students; of fewer, what they did is filed anew in a moment


def percent(score):
    return f"{floatformat(score, -2)}%"


class CatalogueAdmin(ModelAdmin):
    """A page of the catalogue, with the way up from it: course, lesson, video, quiz."""

    change_form_template = "admin/courses/change_form.html"
    search_fields = ("title",)

    def parents(self, row):
        """The rows above `row`, the course first."""
        return []

    def moved_with(self, row):
        """Whose entries are filed anew when `row` comes to another place, a row each, and who that is; None: nobody."""

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        parents = self.parents(obj) if obj else []
        context["parents"] = [(parent._meta, parent) for parent in parents]
        students, are = (obj and self.moved_with(obj)) or (None, "")
        if are and (count := bounded_count(students)) >= MANY:
            context["moved"] = {"count": count, "are": are, "most": settings.STATEMENT_TIMEOUT}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def get_queryset(self, request):
        queryset = super().get_queryset(request)
        return queryset.select_related(*self.list_select_related) if self.list_select_related else queryset


class InstructorInline(TabularInline):
    model = CourseInstructor
    verbose_name = "instructor"
    verbose_name_plural = "instructors"
    show_change_link = False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("course", "instructor").order_by("id")

    def has_change_permission(self, request, obj=None):
        return False  # who teaches is added or taken away


class LessonInline(TabularInline):
    model = Lesson
    form = LessonForm
    fields = ("position", "title")
    verbose_name_plural = "lessons (save, then follow “Change” to upload videos and write quizzes)"


class VideoInline(TabularInline):
    model = Video
    form = VideoForm
    verbose_name_plural = "videos (save, then follow “Change” for captions, checkpoints and quizzes in a video)"

    def get_fields(self, request, obj=None):
        elsewhere = ["url"] if settings.MEDIA_SOURCES else []
        return ["position", "title", "file", *elsewhere, "duration_seconds"]


class CheckpointInline(TabularInline):
    model = Checkpoint
    form = CheckpointForm
    fields = ("video_timestamp_seconds", "title")
    show_change_link = False


class QuizOfVideoInline(TabularInline):
    model = Quiz
    form = QuizInVideoForm
    formset = QuizInVideoFormSet
    fields = ("video_timestamp_seconds", "title", "passing_score", "required", "skippable", "attempts_allowed")
    verbose_name_plural = "quizzes in this video (save, then follow “Change” to write the questions)"

    def get_queryset(self, request):
        return super().get_queryset(request).order_by("video_timestamp_seconds", "id")


class QuizOfLessonInline(TabularInline):
    model = Quiz
    form = QuizForm
    fields = ("title", "passing_score", "required", "attempts_allowed")
    verbose_name_plural = "quizzes after the videos (save, then follow “Change” to write the questions)"

    def get_queryset(self, request):
        return super().get_queryset(request).filter(video=None).order_by("id")


class QuizQuestionInline(StackedInline):
    model = QuizQuestion
    form = QuizQuestionForm
    fields = ("kind", "prompt", "answers_text", "tolerance", "explanation", "position")
    show_change_link = False


@admin.register(Course)
class CourseAdmin(CatalogueAdmin):
    list_display = ("title", "taught_by", "open_for_enrolment", "created_at")
    sortable_by = ("title", "created_at")
    ordering = ("title", "id")
    fields = ("title", "description", "open_for_enrolment")
    inlines = (InstructorInline, LessonInline)
    change_form_template = "admin/courses/course/change_form.html"

    def get_urls(self):
        page = self.admin_site.admin_view(self.add_students_view)
        return [path("<path:object_id>/students/add/", page, name="courses_course_students"), *super().get_urls()]

    def add_students_view(self, request, object_id):
        """Enrol a list of people, and tell the passwords of the new accounts, on this page alone."""
        course = self.get_object(request, unquote(object_id))
        if course is None:
            raise Http404
        if not self.has_change_permission(request, course):
            raise PermissionDenied
        form = StudentsForm(request.POST or None)
        enrolled = None
        if form.is_valid():

            def add():
                enrolled = enrol_all(course, form.cleaned_data["people"], sheet=form.cleaned_data["sheet"])
                self.log_change(request, course, f"Added students: {len(enrolled)}.")
                for each in enrolled:
                    if each.now:
                        self.log_addition(request, each.person, "Added with a course's students.")
                return enrolled

            enrolled = save_with_patience(request, add, lambda message: form.add_error(None, message))
        context = self.admin_site.each_context(request) | {
            "title": "Add students",
            "subtitle": str(course),
            "opts": self.opts,
            "original": course,
            "form": form,
            "enrolled": enrolled,
            "some_had_accounts": enrolled and any(each.password is None for each in enrolled),
        }
        return TemplateResponse(request, "admin/courses/course/students.html", context)

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("instructors")

    @admin.display(description="instructors")
    def taught_by(self, course):
        return ", ".join(sorted(str(instructor) for instructor in course.instructors.all())) or None


@admin.register(Lesson)
class LessonAdmin(CatalogueAdmin):
    form = LessonForm
    list_display = ("title", "position", "course_link")
    list_filter = (("course", AutocompleteFilter),)
    list_select_related = ("course",)
    ordering = ("course_id", "position", "id")
    search_fields = ("title", "course__title")
    inlines = (VideoInline, QuizOfLessonInline)

    def parents(self, lesson):
        return [lesson.course]

    def moved_with(self, lesson):
        return lesson.course.enrollments.all(), "are or were in this course"

    @admin.display(description="course")
    def course_link(self, lesson):
        return change_link(lesson.course)


@admin.register(Video)
class VideoAdmin(CatalogueAdmin):
    form = VideoForm
    list_display = ("title", "length", "plays", "position", "lesson_link", "course_link")
    list_filter = (("lesson", AutocompleteFilter), ("lesson__course", AutocompleteFilter))
    list_select_related = ("lesson__course",)
    ordering = ("lesson_id", "position", "id")
    search_fields = ("title", "lesson__title", "lesson__course__title")
    inlines = (CheckpointInline, QuizOfVideoInline)

    def parents(self, video):
        return [video.lesson.course, video.lesson]

    def moved_with(self, video):
        return video.progress.all(), "have watched this video"

    @admin.display(description="length")
    def length(self, video):
        return clock(video.duration_seconds)

    @admin.display(boolean=True)
    def plays(self, video):
        return bool(video.src)

    @admin.display(description="lesson")
    def lesson_link(self, video):
        return change_link(video.lesson)

    @admin.display(description="course")
    def course_link(self, video):
        return change_link(video.lesson.course)


class OfVideoAdmin(CatalogueAdmin):
    """Things that stand at a second of a video."""

    @admin.display(description="at")
    def at(self, row):
        return None if row.video_timestamp_seconds is None else clock(row.video_timestamp_seconds)

    @admin.display(description="video")
    def video_link(self, row):
        return row.video and change_link(row.video)


@admin.register(Checkpoint)
class CheckpointAdmin(OfVideoAdmin):
    form = CheckpointForm
    list_display = ("title", "at", "video_link")
    list_filter = (("video", AutocompleteFilter),)
    list_select_related = ("video__lesson__course",)
    ordering = ("video_id", "video_timestamp_seconds")
    search_fields = ("title", "video__title")

    def parents(self, checkpoint):
        return [checkpoint.video.lesson.course, checkpoint.video.lesson, checkpoint.video]


@admin.register(Quiz)
class QuizAdmin(OfVideoAdmin):
    form = QuizForm
    list_display = ("title", "lesson_link", "video_link", "at", "passes_with")
    list_filter = (("lesson", AutocompleteFilter), ("video", AutocompleteFilter))
    list_select_related = ("lesson__course", "video")
    search_fields = ("title", "lesson__title", "video__title")
    inlines = (QuizQuestionInline,)

    def parents(self, quiz):
        return [quiz.lesson.course, quiz.lesson, *filter(None, [quiz.video])]

    def moved_with(self, quiz):
        return quiz.lesson.course.enrollments.all(), "are or were in this course"

    @admin.display(description="lesson")
    def lesson_link(self, quiz):
        return change_link(quiz.lesson)

    @admin.display(description="passing score")
    def passes_with(self, quiz):
        return percent(quiz.passing_score)


@admin.register(QuizQuestion)
class QuizQuestionAdmin(CatalogueAdmin):
    form = QuizQuestionForm
    fields = ("quiz", *QuizQuestionInline.fields)
    list_display = ("prompt", "kind", "position", "quiz_link")
    list_filter = (("quiz", AutocompleteFilter),)
    list_select_related = ("quiz__lesson__course", "quiz__video")
    ordering = ("quiz_id", "position", "id")
    search_fields = ("prompt", "quiz__title")

    def parents(self, question):
        quiz = question.quiz
        return [quiz.lesson.course, quiz.lesson, *filter(None, [quiz.video]), quiz]

    @admin.display(description="quiz")
    def quiz_link(self, question):
        return change_link(question.quiz)


@admin.register(Enrollment)
class EnrollmentAdmin(OfStudentAdmin):
    list_display = ("student", "course", "enrolled_at", "completed_at", "left_at")
    list_filter = (("student", AutocompleteFilter), ("course", AutocompleteFilter))
    list_select_related = ("student", "course")
    fields = ("student", "course", "enrolled_at", "completed_at", "completion_note", "completion_set_by", "left_at")
    readonly_fields = ("completion_set_by",)

    def save_model(self, request, obj, form, change):
        if not obj.completion_note:
            obj.completion_set_by = None
        elif "completion_note" in form.changed_data:
            obj.completion_set_by = request.user
        super().save_model(request, obj, form, change)


@admin.register(LessonCompletion)
class LessonCompletionAdmin(OfStudentAdmin):
    list_display = ("student", "lesson", "completed_at")
    list_filter = (("student", AutocompleteFilter), ("lesson", AutocompleteFilter))
    list_select_related = ("student", "lesson")
    fields = ("student", "lesson", "completed_at", "note", "set_by")
    readonly_fields = ("set_by",)

    def save_model(self, request, obj, form, change):
        if not obj.note:
            obj.set_by = None
        elif "note" in form.changed_data:
            obj.set_by = request.user
        super().save_model(request, obj, form, change)
        finish(obj.student, obj.lesson)


@admin.register(VideoProgress)
class VideoProgressAdmin(RecordAdmin):
    list_display = ("student", "video", "share", "watched_at", "completed_at")
    list_filter = (("student", AutocompleteFilter), ("video", AutocompleteFilter))
    list_select_related = ("student", "video")
    fields = ("student", "video", "share", "seen", "stopped_at", "watched_at", "completed_at")
    readonly_fields = ("share", "seen", "stopped_at")

    @admin.display(description="watched")
    def share(self, progress):
        return f"{watching.percent(progress.watched, progress.video.duration_seconds)}%"

    @admin.display(description="parts seen")
    def seen(self, progress):
        return ", ".join(f"{clock(start)} to {clock(end)}" for start, end in progress.watched) or None

    @admin.display(description="stopped at")
    def stopped_at(self, progress):
        return clock(progress.position_seconds)


@admin.register(CheckpointReached)
class CheckpointReachedAdmin(RecordAdmin):
    list_display = ("student", "checkpoint", "video", "at", "reached_at")
    list_filter = (("student", AutocompleteFilter), ("video", AutocompleteFilter))
    list_select_related = ("student", "checkpoint", "video")
    fields = ("student", "checkpoint", "video", "at", "reached_at")
    readonly_fields = ("at",)

    @admin.display(description="at")
    def at(self, reached):
        return clock(reached.video_timestamp_seconds)


@admin.register(QuizAttempt)
class QuizAttemptAdmin(RecordAdmin):
    list_display = ("student", "quiz", "started_at", "submitted_at", "reached", "passed")
    list_filter = (("student", AutocompleteFilter), ("quiz", AutocompleteFilter))
    list_select_related = ("student", "quiz")
    fields = ("student", "quiz", "started_at", "submitted_at", "score", "passed", "answers_given")
    readonly_fields = ("answers_given",)

    @admin.display(description="score")
    def reached(self, attempt):
        return None if attempt.score is None else percent(attempt.score)

    @admin.display(description="answers")
    def answers_given(self, attempt):
        if not isinstance(attempt.answers, dict) or not attempt.answers:
            return None
        asked = attempt.questions or attempt.quiz.questions.values("id", "prompt")
        prompts = {str(question["id"]): question["prompt"] for question in asked}
        return format_html_join(
            "",
            "<div><strong>{}</strong> {}</div>",
            ((prompts.get(key, key), value) for key, value in attempt.answers.items()),
        )
