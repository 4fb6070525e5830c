"""The timeline, to be looked at: every row is written by the database."""

import datetime

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.widgets import AdminTextInputWidget
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import capfirst

from config.admin import AutocompleteFilter, ModelAdmin, ReadOnly, change_link, filter_field, shortened, soft_reverse
from timeline.kinds import KINDS
from timeline.models import DAY_ZONE, Activity

SOURCES = {model._meta.db_table: model for model in apps.get_models() if not model._meta.proxy}

# Every list is a walk along one index, in its order.  It is narrowed first by what stands
# first in the index; filters that this index cannot help are offered only then.
WALKS = {
    "student": ("-activity_date", "-created_at", "-id"),  # idx_student_date
    "video": ("activity_type", "video_timestamp_seconds", "id"),  # idx_video_kind
    "waiting": ("-course_id", "-created_at", "-id"),  # idx_response_status
    "all": ("-id",),  # the primary key, which begins with the time of the source row
}


def walk(request):
    """Which of WALKS the list of a request follows."""
    for name in ("student", "video"):
        if request.GET.get(name):
            return name
    return "waiting" if request.GET.get("status") == "pending" else "all"


def is_short(request):
    """Whether the list is one student's, and short enough to look through; a popular video's is not."""
    return walk(request) == "student"


def has_kinds(request):
    """Whether the list can be narrowed to a kind: it is short, or its index has them first."""
    return is_short(request) or walk(request) == "video"


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request, model_admin):
        return [(kind.value, kind.label) for kind in KINDS] if has_kinds(request) else []

    def queryset(self, request, queryset):
        return queryset.filter(activity_type=self.value()) if self.value() and has_kinds(request) else queryset


class StatusFilter(admin.SimpleListFilter):
    title = "answer"
    parameter_name = "status"

    def lookups(self, request, model_admin):
        if walk(request) == "video":
            return []
        return [("pending", "Waiting for one"), *([("responded", "Answered")] if is_short(request) else [])]

    def queryset(self, request, queryset):
        served = {value for value, _ in self.lookup_choices}
        return queryset.filter(response_status=self.value()) if self.value() in served else queryset


class CourseFilter(AutocompleteFilter):
    """Waiting entries are indexed by course; a student's are few enough to look through."""

    def __init__(self, field, request, *args, **options):
        self.serves = walk(request) in ("student", "waiting")
        super().__init__(field, request, *args, **options)

    def has_output(self):
        return self.serves

    def queryset(self, request, queryset):
        return super().queryset(request, queryset) if self.serves else queryset


class DayFilter(admin.ListFilter):
    """One day of New York, `?day=2025-03-15`."""

    title = "day"
    template = "admin/field_filter.html"
    parameter = "day"

    def __init__(self, request, params, model, model_admin):
        super().__init__(request, params, model, model_admin)
        self.value = params.pop(self.parameter, [""])[-1]
        self.serves = is_short(request)

    def has_output(self):
        return self.serves

    def expected_parameters(self):
        return [self.parameter]

    def choices(self, changelist):
        widget = AdminTextInputWidget(attrs={"type": "date", "aria-label": "Day", "id": "filter-day"})
        yield filter_field(changelist, self.parameter, widget.render(self.parameter, self.value)) | {"button": "Show"}

    def queryset(self, request, queryset):
        if not (self.serves and self.value):
            return queryset
        try:
            day = datetime.date.fromisoformat(self.value)
        except ValueError as error:
            raise IncorrectLookupParameters(error) from error
        return queryset.filter(activity_date=day)


@admin.register(Activity)
class ActivityAdmin(ReadOnly, ModelAdmin):
    list_display = ("when", "who", "kind", "what", "place", "response_status", "source", "day")
    list_select_related = ("student", "course", "video", "lesson", "goal", "quiz")
    list_filter = (
        ("student", AutocompleteFilter),
        ("video", AutocompleteFilter),
        StatusFilter,
        ("course", CourseFilter),
        KindFilter,
        DayFilter,
    )
    actions = None

    fieldsets = [
        (None, {"fields": ("student", "kind", "created_at", "day")}),
        ("Where", {"fields": ("course", "lesson", "video", "video_timestamp_seconds", "goal", "quiz")}),
        ("Content", {"fields": ("content", "media_type", "media_url", "media_duration_seconds")}),
        (
            "Answer",
            {"fields": ("requires_response", "response_status", "instructor_response", "responded_by", "responded_at")},
        ),
        ("Source", {"fields": ("source", "metadata", "id")}),
    ]

    def get_ordering(self, request):
        return WALKS[walk(request)]

    def has_delete_permission(self, request, obj=None):
        return False

    @admin.display(description="when")
    def when(self, entry):
        return date_format(timezone.localtime(entry.created_at, DAY_ZONE), "DATETIME_FORMAT")

    @admin.display(description="student")
    def who(self, entry):
        return change_link(entry.student)

    @admin.display(description="kind")
    def kind(self, entry):
        return entry.kind.label

    @admin.display(description="where")
    def place(self, entry):
        return entry.video or entry.course

    @admin.display(description="what")
    def what(self, entry):
        return shortened(entry.content or "") or entry.quiz or entry.goal or entry.lesson

    @admin.display(description="source")
    def source(self, entry):
        """The row that the entry was made from, on its own page."""
        model = SOURCES[entry.source_table]
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=(entry.source_id,))
        return format_html('<a href="{}">{}</a>', address, capfirst(model._meta.verbose_name))

    @admin.display(description="day")
    def day(self, entry):
        """The student's day on the site, where the site has such a page."""
        address = soft_reverse("student_day", entry.student_id, entry.activity_date)
        return format_html('<a href="{}">{}</a>', address, entry.activity_date) if address else entry.activity_date
