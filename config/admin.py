"""What the admin's pages share: the site, lists of large tables, and saving while students write."""

import itertools

from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget, AutocompleteSelect
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.contrib.contenttypes.models import ContentType
from django.core import paginator
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.db import DatabaseError, DataError, connections, models, router, transaction
from django.db.models import DB_CASCADE, DB_SET_NULL
from django.http import HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.text import capfirst

from config import files
from config.counts import capped
from config.forms import SplitMomentField

COUNT_LIMIT = 10_000  # rows; a list is counted and paged through that far, and no further
ATTEMPTS = 3  # at a change that loses its races with students' writes
PAGES = {  # a row's page on the site
    "profiles.Profile": "student_days",
    "courses.Course": "course",
    "courses.Video": "video_journey",
    "courses.Quiz": "quiz",
}
NAMES = {"profiles.Profile": "Students, instructors and staff"}  # on the index, where the table's says less
SECTIONS = {
    "People": ["profiles.Profile", "news.NewsByMail"],
    "Catalogue": [
        "courses.Course",
        "courses.Lesson",
        "courses.Video",
        "courses.Checkpoint",
        "courses.Quiz",
        "courses.QuizQuestion",
    ],
    "Learning": [
        "courses.Enrollment",
        "courses.LessonCompletion",
        "courses.VideoProgress",
        "courses.CheckpointReached",
        "courses.QuizAttempt",
    ],
    "Writings": ["reflections.Reflection", "goals.DailyNote", "goals.SuccessProof", "goals.GoalMessage"],
    "Goals": [
        "goals.Goal",
        "goals.GoalHistory",
        "goals.GoalMilestone",
        "goals.GoalProposal",
        "goals.GoalCorrection",
        "goals.SharedStory",
        "goals.Congratulation",
    ],
    "Timeline": ["timeline.Activity"],
}


def soft_reverse(name, *args):
    """The address of a page, or None on a site that has no such page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return None


def change_url(row):
    """The address of a row's page in the admin."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=(quote(row.pk),))


def change_link(row):
    return format_html('<a href="{}">{}</a>', change_url(row), row)


def shortened(text, length=80):
    """The beginning of a text, on one line."""
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


class Site(admin.AdminSite):
    """The admin: one log-in for the whole site, and an index by what staff come for."""

    site_title = site_header = "Student Activity Timeline"
    index_title = "Administration"
    enable_nav_sidebar = False  # the lists need the room

    @method_decorator(login_not_required)
    def login(self, request, extra_context=None):
        """Send a stranger to the site's own log-in; refuse whoever is logged in but not staff."""
        target = request.GET.get("next") or reverse("admin:index", current_app=self.name)
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(target, settings.LOGIN_URL)

    def get_app_list(self, request, app_label=None):
        found = super().get_app_list(request, app_label)
        if app_label is not None:
            return found
        section_of = {name: section for section, names in SECTIONS.items() for name in names}
        order = {name: place for place, name in enumerate(section_of)}
        sections = dict.fromkeys(SECTIONS)
        for app in found:
            for entry in app["models"]:
                label = entry["model"]._meta.label
                section = section_of.get(label, app["name"])
                if sections.get(section) is None:
                    sections[section] = {**app, "name": section, "models": []}
                entry["name"] = NAMES.get(label, entry["name"])
                sections[section]["models"].append(entry)
        for section in filter(None, sections.values()):
            section["models"].sort(key=lambda entry: order.get(entry["model"]._meta.label, len(order)))
        return [section for section in sections.values() if section]


class BoundedCount(int):
    """A number of rows, exact up to COUNT_LIMIT; anything above is written "10,000+"."""

    def __str__(self):
        return capped(int(self), COUNT_LIMIT)


def bounded_count(queryset):
    """Count rows without reading more than COUNT_LIMIT + 1 of them."""
    return BoundedCount(queryset[: COUNT_LIMIT + 1].count())


