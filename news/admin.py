"""Who is mailed news: looked at by staff, and ended; turned on by nobody but the mailbox's owner."""

from django.contrib import admin, messages

from config.admin import AutocompleteFilter, ModelAdmin, ReadOnly
from news.choosing import stop
from news.models import NewsByMail


@admin.action(description="Stop mailing them news")
def end(model_admin, request, queryset):
    ended = 0
    for choice in queryset.filter(due_on__isnull=False):
        stop(choice)
        ended += 1
    model_admin.message_user(request, f"Ended: {ended:,}.", messages.SUCCESS)


@admin.register(NewsByMail)
class NewsByMailAdmin(ReadOnly, ModelAdmin):
    list_display = ("person", "how_often", "email", "confirmed_at", "due_on")
    list_filter = (("person", AutocompleteFilter),)
    list_select_related = ("person",)
    fields = ("person", "how_often", "email", "asked_at", "asked", "confirmed_at", "told_until", "due_on")
    search_fields = ("person__full_name", "person__email")
    search_help_text = "Part of the person's name or e-mail address."
    actions = (end,)
