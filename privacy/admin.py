"""People in the admin, with what is held about them: exported, and erased as they themselves would."""

from django.contrib import admin
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.template.response import TemplateResponse
from django.urls import path

from privacy.erasure import erase
from privacy.views import counted, sent
from profiles.admin import ProfileAdmin
from profiles.models import Profile

admin.site.unregister(Profile)


@admin.register(Profile)
class PersonAdmin(ProfileAdmin):
    """Whom staff delete is erased, and comes back with no import."""

    def get_urls(self):
        page = self.admin_site.admin_view(self.data_view)
        return [path("<path:object_id>/data/", page, name="profiles_profile_data"), *super().get_urls()]

    def data_view(self, request, object_id):
        """What is held about a person; a POST downloads it, which the log notes."""
        person = self.get_object(request, unquote(object_id))
        if person is None:
            raise Http404
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        if request.method == "POST":
            self.log_change(request, person, "Downloaded everything that is held about this person.")
            return sent(request, person, "personal-data")
        context = self.admin_site.each_context(request) | {
            "title": "What is held",
            "subtitle": str(person),
            "opts": self.opts,
            "original": person,
            "held": counted(person),
            "may_erase": self.has_delete_permission(request, person),
        }
        return TemplateResponse(request, "admin/profiles/profile/data.html", context)

    def delete_model(self, request, obj):
        erase(obj)

    def delete_queryset(self, request, queryset):
        for person in queryset.order_by("pk"):
            erase(person)

    def log_deletions(self, request, queryset):
        """That somebody was erased, not who."""
        kind = ContentType.objects.get_for_model(Profile)
        LogEntry.objects.bulk_create(
            LogEntry(user=request.user, content_type=kind, object_repr="erased", action_flag=DELETION) for _ in queryset
        )
