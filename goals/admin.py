"""Goals and when each was the current one; and what is written on the way to them."""

from django.contrib import admin
from django.db import connection
from django.db.models import Prefetch
from django.urls import reverse
from django.utils.html import format_html

from config.admin import (
    AutocompleteFilter,
    HiddenFilter,
    ModelAdmin,
    OfStudentAdmin,
    ReadOnly,
    RecordAdmin,
    TabularInline,
    WritingAdmin,
    change_link,
)
from goals.forms import (
    GoalHistoryFormSet,
    GoalMessageForm,
    GoalMilestoneForm,
    GoalMilestoneFormSet,
    GoalPeriodForm,
    GoalPeriodFormSet,
    SuccessProofForm,
)
from goals.models import (
    Congratulation,
    DailyNote,
    Goal,
    GoalCorrection,
    GoalHistory,
    GoalMessage,
    GoalMilestone,
    GoalPeriod,
    GoalProposal,
    SharedStory,
    SuccessProof,
)
from profiles.models import Profile

PATIENCE = "50ms"  # for any lock once the student is held


class GoalPeriodInline(TabularInline):
    model = GoalPeriod
    form = GoalPeriodForm
    formset = GoalPeriodFormSet
    fk_name = "goal"
    fields = ("start", "end")
    show_change_link = False
    verbose_name_plural = "periods in which this was the student's goal"

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("goal").order_by("period")


class GoalHistoryInline(GoalPeriodInline):
    formset = GoalHistoryFormSet
    fk_name = "student"
    fields = ("goal", "start", "end")
    verbose_name_plural = "periods, earliest first"

    def get_autocomplete_fields(self, request):
        return ()  # one student has few goals

    def formfield_for_dbfield(self, db_field, request, **options):
        field = super().formfield_for_dbfield(db_field, request, **options)
        if db_field.name == "goal":
            field.widget = field.widget.widget  # without the buttons that add and change goals
        return field


class GoalMilestoneInline(TabularInline):
    model = GoalMilestone
    form = GoalMilestoneForm
    formset = GoalMilestoneFormSet
    fk_name = "goal"
    fields = ("title", "reached_at")

    def get_queryset(self, request):
        return super().get_queryset(request).order_by("reached_at", "id")


def hold(students):
    """Hold these students (ids); from then on, give way to whoever has a row of theirs and waits for them."""
    list(Profile.objects.select_for_update().filter(pk__in=students).order_by("pk").values_list("pk"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])


class HoldingStudent:
    """Holds the student before anything is read to be changed, as goals.living does (docs/decisions/0002)."""

    def student_id(self, row):
        return row.student_id

    def get_object(self, request, object_id, from_field=None):
        row = super().get_object(request, object_id, from_field)
        if row is None or request.method != "POST" or not connection.in_atomic_block:  # Django's history has none
            return row
        hold([self.student_id(row)])
        return super().get_object(request, object_id, from_field)

    def delete_queryset(self, request, queryset):
        hold(queryset.order_by().values("student"))
        super().delete_queryset(request, queryset)


@admin.register(Goal)
class GoalAdmin(HoldingStudent, OfStudentAdmin):
    list_display = ("title", "student", "target_date", "completed_at")
    list_filter = (("student", AutocompleteFilter),)
    list_select_related = ("student",)
    fields = ("student", "title", "description", "measure", "target_date", "created_at", "completed_at")
    readonly_fields = ("elsewhere",)
    inlines = (GoalPeriodInline, GoalMilestoneInline)

    def get_fields(self, request, obj=None):
        return (*self.fields, "elsewhere") if obj else self.fields

    @admin.display(description="see also")
    def elsewhere(self, goal):
        return format_html(
            '<a href="{}">All periods of {}</a> · <a href="{}?goal={}">Success proofs</a> · '
            '<a href="{}?goal={}">Messages</a>',
            reverse("admin:goals_goalhistory_change", args=(goal.student_id,)),
            goal.student,
            reverse("admin:goals_successproof_changelist"),
            goal.pk,
            reverse("admin:goals_goalmessage_changelist"),
            goal.pk,
        )


