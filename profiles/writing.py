"""What people write in pages: checked, written once, edited, hidden and brought back.

The page that shows a form makes the row's id, so that a form sent twice (a
double click, a retry after a lost answer) is one row.
"""

import unicodedata

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from profiles.models import CONTENT_LIMIT

HIDDEN = ("Cc", "Cf")  # Unicode's categories of control and format characters
JOINERS = "\u200c\u200d"  # of these, what Persian and Indian names are spelt with
FILLERS = "\u115f\u1160\u3164\uffa0"  # letters, to Unicode, of which nothing is seen


class WritingConflict(Exception):
    """The row has changed since the form was made; `row` is what stands now."""

    def __init__(self, row):
        super().__init__("These words have changed since you opened them.")
        self.row = row


def words(text, limit=CONTENT_LIMIT):
    """`text` as it is kept: trimmed, lines ending in a line feed; ValidationError, in the writer's words, if unfit."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if "\0" in text:
        raise ValidationError("The text holds a character that cannot be kept. Write the text again without it.")
    if len(text) > limit:
        raise ValidationError(f"That is {len(text):,} characters; at most {limit:,} can be kept.")
    return text


def name_of(text):
    """A person's name as it is kept: on one line, without what nobody sees in it or what turns the text after it round.

    "" if there is neither a letter nor a digit in it.
    """
    kept = (each for each in text if each in JOINERS or each.isspace() or unicodedata.category(each) not in HIDDEN)
    name = " ".join("".join(kept).split())
    return name if any(each.isalnum() and each not in FILLERS for each in name) else ""


def new_id():
    """The id of a row that a form will write: a UUIDv7 of the database, as its own rows have."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT uuidv7()")
        return cursor.fetchone()[0]


def written_by(model, person):
    """The rows of `model` (a Writing) whose words are the person's: an author's if it has one, else its student's."""
    return model.objects.filter(**{_writer(model): person})


def _writer(model):
    return "author" if any(field.name == "author" for field in model._meta.fields) else "student"


def write_once(row):
    """Insert `row`, whose id the form made; if it is there already, return the one that is there.

    ValidationError if the row breaks a rule of its table, or if another
    person's row has that id.
    """
    row.full_clean(exclude=[field.name for field in row._meta.fields if field.is_relation], validate_unique=False)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
        return row
    except IntegrityError:
        there = type(row).objects.filter(pk=row.pk).first()
        if there is None or not _same_writer(row, there):
            raise ValidationError("This form cannot be sent. Reload the page and try again.", "taken") from None
        return there


def _same_writer(one, other):
    people = [field.attname for field in one._meta.fields if field.name in {"student", "author"}]
    return all(getattr(one, name) == getattr(other, name) for name in people)


def version(row):
    """The state of a row's words, for a form to carry: "" until they are first edited."""
    return row.edited_at.isoformat() if row.edited_at else ""


def edit(row, text, seen):
    """Change the words of `row` (a Writing) that stand at version `seen`; return the row as it is then.

    Nothing is written if they are the same; WritingConflict if another version
    stands; ValidationError if the text is unfit, or if nothing would be left.
    """
    text = words(text)
    if not text and not row.media_url:
        raise ValidationError("Write something, or hide it instead.")
    with transaction.atomic():
        # Without waiting for a lock on the student first: a trigger takes that one after the row's, as any update does.
        present = type(row).objects.select_for_update().get(pk=row.pk)
        if present.content == text:
            return present
        if version(present) != seen:
            raise WritingConflict(present)
        present.content, present.edited_at = text, timezone.now()
        present.save(update_fields=["content", "edited_at"])
    return present


def hide(row):
    """Take `row` out of every timeline; hiding it again changes nothing."""
    type(row).objects.filter(pk=row.pk, hidden_at=None).update(hidden_at=timezone.now())


def bring_back(row):
    """Show a hidden `row` where it was."""
    type(row).objects.filter(pk=row.pk, hidden_at__isnull=False).update(hidden_at=None)
