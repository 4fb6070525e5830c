"""The import: files of statements in, statements stored, rows settled, bad lines written out."""

import base64
import contextlib
import json
from collections import Counter
from dataclasses import dataclass, field

from django.db import connection

from xapi.loading import Origin, load
from xapi.reading import read_items
from xapi.statements import InvalidStatement, read_statement

BATCH = 1_000
BATCH_BYTES = 16_000_000
LOCK = 0x78415049  # "xAPI": one import at a time in one database


@dataclass
class Summary:
    """What one run did; `damage`: (file, line, what is wrong from there on) of files that could not be read whole."""

    read: int = 0
    new: int = 0
    repeated: int = 0
    conflicts: int = 0
    rejected: int = 0
    refused: int = 0  # of people whose accounts were erased
    verbs: Counter = field(default_factory=Counter)  # of new statements
    without_meaning: Counter = field(default_factory=Counter)  # of those, by verb: what says nothing of watching
    rows: Counter = field(default_factory=Counter)  # written, by table
    damage: list = field(default_factory=list)


class Rejects:
    """The file of what was not imported, JSON lines; it comes into being with the first of them."""

    def __init__(self, path):
        self.path = path
        self._file = None

    def write(self, origin, reason, raw):
        """One line: where it stood (null: in the database), why not, and the bytes as text or base64."""
        if self._file is None:
            self._file = open(self.path, "w", encoding="utf-8")  # noqa: SIM115
        line = {"file": origin and origin.file, "line": origin and origin.line, "reason": reason}
        try:
            line["raw"] = raw.decode()
        except UnicodeDecodeError:
            line["base64"] = base64.b64encode(raw).decode()
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self):
        if self._file is not None:
            self._file.close()


@contextlib.contextmanager
def only_import(on_wait=lambda: None):
    """Hold the database's lock of imports; call `on_wait` before waiting for another's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            on_wait()
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def import_stream(stream, name, *, rejects, summary, advance=lambda: None):
    """Store the statements of a binary stream, in batches; `advance` is called after each."""
    batch, size = [], 0
    for item in read_items(stream):
        origin = Origin(name, item.line)
        if item.damage:
            summary.damage.append((name, item.line, item.problem))
            rejects.write(origin, item.problem, item.raw)
            break
        summary.read += 1
        try:
            if item.problem:
                raise InvalidStatement(item.problem)
            batch.append((origin, read_statement(item.raw)))
        except InvalidStatement as error:
            summary.rejected += 1
            rejects.write(origin, str(error), item.raw)
        size += len(item.raw)
        if len(batch) == BATCH or size >= BATCH_BYTES:
            _load(batch, rejects, summary)
            batch, size = [], 0
            advance()
    if batch:
        _load(batch, rejects, summary)
    advance()


def _load(batch, rejects, summary):
    loaded = load(batch)
    summary.new += len(loaded.new)
    summary.repeated += loaded.repeated
    summary.refused += loaded.refused
    summary.verbs.update(statement.verb for statement in loaded.new)
    summary.without_meaning.update(s.verb for s in loaded.new if not s.says_watching)
    for contents in loaded.conflicts:
        summary.conflicts += 1
        for content in contents:
            fate = "is kept: its hash is the lower" if content.kept else "is not kept: its hash is the higher"
            reason = f"Two contents stand under one statement id. This one {fate}, {content.hash.hex()}."
            rejects.write(content.origin, reason, content.text.encode())
