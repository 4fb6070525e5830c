"""Everything that is held about a person, as one zip: JSON and files (docs/decisions/0035).

The rows are read in one snapshot and lie in a temporary file until they are
sent, so that no snapshot is held open while somebody downloads slowly; memory
stays flat however much there is.
"""

import contextlib
import datetime
import decimal
import json
import logging
import tempfile
import uuid
import zipfile
from collections import defaultdict
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.backends.postgresql.psycopg_any import Range
from django.utils import timezone

from config.files import file_fields
from privacy.holdings import holdings, own_lookups
from profiles.models import Profile

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 500
PIECE = 2**16  # bytes
MEDIA = "media/"
ABOUT = """\
Recordings and pictures that lie elsewhere, such as Loom's, are named by their
address ("media_url").

Each JSON file but names.json is a list of rows with named fields.  Times are
ISO 8601 with their offset from UTC; days are days in New York.  A field whose
name ends in _id holds the id of another row: of yours, or of one in names.json.

Not in here: your password, which is not kept as such, what keeps browsers
logged in, which answers to quizzes are right, and what others wrote to you
and took back.  A table that holds nothing about you has no file.
"""


@dataclass(frozen=True)
class Part:
    """A table in the temporary file, from byte `start` to `end`."""

    name: str
    title: str
    rows: int
    start: int
    end: int


def export(person):
    """Pieces of the zip, as bytes; the database is asked before the first of them, and not after.

    Call it outside of any transaction.
    """
    with tempfile.TemporaryFile() as kept:
        with snapshot():
            parts, stored = _read(person, kept)
        yield from _zip(person, kept, parts, stored)


@contextlib.contextmanager
def snapshot():
    """A transaction that reads everything as it is at one moment, and writes nothing."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _read(person, kept):
    """Write the tables to the file `kept`: their Parts, and the stored files that they name as (storage, name)."""
    parts, stored, named = [], [], defaultdict(set)
    for holding in holdings(person):
        model, start, count = holding.rows.model, kept.tell(), 0
        fields = {field.attname: field for field in model._meta.local_concrete_fields}
        elsewhere = {
            name: fields[name].related_model._meta.concrete_model
            for name in holding.columns
            if fields[name].is_relation and _is_elsewhere(fields[name].related_model._meta.concrete_model)
        }
        storages = {field.attname: field.storage for field in file_fields(model) if field.attname in holding.columns}
        rows = holding.rows.order_by("pk").values(*holding.columns).iterator(chunk_size=ROWS_AT_ONCE)
        for count, row in enumerate(rows, start=1):
            for name, other in elsewhere.items():
                named[other].add(row[name])
            stored += [(storage, str(row[name])) for name, storage in storages.items() if row[name]]
            for name, keys in holding.keys.items():
                row[name] = [{key: each[key] for key in keys if key in each} for each in row[name]]
            kept.write(b"[\n" if count == 1 else b",\n")
            kept.write(json.dumps(row, default=_plain, ensure_ascii=False).encode())
        if count:
            kept.write(b"\n]\n")
            parts.append(Part(f"{holding.name}.json", holding.title, count, start, kept.tell()))
    named[Profile].discard(person.pk)
    names = {model._meta.db_table: _names(model, keys - {None}) for model, keys in named.items()}
    start = kept.tell()
    names = {table: names[table] for table in sorted(names) if names[table]}
    kept.write(json.dumps(names, indent=1, ensure_ascii=False).encode())
    parts.append(Part("names.json", "What the ids of courses, lessons, people, … stand for", 0, start, kept.tell()))
    return parts, stored


def _is_elsewhere(model):
    return model is Profile or model not in own_lookups()


def _names(model, keys):
    """{id: name} of rows that are not the person's; of people the name alone."""
    rows = model._base_manager.in_bulk(keys)
    return {str(key): row.full_name if model is Profile else str(row) for key, row in rows.items()}


def _plain(value):
    """What JSON has no type for."""
    match value:
        case datetime.datetime():
            return timezone.localtime(value).isoformat()
        case datetime.date():
            return value.isoformat()
        case Range():
            return {"from": value.lower, "until": value.upper}
        case uuid.UUID() | decimal.Decimal():
            return str(value)
        case bytes() | memoryview():
            return bytes(value).hex()
    raise TypeError(f"{type(value)} in an export")


class _Outgoing:
    """A file for zipfile to write to, whose content is taken away piece by piece."""

    def __init__(self):
        self.written = bytearray()

    def write(self, data):
        self.written += data
        return len(data)

    def flush(self):
        pass

    def take(self):
        piece, self.written = bytes(self.written), bytearray()
        return piece


def _zip(person, kept, parts, stored):
    outgoing = _Outgoing()
    now = timezone.localtime()
    missing = []

    def entry(name, size, compression):
        info = zipfile.ZipInfo(name, now.timetuple()[:6])
        info.compress_type, info.file_size = compression, size
        return archive.open(info, "w")

    with zipfile.ZipFile(outgoing, "w") as archive:
        text = _readme(person, parts, stored, now).encode()
        with entry("README.txt", len(text), zipfile.ZIP_DEFLATED) as out:
            out.write(text)
        for part in parts:
            kept.seek(part.start)
            with entry(part.name, part.end - part.start, zipfile.ZIP_DEFLATED) as out:
                for position in range(part.start, part.end, PIECE):
                    out.write(kept.read(min(PIECE, part.end - position)))
                    yield outgoing.take()
        for storage, name in stored:
            try:
                file = storage.open(name)
            except FileNotFoundError:
                log.error("The file %r of an export is not there.", name)
                missing.append(name)
                continue
            with file, entry(MEDIA + name, file.size, zipfile.ZIP_STORED) as out:
                while piece := file.read(PIECE):
                    out.write(piece)
                    yield outgoing.take()
        if missing:
            text = "These files are named, but are no longer there:\n\n" + "".join(f"{name}\n" for name in missing)
            with entry("missing-files.txt", len(text.encode()), zipfile.ZIP_DEFLATED) as out:
                out.write(text.encode())
    yield outgoing.take()


def _readme(person, parts, stored, now):
    width = max(len(part.name) for part in parts)
    tables = "".join(
        f"{part.name:<{width}}  {part.title}{f' ({part.rows:,})' if part.rows else ''}\n" for part in parts
    )
    files = f'The folder {MEDIA} holds {len(stored):,} of your files, under the names that rows give as "file".\n'
    return (
        "Student Activity Timeline: everything that is held about\n"
        f"{person},\nas it was at {now.isoformat(timespec='seconds')}.\n\n{tables}\n{files if stored else ''}{ABOUT}"
    )
