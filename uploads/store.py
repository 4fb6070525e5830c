"""Storing what people attach to their words, and removing what no words refer to any more."""

import weakref

from django.apps import apps
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, TextField, Value
from django.db.models.functions import Cast, Concat

from profiles.models import Writing
from uploads.checks import Checked, checked
from uploads.models import Upload


def store(file, owner, student):
    """Keep a file that `owner` sent, for words in the timeline of `student`.

    The file goes again if the transaction is rolled back.

    Args:
        file: what a form field holds: as it was sent, or (a document always) what `checks.checked` returned.
        owner, student: Profiles.

    Returns:
        The Upload; `media_of` makes of it what a Writing keeps.

    Raises:
        ValidationError: the file cannot be taken, and why; nothing is kept.
    """
    if not isinstance(file, Checked):
        file = checked(file)
    upload = Upload(owner=owner, student=student, **file.facts)
    with transaction.atomic():
        upload.file.save(file.name, file, save=False)
        remove_unless_committed(upload.file.storage, upload.file.name)
        upload.save(force_insert=True)
    return upload


def media_of(upload):
    """The fields with which a Writing names an upload: media_url, media_type and media_duration_seconds."""
    return {
        "media_url": upload.address,
        "media_type": upload.media_type,
        "media_duration_seconds": upload.duration_seconds,
    }


def remove_unless_committed(storage, name):
    """Remove a stored file unless the present transaction, and each that it is part of, is committed.

    Django tells nobody of a rollback: it forgets what was to be done on commit.
    So that is what holds the file: forgotten, it is finalized.  (What is done
    on commit before it must not fail, which would make Django forget the rest:
    robust=True.)
    """

    class Hold:
        def __call__(self):
            removal.detach()

    hold = Hold()
    removal = weakref.finalize(hold, storage.delete, name)
    transaction.on_commit(hold, robust=True)


def naming(**conditions):
    """A condition on Uploads: that words in its student's timeline name it.

    Args:
        conditions: on those words, for instance hidden_at=None.
    """
    before, after = Value(Upload.BEFORE_ID), Value(Upload.AFTER_ID)
    address = Concat(before, Cast(OuterRef("pk"), TextField()), after, output_field=TextField())
    found = Q()
    for model in apps.get_models():
        if issubclass(model, Writing):
            # Both: the index holds addresses of uploads alone (profiles.models.media_index).
            words = model.objects.filter(
                media_url=address, media_url__startswith=Upload.BEFORE_ID, student=OuterRef("student"), **conditions
            )
            found |= Q(Exists(words))
    return found


def unnamed_uploads(before):
    """The uploads older than the moment `before` that no writing names, hidden ones included."""
    return Upload.objects.filter(~naming(), created_at__lt=before)
