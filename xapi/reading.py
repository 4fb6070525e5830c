"""Files of statements: plain or gzip, a JSON array or one statement a line, read as a stream."""

import codecs
import gzip
import re
import zlib
from dataclasses import dataclass

from xapi.statements import MAX_BYTES

CHUNK = 1 << 16
HEAD = 512  # bytes that tell text from something else
BOM = b"\xef\xbb\xbf"
BLANKS = b" \t\r\n"


@dataclass(frozen=True)
class Item:
    """One statement's bytes (cut off after MAX_BYTES + 1), and the line of the file where it starts."""

    line: int
    raw: bytes
    problem: str | None = None  # why these bytes are no statement, if the file itself says so
    damage: bool = False  # the problem is the file's, from here on: this is no statement, and none comes after it


def read_items(stream):
    """Every Item of a binary `stream` that has `peek`, such as io.BufferedReader.

    What the stream holds is recognised by its content.  A damaged file, or one
    of something else, ends with an Item of `damage`; everything before it is there.
    """
    if stream.peek(2)[:2] == b"\x1f\x8b":
        stream = gzip.GzipFile(fileobj=stream)
    line = 1
    try:
        if stream.peek(len(BOM))[: len(BOM)] == BOM:
            stream.read(len(BOM))
        while (first := stream.peek(1)[:1]) and first in BLANKS:
            line += stream.read(1) == b"\n"
        if _is_binary(stream.peek(HEAD)[:HEAD]):
            yield Item(
                line, b"", "This is something binary, not a file of statements (JSON, plain or gzip).", damage=True
            )
            return
        for item in _array(stream, line) if first == b"[" else _lines(stream, line):
            line = item.line + 1
            yield item
    except (EOFError, OSError, zlib.error) as error:
        problem = f"The file is damaged from here on ({error}); the rest could not be read."
        yield Item(line, b"", problem, damage=True)


def _is_binary(head):
    """Whether the first bytes of a file are odd in two ways: a single one may be an odd statement's."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
        is_text = True
    except UnicodeDecodeError:
        is_text = False
    controls = re.search(rb"[\x00-\x08\x0e-\x1f]", head) is not None
    return [is_text, not controls, head[:1] in b"{["].count(False) > 1


def _lines(stream, line):
    while raw := stream.readline(MAX_BYTES + 2):
        part = raw
        while not part.endswith(b"\n") and (part := stream.readline(CHUNK)):
            pass
        if raw := raw.strip(BLANKS):
            yield Item(line, raw)
        line += 1


def _array(stream, line):
    """The elements of a JSON array, as they stand: only strings and brackets are looked at."""
    stream.read(1)
    current, started, begun = bytearray(), line, False
    depth, in_string, escaped_at = 0, False, -1
    promised = closed = False  # a comma promises another element; a bracket closes the array
    while chunk := stream.read(CHUNK):
        position = 0
        for match in re.finditer(rb'["\\\[\]{},\n]', chunk):
            at, mark = match.start(), match[0]
            if mark == b"\n":
                line += 1
                if not begun:
                    _add(current, chunk[position:at])
                    position, begun = at, bool(current.strip(BLANKS))
                if not begun:
                    current.clear()
                    started = line
            elif at == escaped_at or closed:
                continue
            elif mark == b"\\":
                escaped_at = at + 1
            elif mark == b'"':
                in_string, begun = not in_string, True
            elif in_string:
                continue
            elif mark in b"[{":
                depth, begun = depth + 1, True
            elif mark in b"]}" and depth:
                depth -= 1
            elif not depth and mark in b",]":
                _add(current, chunk[position:at])
                position = at + 1
                if raw := bytes(current).strip(BLANKS):
                    yield Item(started, raw)
                elif mark == b"," or promised:
                    yield Item(started, b"", "There is no statement between two commas.")
                promised, closed = mark == b",", mark == b"]"
                current, started, begun = bytearray(), line, False
        escaped_at -= len(chunk)
        _add(current, chunk[position:])
    raw = bytes(current).strip(BLANKS)
    if closed and raw:
        yield Item(started, raw, "There is something after the end of the JSON array.")
    elif not closed:
        yield Item(started, raw, "The file ends before the JSON array does.", damage=True)


def _add(current, part):
    """Append, but keep no more of an endless element than says that it is too long."""
    current += part[: max(0, MAX_BYTES + 1 - len(current))]
