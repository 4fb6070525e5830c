"""Erasing a person: every row that is theirs, their files, and whatever else names them (docs/decisions/0035)."""

import json
import re

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import CharField, Q
from django.db.models.functions import Cast

from config.files import discard, file_fields
from privacy.holdings import account_types, own_lookups, own_rows
from profiles.models import Profile, Writing
from uploads.models import Upload
from uploads.store import naming
from xapi.erased import erase_actors
from xapi.loading import retrying

TIME_LIMIT = "10min"  # of one statement; a web request has less otherwise (config.wsgi)
# For any lock, once the person's is held: whoever has a row and waits for the person (profiles/writing.py) has it until
# this gives way, and is killed if it still waits after a second of theirs, which may have begun long ago.
PATIENCE = "50ms"
NOBODY = "erased"


@retrying
def erase(person):
    """Erase a profile and all that is theirs, in one transaction; their files once it is committed.

    What they wrote to others stays, without their name, except for what nobody
    was shown.  Erasing them again does nothing.  Whoever writes about them
    meanwhile has written before, and it is erased, or is refused.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [TIME_LIMIT])
    # For what is being written to be there when it is looked for (docs/locks.md).
    person = Profile.objects.select_for_update().filter(pk=person.pk).first()
    if person is None:
        return
    erase_actors(person)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
    _erase_unsaid(person)
    _clear_admin_log(person)
    for model in (AccessAttempt, AccessFailureLog, AccessLog):
        model.objects.filter(username=person.email or "").delete()
    for model in own_lookups():
        for field in file_fields(model):
            for name in own_rows(model, person).values_list(field.attname, flat=True).iterator():
                discard(field, name)
    Profile.objects.filter(pk=person.pk).delete()


def _erase_unsaid(person):
    """What they wrote to others and took back, and files that they sent with no words."""
    for model in apps.get_models():
        if issubclass(model, Writing) and any(field.name == "author" for field in model._meta.fields):
            model.objects.filter(author=person, hidden_at__isnull=False).delete()
    Upload.objects.filter(~naming(), owner=person).exclude(student=person).delete()


def _clear_admin_log(person):
    """Entries about them and their rows go; from others, their name and address.

    Not from those of before they were here: whoever makes their own account gives themself any name, "Course" too.
    """
    LogEntry.objects.filter(content_type__in=account_types(), object_id=str(person.pk)).delete()
    for model in own_lookups():
        keys = own_rows(model, person).annotate(key=Cast("pk", CharField())).values("key")
        kind = ContentType.objects.get_for_model(model)
        LogEntry.objects.filter(content_type=kind, object_id__in=keys).delete()
    names = [name for name in (person.full_name, person.email) if name]
    spellings = {spelling for name in names for spelling in (name, json.dumps(name)[1:-1])}
    if not spellings:
        return
    told = Q()
    for spelling in spellings:
        told |= Q(object_repr__icontains=spelling) | Q(change_message__icontains=spelling)
    longest_first = sorted(spellings, key=len, reverse=True)  # a name may be how the address begins
    pattern = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)
    for entry in LogEntry.objects.filter(told, action_time__gte=person.created_at).iterator():
        entry.object_repr = pattern.sub(NOBODY, entry.object_repr)
        entry.change_message = pattern.sub(NOBODY, entry.change_message)
        entry.save(update_fields=["object_repr", "change_message"])