class Paginator(paginator.Paginator):
    """Pages through the first COUNT_LIMIT rows; a search or a filter brings the others within reach."""

    @cached_property
    def count(self):
        return bounded_count(self.object_list)

    @cached_property
    def num_pages(self):
        rows = min(self.count, COUNT_LIMIT)
        return -(-rows // self.per_page) or int(self.allow_empty_first_page)

    def page(self, number):
        """Go to the page by keys alone; what is joined for display is joined only for the rows shown."""
        page = super().page(number)
        keys = list(page.object_list.values_list("pk", flat=True))
        page.object_list = self.object_list.filter(pk__in=keys)
        return page


def hanging_on(rows):
    """What the database erases or unlinks together with `rows`, a queryset of one model.

    Returns:
        Two dicts {model: querysets}, one for each way that leads there: the rows
        of other models that go too, and those that stay without their reference.
    """
    paths, unlinked = {}, {}
    pending = [rows]
    while pending:
        parents = pending.pop()
        for relation in parents.model._meta.related_objects:
            if relation.on_delete not in (DB_CASCADE, DB_SET_NULL):
                continue
            children = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": parents})
            if relation.on_delete is DB_SET_NULL:
                unlinked.setdefault(relation.related_model, []).append(children)
            else:
                paths.setdefault(relation.related_model, []).append(children)
                pending.append(children)
    return paths, unlinked


def erased_with(rows):
    """What `hanging_on` finds, counted: two dicts {model: bounded count}, without models that have none."""

    def counts(found):
        counted = {}
        for model, ways in found.items():
            # One row may hang on `rows` in several ways: count it once.
            first, *others = [way.values("pk").order_by()[: COUNT_LIMIT + 1] for way in ways]
            counted[model] = BoundedCount((first.union(*others) if others else first).count())
        return {model: count for model, count in counted.items() if count}

    paths, unlinked = hanging_on(rows)
    erased = counts(paths)
    return erased, {model: count for model, count in counts(unlinked).items() if model not in erased}


def discard_files_with(rows):
    """Discard the files of what the database erases together with `rows`; those beyond COUNT_LIMIT wait for a sweep."""
    paths, _ = hanging_on(rows)
    for model, ways in paths.items():
        for field, way in itertools.product(files.file_fields(model), ways):
            for name in way.values_list(field.name, flat=True).order_by()[:COUNT_LIMIT]:
                files.discard(field, name)


# SQLSTATEs of a writer that lost a race: lock_not_available, deadlock_detected, serialization_failure.
LOST_RACES = {"55P03", "40P01", "40001"}
REFUSALS = {
    "55P03": "Students are using this at the moment, so it could not be changed. Nothing was saved: try again.",
    "40P01": "Somebody else was changing the same thing. Nothing was saved: try again.",
    "40001": "Somebody else was changing the same thing. Nothing was saved: try again.",
    "57014": "The change took too long and was given up. Nothing was saved.",
    "23503": "Something that this refers to does not exist, or belongs elsewhere. Nothing was saved.",
    "23505": "There is already one like this. Nothing was saved.",
}


def refusal(error):
    """Why the database refused to save, in words for a person; None if `error` is a fault of ours."""
    state = getattr(error.__cause__, "sqlstate", None) or ""
    if state in REFUSALS:
        return REFUSALS[state]
    if not state.startswith(("22", "23")):
        return None
    name = error.__cause__.diag.constraint_name
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if constraint.name == name:
                return constraint.get_violation_error_message()
    return f"The database refused this: {error.__cause__.diag.message_primary}."


def save_with_patience(request, view, refuse):
    """Run a view that writes in one transaction; again if it lost a race.

    Args:
        view: a function without arguments that returns a response.
        refuse: a function of a message that returns the response when nothing could be saved.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                return view()
        except DatabaseError as error:
            message = refusal(error)
            if message is None:
                raise
            lost = error.__cause__.sqlstate in LOST_RACES
            if not lost or attempt == ATTEMPTS:
                break
    return refuse(message)


class ReadableChangeList(ChangeList):
    """A list; of a filter that only the query finds to be none, it says so."""

    def get_results(self, request):
        try:
            super().get_results(request)
        except (DataError, ValidationError, ValueError, OverflowError, IndexError) as error:
            if not self.filter_params:
                raise
            raise BadRequest("A filter in the address cannot be read. Choose it anew.") from error


class KeySelect(AutocompleteSelect):
    """A field to type in; a value that is no key is a row that is not there, while in Django it is an error."""

    def optgroups(self, name, value, attrs=None):
        return super().optgroups(name, [each for each in value if is_key(self.field, each)], attrs)


def is_key(field, value):
    """Whether a row that the foreign key `field` refers to could have this key."""
    try:
        field.target_field.to_python(value)
    except ValidationError:
        return False
    return True


class FieldsMixin:
    """How a model's fields become a form's, on a page and in its inlines."""

    one_line = ("title", "full_name", "url", "media_url", "sentiment")
    few_lines = ("description", "prompt", "explanation")

    def get_autocomplete_fields(self, request):
        """Never a list of a hundred thousand students to choose from."""
        return [
            field.name
            for field in self.opts.get_fields()
            if isinstance(field, models.ForeignKey) and self.admin_site.is_registered(field.remote_field.model)
        ]

    def formfield_for_foreignkey(self, db_field, request, **options):
        if db_field.name in self.get_autocomplete_fields(request):
            options.setdefault("widget", KeySelect(db_field, self.admin_site, using=options.get("using")))
        return super().formfield_for_foreignkey(db_field, request, **options)

    def formfield_for_dbfield(self, db_field, request, **options):
        if isinstance(db_field, models.TextField) and not db_field.choices:
            if db_field.name in self.one_line:
                options.setdefault("widget", AdminTextInputWidget(attrs={"class": "vLargeTextField"}))
            elif db_field.name in self.few_lines:
                options.setdefault("widget", AdminTextareaWidget(attrs={"rows": 3}))
            if db_field.null:
                options.setdefault("empty_value", None)
        if isinstance(db_field, models.DateTimeField):
            options.setdefault("form_class", SplitMomentField)
        # Forms know nothing of database defaults.
        if db_field.has_db_default() and not db_field.null and not db_field.primary_key:
            if isinstance(db_field, models.DateTimeField):
                options.setdefault("initial", timezone.now)
                options.setdefault("show_hidden_initial", True)
            elif not hasattr(db_field.db_default, "resolve_expression"):
                options.setdefault("initial", db_field.db_default)
        return super().formfield_for_dbfield(db_field, request, **options)


class ModelAdmin(FieldsMixin, admin.ModelAdmin):
    """Pages of a table that may be large.

    Lists are ordered, searched and filtered only by what an index serves, and
    so without date hierarchies and without sorting by column.
    """

    paginator = Paginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    list_per_page = 50
    list_max_show_all = 0
    ordering = ("-id",)  # UUIDv7: newest first

    @property
    def media(self):
        filters = forms.Media(
            css={"all": ["css/admin-filters.css"]}, js=["admin/js/jquery.init.js", "js/admin-filters.js"]
        )
        return super().media + AutocompleteSelect(None, self.admin_site).media + filters

    def view_on_site(self, row):
        page = PAGES.get(row._meta.concrete_model._meta.label)
        return page and soft_reverse(page, row.pk)

    # Saving: all or nothing, and never an error page for what the database refuses.

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        def view():
            return super(ModelAdmin, self).changeform_view(request, object_id, form_url, extra_context)

        def refuse(message):
            request.refusal = message
            return view()

        return save_with_patience(request, view, refuse) if request.method == "POST" else view()

    def get_form(self, request, obj=None, change=False, **options):
        """After a refusal the form comes back as it was filled in, with the reason."""
        form = super().get_form(request, obj, change=change, **options)
        message = getattr(request, "refusal", None)
        if message is None:
            return form

        def clean(self):
            form.clean(self)
            self.add_error(None, message)

        return type(form)(form.__name__, (form,), {"clean": clean})

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        # Deferred foreign keys speak up now, before anybody is told that all is saved.
        connections[router.db_for_write(self.model)].check_constraints()

    def delete_model(self, request, obj):
        discard_files_with(self.model._base_manager.filter(pk=obj.pk))
        super().delete_model(request, obj)

    def delete_queryset(self, request, queryset):
        discard_files_with(self.model._base_manager.filter(pk__in=queryset.order_by().values("pk")))
        super().delete_queryset(request, queryset)

    def _with_patience_or_back(self, request, view):
        def refuse(message):
            self.message_user(request, message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

        return save_with_patience(request, view, refuse) if request.method == "POST" else view()

    def delete_view(self, request, object_id, extra_context=None):
        return self._with_patience_or_back(
            request, lambda: super(ModelAdmin, self).delete_view(request, object_id, extra_context)
        )

    def get_changelist(self, request, **options):
        return ReadableChangeList

    def changelist_view(self, request, extra_context=None):
        filters = [value for name, values in request.GET.lists() if name != SEARCH_VAR for value in values]
        if any("\0" in value for value in filters):
            raise BadRequest("A filter in the address holds a character that nothing here can hold. Choose it anew.")
        return self._with_patience_or_back(
            request, lambda: super(ModelAdmin, self).changelist_view(request, extra_context)
        )

    def response_action(self, request, queryset, **options):
        # Read as Django does, to whom "yes" is a tick, too.
        across = self.action_form.base_fields["select_across"].to_python(request.POST.get("select_across"))
        if across and bounded_count(queryset) > COUNT_LIMIT:
            self.message_user(
                request, f"Choose at most {COUNT_LIMIT:,} at once: search or filter first.", messages.WARNING
            )
            return None
        try:
            return super().response_action(request, queryset, **options)
        except ValidationError as error:  # of what should be ids
            raise BadRequest("What was chosen is not in this list. Reload it and choose again.") from error

    def get_search_results(self, request, queryset, search_term):
        return super().get_search_results(request, queryset, search_term.replace("\0", ""))

    def get_deleted_objects(self, objs, request):
        """What a deletion erases, counted by kind: the database cascades, so Django does not know."""
        rows = list(objs)
        queryset = self.model._base_manager.filter(pk__in=[row.pk for row in rows])
        erased, unlinked = erased_with(queryset)
        counts = {self.opts.verbose_name_plural: BoundedCount(len(rows))}
        counts |= {model._meta.verbose_name_plural: count for model, count in erased.items()}
        counts |= {
            f"{model._meta.verbose_name_plural} that stay, without this name": count
            for model, count in unlinked.items()
        }
        forbidden = {self.opts.verbose_name for row in rows if not self.has_delete_permission(request, row)}
        kind = capfirst(self.opts.verbose_name)
        return [format_html("{}: {}", kind, change_link(row)) for row in rows], counts, forbidden, []


class RowsOfInline(FieldsMixin):
    extra = 0
    show_change_link = True


class TabularInline(RowsOfInline, admin.TabularInline):
    pass


class StackedInline(RowsOfInline, admin.StackedInline):
    pass


def locked_in_order(rows, students="student"):
    """The keys of these rows, which are locked in the order in which everybody locks `students` (docs/locks.md)."""
    ordered = rows.order_by(students, "pk").select_for_update(no_key=True, of=("self",))
    return list(ordered.values_list("pk", flat=True))


class OfStudentAdmin(ModelAdmin):
    """Rows that belong to a student: found by the student, and never moved to another one."""

    search_fields = ("student__full_name", "student__email")
    search_help_text = "Part of the student's name or e-mail address."

    def get_readonly_fields(self, request, obj=None):
        readonly = tuple(super().get_readonly_fields(request, obj))
        return (*readonly, "student") if obj else readonly

    def delete_queryset(self, request, queryset):
        locked_in_order(queryset)
        super().delete_queryset(request, queryset)

    def log_deletions(self, request, queryset):
        """Without words and names: when the student is erased, nobody could tell that they were theirs."""
        kind = ContentType.objects.get_for_model(self.model)
        LogEntry.objects.bulk_create(
            LogEntry(
                user=request.user,
                content_type=kind,
                object_id=row.pk,
                object_repr=self.opts.verbose_name,
                action_flag=DELETION,
            )
            for row in queryset
        )


class ReadOnly:
    """A page of rows that staff look at, and do not write."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False


class RecordAdmin(ReadOnly, OfStudentAdmin):
    """Rows that are measured, not written: to be looked at, or erased."""


@admin.action(description="Hide from every timeline")
def hide(model_admin, request, queryset):
    hidden = set_hidden(queryset.filter(hidden_at__isnull=True), timezone.now())
    model_admin.message_user(request, f"Hidden: {hidden:,}.", messages.SUCCESS)


@admin.action(description="Show again")
def unhide(model_admin, request, queryset):
    shown = set_hidden(queryset.filter(hidden_at__isnull=False), None)
    model_admin.message_user(request, f"Shown again: {shown:,}.", messages.SUCCESS)


def set_hidden(words, at):
    return words.model.objects.filter(pk__in=locked_in_order(words)).update(hidden_at=at)


class HiddenFilter(admin.SimpleListFilter):
    title = "visibility"
    parameter_name = "hidden"

    def lookups(self, request, model_admin):
        return [("yes", "Hidden")]

    def queryset(self, request, queryset):
        return queryset.filter(hidden_at__isnull=False) if self.value() == "yes" else queryset


class WritingAdmin(OfStudentAdmin):
    """What people wrote: their words stay theirs; staff hide, show or erase them."""

    actions = (hide, unhide)
    words = ("content", "media_type", "media_url", "media_duration_seconds", "created_at")

    def get_readonly_fields(self, request, obj=None):
        readonly = tuple(super().get_readonly_fields(request, obj))
        return (*readonly, *self.words) if obj else readonly

    @admin.display(description="words")
    def excerpt(self, row):
        return shortened(row.content) or row.get_media_type_display()

    @admin.display(description="visible", boolean=True)
    def is_visible(self, row):
        return row.hidden_at is None


class FilterSelect(KeySelect):
    """A field to type in that says, while it is empty, what is listed."""

    def build_attrs(self, *args, **options):
        return super().build_attrs(*args, **options) | {"data-placeholder": f"Any {self.field.verbose_name}"}


class AutocompleteFilter(admin.FieldListFilter):
    """A filter by a foreign key, as a field to type in: `?student=<id>`; none where there is nothing to choose."""

    template = "admin/field_filter.html"

    def __init__(self, field, request, params, model, model_admin, field_path):
        if not any(params.get(field_path, ())):
            params.pop(field_path, None)
        super().__init__(field, request, params, model, model_admin, field_path)
        self.admin_site = model_admin.admin_site
        self.rows = field.remote_field.model._default_manager.all()

    def expected_parameters(self):
        return [self.field_path]

    def has_output(self):
        return bool(self.value) or self.rows.exists()

    @property
    def value(self):
        return self.used_parameters.get(self.field_path, [None])[-1]

    def choices(self, changelist):
        widget = FilterSelect(self.field, self.admin_site, attrs={"aria-label": f"Filter by {self.title}"})
        widget.choices = forms.ModelChoiceField(self.rows, required=False).choices
        drawn = widget.render(self.field_path, self.value, attrs={"id": f"filter-{self.field_path}"})
        yield filter_field(changelist, self.field_path, drawn)


def filter_field(changelist, parameter, drawn):
    """What `admin/field_filter.html` shows: the field, what else the address says, and the way back."""
    others = [
        (name, value)
        for name, values in changelist.filter_params.items()
        for value in (values if isinstance(values, list) else [values])
        if name != parameter
    ]
    return {
        "field": drawn,
        "others": others,
        "without": changelist.get_query_string(remove=[parameter]),
        "selected": parameter in changelist.filter_params,
    }
