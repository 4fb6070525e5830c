"""What forms for words share: a row that is written once, together with its file."""

from functools import partial

from django.core.exceptions import ValidationError
from django.db import transaction

from profiles.writing import new_id
from uploads.store import media_of, store

SENT_BEFORE = (
    "This form was already sent, with other words or with words that you have hidden since. "
    "What you see here is not saved yet: send it again to keep it as well."
)


def write_with_file(form, write, *, owner, student, media=None):
    """The row that `write(id=, text=, **media)` writes of a valid form; whether it has the form's words and file."""
    found, media = form.cleaned_data, media or {}
    with transaction.atomic():
        if found["attachment"]:
            media = media_of(store(found["attachment"], owner=owner, student=student))
        row = write(id=found["id"], text=found["text"], **media)
        if media and row.media_url != media["media_url"]:
            transaction.set_rollback(True)  # the row was there, with the file that it had then
    return row, row.content == found["text"] and row.media_type == media.get("media_type")


def written(form, write, *, owner, student, media=None):
    """The row that `write(id=, student=, text=, **media)` writes of a valid form.

    None, with an error in the form, if it cannot be written or is another one by now.
    """
    try:
        row, is_same = write_with_file(form, partial(write, student=student), owner=owner, student=student, media=media)
    except ValidationError as error:
        taken = getattr(error, "code", None) == "taken"
        form_is_renewed = form.fields["id"].error_messages["invalid"]
        form.add_error("id" if taken else "text", form_is_renewed if taken else error.messages)
        return None
    if row.hidden_at or not is_same:
        form.add_error("id", SENT_BEFORE)
        return None
    return row


def file_lost(request, form, is_renewed=False):
    """Whether a browser must be given anew a file with which nothing is wrong.

    static/js/attach.js keeps that of a form which comes back as the same one.
    """
    return bool(request.FILES) and "attachment" not in form.errors and (is_renewed or not request.htmx)


def renewed(form):
    """The form with a new id, if there is something wrong with the one that was sent; whether that was so."""
    if "id" not in form.errors:
        return False
    form.data = form.data.copy()
    form.data["id"] = str(new_id())
    return True
