"""Reflections: read, answered, hidden."""

from django.contrib import admin

from config.admin import AutocompleteFilter, HiddenFilter, WritingAdmin
from courses.forms import clock
from reflections import answers
from reflections.forms import ReflectionForm
from reflections.models import Reflection


class WaitingFilter(admin.SimpleListFilter):
    title = "answer"
    parameter_name = "answer"

    def lookups(self, request, model_admin):
        return [("waiting", "Waiting for one")]

    def queryset(self, request, queryset):
        if self.value() != "waiting":
            return queryset
        return queryset.filter(responded_at__isnull=True, hidden_at__isnull=True)


@admin.register(Reflection)
class ReflectionAdmin(WritingAdmin):
    form = ReflectionForm
    words = (*WritingAdmin.words, "sentiment", "video", "at")
    list_display = ("excerpt", "student", "moment", "created_at", "is_answered", "is_visible")
    list_filter = (WaitingFilter, HiddenFilter, ("student", AutocompleteFilter), ("video", AutocompleteFilter))
    list_select_related = ("student", "video")

    def get_fieldsets(self, request, obj=None):
        moment = ("video", "at" if obj else "video_timestamp_seconds")
        media = ("media_type", "media_url", "media_duration_seconds")
        signature = ("responded_by", "responded_at", "response_edited_at")
        answer = ("instructor_response", *(signature if obj else ()))
        return [
            (None, {"fields": ("student", moment, "content", "sentiment", "created_at", "hidden_at")}),
            ("Recording or picture", {"fields": media}),
            ("Answer", {"fields": answer}),
        ]

    def get_readonly_fields(self, request, obj=None):
        return (*super().get_readonly_fields(request, obj), "responded_by", "responded_at", "response_edited_at")

    def formfield_for_dbfield(self, db_field, request, **options):
        if db_field.name == "instructor_response":
            options["show_hidden_initial"] = True  # so that the form can tell what was shown from what stands
        return super().formfield_for_dbfield(db_field, request, **options)

    def get_object(self, request, object_id, from_field=None):
        """Locked while it is changed: nobody's answer slips in between."""
        found = super().get_object(request, object_id, from_field)
        if found is None or request.method != "POST":
            return found
        return Reflection.objects.select_for_update().filter(pk=found.pk).first()

    def save_model(self, request, obj, form, change):
        """Whoever changes the answer signs it, as on the site; an answer taken away leaves no signature."""
        if obj.instructor_response != form.answer_before:
            answered = obj.instructor_response is not None
            signature = answers.signature(request.user, edits=obj.responded_at is not None)
            for name, value in (signature if answered else answers.UNSIGNED).items():
                setattr(obj, name, value)
        super().save_model(request, obj, form, change)

    @admin.display(description="at")
    def at(self, reflection):
        second = reflection.video_timestamp_seconds
        return None if second is None else clock(second)

    @admin.display(description="moment")
    def moment(self, reflection):
        return reflection.video and f"{reflection.video}, {self.at(reflection)}"

    @admin.display(description="answered", boolean=True)
    def is_answered(self, reflection):
        return reflection.responded_at is not None
