"""A person's own words: the entry that a row of them has, and those that they have hidden."""

from django.db import connection
from django.db.models import F, Func, UUIDField, Value

from timeline.access import own_writings
from timeline.keyset import Page
from timeline.models import Activity
from timeline.queries.common import BY_HIDING
from timeline.queries.places import with_uploads
from timeline.words import WORDS

# What a row of each table is shown with.
REFERENCES = {
    "reflections": ["student", "video", "responded_by"],
    "daily_notes": ["student"],
    "success_proofs": ["student", "goal"],
    "goal_messages": ["student", "author", "goal"],
}


def entry_of_words(row):
    """The entry of a row of one of the WORDS; None while it is hidden.  Index: the primary key."""
    asked = {"table": row._meta.db_table, "row": row.pk}
    return next(iter(Activity.objects.raw(ENTRY, asked)), None)


def entry_id_of_words(row):
    """The id of that entry, be it shown or not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT timeline_entry_id(%s, %s, 'entry', 0)", [row._meta.db_table, row.pk])
        return cursor.fetchone()[0]


def with_entry_ids(rows):
    """The same rows of one of the WORDS, each with the `entry_id` of that entry, be it shown or not."""
    arguments = (Value(rows.model._meta.db_table), F("pk"), Value("entry"), Value(0))
    return rows.annotate(entry_id=Func(*arguments, function="timeline_entry_id", output_field=UUIDField()))


ENTRY = "SELECT * FROM student_activity_timeline WHERE id = timeline_entry_id(%(table)s, %(row)s, 'entry', 0)"


def hidden_words(*, by, after=None, size=25):
    """A Page of the rows of all four tables that `by` wrote, has hidden and may bring back, the one hidden last first.

    Indexes: hidden_reflections, hidden_daily_notes, hidden_success_proofs, hidden_goal_messages.
    """
    pages = []
    for table, words in WORDS.items():
        rows = own_writings(by, words.model).filter(hidden_at__isnull=False).select_related(*REFERENCES[table])
        pages.append(BY_HIDING.page(rows, after, size))
    rows = sorted(
        (row for page in pages for row in page.entries), key=lambda row: (row.hidden_at, row.pk), reverse=True
    )
    more = len(rows) > size or any(page.next for page in pages)
    return Page(with_uploads(rows[:size]), BY_HIDING.cursor(rows[size - 1]) if more else None)
