"""Keyset paging: a page starts after the last row of the page before, wherever that row is by now.

A cursor is the row's sort key in the address: "130~0198c0de-…".
"""

import datetime
import uuid
from dataclasses import dataclass

from django.core.exceptions import BadRequest
from django.db.models import BooleanField, F, Func, Value

from profiles.models import YEARS


class BigInt(int):
    """The type of a column of eight bytes."""


class RowComparison(Func):
    """`(a, b) > (1, 2)`: a comparison of rows, which one index condition answers."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, columns, operator, values):
        super().__init__(*map(F, columns), *map(Value, values))
        self.operator = operator

    def as_sql(self, compiler, connection, **extra):
        parts = [compiler.compile(part) for part in self.source_expressions]
        half = len(parts) // 2
        left, right = (", ".join(sql for sql, _ in side) for side in (parts[:half], parts[half:]))
        params = [param for _, part_params in parts for param in part_params]
        return f"({left}) {self.operator} ({right})", params


@dataclass(frozen=True)
class Page:
    """`entries` of one page, in order; `next` is the cursor of the page after it, or None on the last."""

    entries: list
    next: str | None


@dataclass(frozen=True)
class Keyset:
    """An order of rows: `columns` and the type of each (int, BigInt, at most one str, date, datetime or UUID)."""

    columns: tuple[str, ...]
    types: tuple[type, ...]
    descending: bool = False

    SEPARATOR = "~"

    @property
    def sql(self):
        """What follows ORDER BY."""
        return ", ".join(f"{column} DESC" if self.descending else column for column in self.columns)

    def condition(self, *, after=True):
        """What follows WHERE: the rows after a cursor, or those up to it; of `params()`."""
        operator = "<" if self.descending == after else ">"
        values = ", ".join(f"%(after_{column})s" for column in self.columns)
        return f"({', '.join(self.columns)}) {operator}{'' if after else '='} ({values})"

    def params(self, cursor):
        """The values in `condition()`: those of a cursor."""
        return {f"after_{name}": value for name, value in zip(self.columns, self.parse(cursor), strict=True)}

    def cursor(self, row):
        return self.cursor_of(self._key(row))

    def cursor_before(self, row):
        """The cursor after which a page begins with `row`, where the last column is an id."""
        *values, pk = self._key(row)
        return self.cursor_of([*values, uuid.UUID(int=pk.int - 1)])

    def cursor_of(self, values):
        return self.SEPARATOR.join(value.isoformat() if hasattr(value, "isoformat") else str(value) for value in values)

    def _key(self, row):
        return [getattr(row, column) for column in self.columns]

    def parse(self, cursor):
        """The values of a cursor; BadRequest, in the reader's words, if it is not one of ours."""
        text = self.types.index(str) if str in self.types else len(self.types) - 1
        parts = cursor.split(self.SEPARATOR, text)
        parts += parts.pop().rsplit(self.SEPARATOR, len(self.types) - 1 - text)  # a name may hold the separator
        try:
            return [_read(kind, part) for kind, part in zip(self.types, parts, strict=True)]
        except (ValueError, OverflowError) as error:
            raise BadRequest("The end of this address is not complete. Go back and follow the link again.") from error

    def rows(self, rows, after):
        """`rows` in this order: those after the cursor `after`; without it, all."""
        if after:
            rows = rows.filter(RowComparison(self.columns, "<" if self.descending else ">", self.parse(after)))
        return rows.order_by(*(f"-{column}" if self.descending else column for column in self.columns))

    def page(self, rows, after, size):
        """The `size` rows after the cursor `after`; without it, the first ones."""
        return self.first_page(list(self.rows(rows, after)[: size + 1]), size)

    def first_page(self, rows, size):
        """A Page of rows in this order, which were read with a limit of size + 1."""
        return Page(rows[:size], self.cursor(rows[size - 1]) if len(rows) > size else None)


def _read(kind, text):
    if kind is str:
        if "\0" in text:
            raise ValueError
        return text
    if issubclass(kind, int):
        value, limit = int(text), 2**63 if kind is BigInt else 2**31
        if not -limit <= value < limit:
            raise OverflowError
        return value
    if kind is uuid.UUID:
        return uuid.UUID(text)
    value = kind.fromisoformat(text)
    if kind is datetime.datetime:
        if value.tzinfo is None:
            raise ValueError
        value = value.astimezone(datetime.UTC)  # Python knows offsets that PostgreSQL refuses
        if value.year not in YEARS:  # no row has another
            raise ValueError
    return value
