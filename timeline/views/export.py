"""A video's journey, a student's days and a class as CSV, to read in a spreadsheet (docs/decisions/0022)."""

import csv
import datetime
import io
from functools import cached_property
from itertools import batched, chain, islice

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_cache_control
from django.utils.http import content_disposition_header
from django.utils.text import get_valid_filename
from django.views import View

from courses.forms import clock
from courses.models import Quiz
from courses.progress import LESSONS, lessons_done_by
from courses.quizzes import best_scores
from timeline import access, queries
from timeline.models import DAY_ZONE
from timeline.views.asked import journey_asked
from timeline.views.days import AskingPage

FACTS = ("Percent", "Score", "Passed", "Words", "Recording", "Status", "Answer", "Answered by", "Answered at")
COLUMNS = ("Entry", "Time", "Day", "Second", "Position", "Student", "Student id", "Kind", "Type", "About", *FACTS)
DAYS_COLUMNS = (
    "Entry",
    "Time",
    "Day",
    "Student",
    "Student id",
    "Kind",
    "Type",
    "Course",
    "Lesson",
    "Video",
    "Position",
    "About",
    "Goal",
    "Author",
    *FACTS,
)
CLASS_COLUMNS = (
    "Student",
    "Student id",
    "Enrolled at",
    "Left at",
    "Completed at",
    "Lessons complete",
    "Lessons",
    "Last active",
)
QUIZZES = 200  # of a course, that have a column
STATUS = {"pending": "waiting", "responded": "answered", None: ""}
PASSED = {True: "yes", False: "no", None: ""}
ROWS_OF_A_CHUNK = 200
# What a spreadsheet takes for the start of a formula, in East Asian width as well, or skips before one.
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


class Export(View):
    """The rows of a file, streamed: a `row()` for each of `entries()`, under `columns`."""

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.site = request.build_absolute_uri("/").removesuffix("/")

    def get(self, request, *args, **kwargs):
        chunks = self.chunks()
        # The first one is made before anything is sent, so that what fails at once can still say so.
        response = StreamingHttpResponse(chain([next(chunks)], chunks), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = content_disposition_header(True, f"{get_valid_filename(self.name())}.csv")
        patch_cache_control(response, private=True)
        return response

    def chunks(self):
        entries = iter(self.entries())
        yield "\ufeff" + lines([self.columns, *map(self.row, islice(entries, ROWS_OF_A_CHUNK))])
        for some in batched(entries, ROWS_OF_A_CHUNK):
            yield lines(map(self.row, some))

    def facts(self, entry):
        """The cells of an entry under FACTS."""
        facts = entry.metadata
        return [
            facts.get("percent"),
            facts.get("score"),
            PASSED[facts.get("passed")],
            text(entry.content),
            text(self.address(entry.media_url)),
            STATUS[entry.response_status],
            text(entry.instructor_response),
            text(entry.responded_by),
            entry.responded_at and moment(entry.responded_at),
        ]

    def address(self, url):
        """Of a recording or picture: of one that is ours, the whole one."""
        return f"{self.site}{url}" if url and url.startswith("/") else url


class JourneyExport(Export):
    """Every entry that the filters of the journey's page show or count, by second."""

    columns = COLUMNS

    def setup(self, request, *args, video, **kwargs):
        super().setup(request, *args, **kwargs)
        self.video = get_object_or_404(access.videos_taught(request.user), pk=video)
        self.asked = journey_asked(request, self.video)

    def name(self):
        student = self.asked.student
        return " ".join(["Journey", self.video.title[:80], *([str(student)[:40]] if student else [])])

    def entries(self):
        return queries.journey_export(self.asked)

    def row(self, entry):
        """The cells of an entry, in order of COLUMNS: text that people wrote cannot be a formula."""
        return [
            entry.pk,
            moment(entry.created_at),
            entry.activity_date,
            entry.video_timestamp_seconds,
            clock(entry.video_timestamp_seconds),
            text(entry.student),
            entry.student_id,
            entry.kind.label,
            entry.activity_type,
            text(entry.quiz or entry.checkpoint),
            *self.facts(entry),
        ]


class DaysExport(Export, AskingPage):
    """Every entry that the filters of a student's days find, oldest first."""

    columns = DAYS_COLUMNS

    def name(self):
        return f"Days {str(self.student)[:80]}"

    def entries(self):
        return queries.days_export(student=self.student, asked=self.asked)

    def row(self, entry):
        """The cells of an entry, in order of DAYS_COLUMNS."""
        return [
            entry.pk,
            moment(entry.created_at),
            entry.activity_date,
            text(entry.student),
            entry.student_id,
            entry.kind.label,
            entry.activity_type,
            text(entry.course),
            text(entry.lesson),
            text(entry.video),
            entry.video and clock(entry.video_timestamp_seconds),
            text(entry.quiz or entry.checkpoint),
            text(entry.goal),
            text(entry.author),
            *self.facts(entry),
        ]


class ClassExport(Export):
    """Everybody in a course, as its page lists them, with how far they are and the best score of each quiz."""

    def setup(self, request, *args, course, **kwargs):
        super().setup(request, *args, **kwargs)
        self.course = get_object_or_404(access.courses_taught(request.user), pk=course)
        self.lessons = list(self.course.lessons.values_list("pk", flat=True)[:LESSONS])
        quizzes = Quiz.objects.filter(lesson__course=self.course).select_related("lesson")
        self.quizzes = list(
            quizzes.order_by("lesson__position", "lesson_id", "video__position", "video_timestamp_seconds", "id")[
                :QUIZZES
            ]
        )
        self.addressed = request.user.is_staff

    @cached_property
    def columns(self):
        address = ["E-mail address"] * self.addressed
        return [*CLASS_COLUMNS, *address, *(text(f"{quiz.lesson}: {quiz}, percent") for quiz in self.quizzes)]

    def name(self):
        return f"Class {self.course.title[:80]}"

    def entries(self):
        for students in queries.everybody_of_course(course=self.course, size=ROWS_OF_A_CHUNK):
            shown = [student.pk for student in students]
            done, silent = lessons_done_by(shown, self.lessons), queries.silences(students=shown)
            best = best_scores([quiz.pk for quiz in self.quizzes], shown)
            for student in students:
                student.done, student.silent = done.get(student.pk, 0), silent.get(student.pk)
                scores = (best.get((student.pk, quiz.pk)) for quiz in self.quizzes)
                student.scores = [None if score is None else number(score) for score in scores]
            yield from students

    def row(self, student):
        """The cells of a student, in order of `columns`."""
        times = student.enrolled_at, student.left_at, student.completed_at
        silent = student.silent
        last = queries.today() - datetime.timedelta(days=silent.days) if silent and silent.acted else None
        return [
            text(student),
            student.pk,
            *(time and moment(time) for time in times),
            student.done,
            len(self.lessons),
            last,
            *[text(student.email)] * self.addressed,
            *student.scores,
        ]


def lines(rows):
    """Rows as lines of CSV, every text in quotation marks: some spreadsheets also split at a semicolon or a tab."""
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_STRINGS).writerows(rows)
    return written.getvalue()


def text(value):
    """What people wrote, as a cell that no spreadsheet takes for a formula."""
    written = str(value or "")
    return f"'{written}" if written.startswith(FORMULA) else written


def number(value):
    """A Decimal as a cell, without zeros at its end."""
    return int(value) if value == int(value) else float(value)


def moment(time):
    """A time to the second with its offset, in the zone whose days are the timeline's."""
    return time.astimezone(DAY_ZONE).isoformat(timespec="seconds")
