"""Statements in the admin: to be read and looked up, never changed; quick with millions of them."""

import contextlib
import json
import uuid

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from config.admin import ModelAdmin, ReadOnly
from xapi.models import Statement
from xapi.statements import derived_id


@admin.register(Statement)
class StatementAdmin(ReadOnly, ModelAdmin):
    list_display = ["timestamp", "actor", "verb_name", "object", "course"]
    search_fields = ["id"]
    search_help_text = (
        "A statement's id, or the whole identifier of an actor (e-mail address, or home page and account name with a "
        "space between), of a video or of a course. Up to 10,000 statements are listed."
    )
    fields = ["id", "timestamp", "actor", "student", "verb", "object", "course", "stored", "json"]
    readonly_fields = fields

    def has_delete_permission(self, request, obj=None):
        return False

    def get_ordering(self, request):
        """What is searched for in order of time; everything in that of its ids, which needs no other index."""
        return ["timestamp", "id"] if request.GET.get("q") else ["id"]

    def get_search_results(self, request, queryset, search_term):
        """What the term names: one thing, so that one index finds its statements, a course's in order of time."""
        term = search_term.strip()
        if not term:
            return queryset, False
        with contextlib.suppress(ValueError):
            return queryset.filter(id=uuid.UUID(term)), False
        people = [derived_id("person", identifier) for identifier in (term, term.lower(), f"mailto:{term.lower()}")]
        for named in (
            {"agent_id__in": people},
            {"video_id": derived_id("video", term)},
            {"course_id": derived_id("course", term)},
        ):
            if queryset.filter(**named).order_by().exists():
                return queryset.filter(**named), False
        return queryset.none(), False

    @admin.display(description="verb")
    def verb_name(self, statement):
        return statement.verb.rstrip("/").rpartition("/")[2]

    @admin.display(description="student")
    def student(self, statement):
        profile = statement.agent.profile
        if profile is None:
            return "not yet found or made"
        if not self.admin_site.is_registered(type(profile)):
            return str(profile)
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:profiles_profile_change", args=[profile.pk]), str(profile)
        )

    @admin.display(description="statement")
    def json(self, statement):
        return format_html("<pre>{}</pre>", json.dumps(statement.statement, indent=2, ensure_ascii=False))
