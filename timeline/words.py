"""What people write: its four tables, and how pages speak of a row."""

from dataclasses import dataclass

from goals.models import DailyNote, GoalMessage, SuccessProof
from profiles.models import Writing
from reflections.models import Reflection
from timeline.kinds import BY_VALUE, Kind


@dataclass(frozen=True)
class Words:
    """A source table of words; `noun` as in "your note", `kind` for its icon and its group."""

    model: type[Writing]
    noun: str
    kind: Kind

    @property
    def table(self):
        return self.model._meta.db_table


WORDS = {
    words.table: words
    for words in (
        Words(Reflection, "reflection", BY_VALUE["text_reflection"]),
        Words(DailyNote, "note", BY_VALUE["daily_note"]),
        Words(SuccessProof, "proof", BY_VALUE["success_proof"]),
        Words(GoalMessage, "message", BY_VALUE["instructor_message"]),
    )
}


def words_of(row):
    """The Words that a row of one of the tables is."""
    return WORDS[row._meta.db_table]