@admin.register(GoalHistory)
class GoalHistoryAdmin(HoldingStudent, ModelAdmin):
    list_display = ("__str__", "email", "current_goal")
    search_fields = ("full_name", "email")
    search_help_text = "Part of the student's name or e-mail address."
    ordering = ("full_name", "id")
    fields = readonly_fields = ("full_name", "email")
    inlines = (GoalHistoryInline,)

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        current = GoalPeriod.objects.filter(period__upper_inf=True).select_related("goal")
        return super().get_queryset(request).prefetch_related(Prefetch("goal_periods", current, "current_periods"))

    def student_id(self, student):
        return student.pk

    def lookup_allowed(self, lookup, value, request):
        """As in Django's UserAdmin: what the list finds must not spell out a password's hash."""
        return not lookup.startswith("password") and super().lookup_allowed(lookup, value, request)

    @admin.display(description="current goal")
    def current_goal(self, student):
        return next((change_link(period.goal) for period in student.current_periods), None)


@admin.register(GoalMilestone)
class GoalMilestoneAdmin(HoldingStudent, OfStudentAdmin):
    form = GoalMilestoneForm
    list_display = ("title", "goal", "student", "reached_at")
    list_filter = (("student", AutocompleteFilter), ("goal", AutocompleteFilter))
    list_select_related = ("student", "goal")

    def get_fields(self, request, obj=None):
        return (*(("student",) if obj else ()), "goal", "title", "reached_at")


@admin.register(GoalProposal)
class GoalProposalAdmin(RecordAdmin):
    list_display = ("title", "student", "author", "created_at", "accepted_at", "declined_at")
    list_filter = (("student", AutocompleteFilter),)
    list_select_related = ("student", "author")
    fields = (
        *("student", "author", "title", "measure", "target_date"),
        *("created_at", "accepted_at", "declined_at"),
    )


@admin.register(GoalCorrection)
class GoalCorrectionAdmin(RecordAdmin):
    list_display = ("goal", "student", "author", "created_at", "moved")
    list_filter = (("student", AutocompleteFilter),)
    list_select_related = ("goal", "student", "author")
    fields = ("student", "goal", "author", "created_at", "before", "after", "moved", "reason")


@admin.register(SharedStory)
class SharedStoryAdmin(RecordAdmin):
    """What was shared, to be looked at or ended; the link itself is its student's alone."""

    list_display = ("goal", "student", "course", "community_at", "has_link")
    list_filter = (("student", AutocompleteFilter),)
    list_select_related = ("goal", "student", "course")
    fields = ("student", "goal", "parts", "with_media", "course", "community_at", "has_link", "created_at")

    @admin.display(description="secret link", boolean=True)
    def has_link(self, story):
        return story.link is not None


@admin.register(Congratulation)
class CongratulationAdmin(ReadOnly, ModelAdmin):
    list_display = ("story", "person", "created_at")
    list_select_related = ("story__goal", "story__student", "person")
    fields = ("story", "person", "created_at")
    search_fields = ("person__full_name", "person__email")
    search_help_text = "Part of the name or e-mail address of the person who congratulated."


@admin.register(DailyNote)
class DailyNoteAdmin(WritingAdmin):
    list_display = ("excerpt", "student", "created_at", "is_visible")
    list_filter = (HiddenFilter, ("student", AutocompleteFilter))
    list_select_related = ("student",)
    fields = ("student", *WritingAdmin.words, "hidden_at")


@admin.register(SuccessProof)
class SuccessProofAdmin(WritingAdmin):
    form = SuccessProofForm
    list_display = ("excerpt", "goal", "student", "created_at", "is_visible")
    list_filter = (HiddenFilter, ("student", AutocompleteFilter), ("goal", AutocompleteFilter))
    list_select_related = ("student", "goal")

    def get_fields(self, request, obj=None):
        return (*(("student",) if obj else ()), "goal", *self.words, "hidden_at")


@admin.register(GoalMessage)
class GoalMessageAdmin(WritingAdmin):
    form = GoalMessageForm
    words = ("author", *WritingAdmin.words)
    list_display = ("excerpt", "student", "author", "goal", "created_at", "is_visible")
    list_filter = (
        HiddenFilter,
        ("student", AutocompleteFilter),
        ("author", AutocompleteFilter),
        ("goal", AutocompleteFilter),
    )
    list_select_related = ("student", "author", "goal")
    fields = ("student", "author", "goal", *WritingAdmin.words, "hidden_at")

    def get_changeform_initial_data(self, request):
        return {"author": request.user.pk} | super().get_changeform_initial_data(request)
