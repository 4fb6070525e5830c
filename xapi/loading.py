"""Statements into `xapi_statements`, each batch in one transaction with the marks of what it may change."""

import functools
import itertools
import json
import time
from dataclasses import dataclass, field, replace

from django.db import IntegrityError, OperationalError, connection, transaction

from xapi import models
from xapi.erased import erased_among
from xapi.statements import Statement, object_of, without

COLUMNS = (
    "id, actor, verb, object, timestamp, statement, hash, agent_id, agent_name, course_id, course, course_name,"
    " video_id, video_name, length_seconds"
)
ATTEMPTS = 30  # with their pauses and waits, more than a minute


@dataclass(frozen=True)
class Origin:
    """Where a statement came from."""

    file: str
    line: int


@dataclass(frozen=True)
class Content:
    """One of the contents that a statement id was found with; `origin` is None for one stored earlier."""

    origin: Origin | None
    text: str
    hash: bytes
    kept: bool


@dataclass
class Loaded:
    new: list = field(default_factory=list)  # Statement, those that replaced another content included
    repeated: int = 0
    conflicts: list = field(default_factory=list)  # (Content, Content) under one id
    refused: int = 0  # of people whose accounts were erased


def retrying(function):
    """Run in a transaction, again if it lost a race with a live writer; nothing of a lost one is kept.

    It gives up a lock before PostgreSQL looks for deadlocks (after a second), so
    that in a deadlock it is always the import that yields, never a person.
    """

    @functools.wraps(function)
    def wrapper(*args, **options):
        for attempt in itertools.count(1):
            try:
                with transaction.atomic():
                    with connection.cursor() as cursor:
                        cursor.execute("SET LOCAL lock_timeout = '500ms'")
                    return function(*args, **options)
            except (IntegrityError, OperationalError):
                if attempt == ATTEMPTS or not connection.is_usable():
                    raise
                time.sleep(min(0.05 * 2**attempt, 2))
        raise AssertionError("unreachable")

    return wrapper


@retrying
def load(batch):
    """Store a list of (Origin, Statement); returns what became of them.

    Of two contents under one id the one with the lower hash stays, whichever
    came first.  Nothing is kept of somebody who was erased.
    """
    erased = erased_among(name for _, s in batch for name in (s.agent.identifier, *s.others))
    loaded = Loaded(refused=sum(s.agent.identifier in erased for _, s in batch))
    batch = [(origin, _without(s, erased)) for origin, s in batch if s.agent.identifier not in erased]
    hashes = dict(models.Statement.objects.filter(id__in={s.id for _, s in batch}).values_list("id", "hash"))
    stored = {key: bytes(value) for key, value in hashes.items()}
    winners = {}
    for origin, statement in batch:
        rival = winners.get(statement.id)
        rival_hash = rival[1].hash if rival else stored.get(statement.id)
        if rival_hash is None or statement.hash < rival_hash:
            winners[statement.id] = origin, statement
        if rival_hash == statement.hash:
            loaded.repeated += 1
        elif rival_hash is not None:
            loaded.conflicts.append(_conflict(origin, statement, rival, rival_hash))
    loaded.new = [statement for _, statement in winners.values()]
    marks = _marks(_remove(winners.keys() & stored.keys()))
    marks |= _marks((s.agent.id, s.video_id, s.course_id) for s in loaded.new)
    _insert(loaded.new)
    mark(marks)
    return loaded


def _without(statement, erased):
    if erased.isdisjoint(statement.others):
        return statement
    value = without(json.loads(statement.text), erased)
    return replace(statement, text=json.dumps(value, ensure_ascii=False), object=object_of(value))


def mark(marks):
    """Note that the rows of these (agent, video, course) ids may be out of date."""
    models.Pending.objects.bulk_create(
        [
            models.Pending(agent_id=agent, video_id=video, course_id=course)
            for agent, video, course in sorted(marks, key=str)
        ],
        batch_size=2_000,
        ignore_conflicts=True,
    )


def _marks(facts):
    marks = set()
    for agent, video, course in facts:
        marks.add((agent, None, None))
        if video:
            marks.add((agent, video, None))
        if course:
            marks.add((agent, None, course))
    return marks


def _conflict(origin, statement, rival, rival_hash):
    wins = statement.hash < rival_hash
    if rival:
        text = rival[1].text
    else:
        text = json.dumps(models.Statement.objects.get(id=statement.id).statement, ensure_ascii=False)
    return (
        Content(rival[0] if rival else None, text, rival_hash, kept=not wins),
        Content(origin, statement.text, statement.hash, kept=wins),
    )


def _remove(ids):
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM xapi_statements WHERE id = ANY(%s) RETURNING agent_id, video_id, course_id", [list(ids)]
        )
        return cursor.fetchall()


def _insert(statements: list[Statement]):
    agents = {statement.agent.id: statement.agent for statement in statements}
    models.Agent.objects.bulk_create(
        [
            models.Agent(id=key, identifier=agent.identifier, pseudonym=agent.pseudonym, email=agent.email)
            for key, agent in sorted(agents.items())
        ],
        ignore_conflicts=True,
    )
    with connection.cursor() as cursor, cursor.copy(f"COPY xapi_statements ({COLUMNS}) FROM STDIN") as copy:
        for s in statements:
            row = (s.id, s.agent.identifier, s.verb, s.object, s.timestamp, s.text, s.hash, s.agent.id, s.agent.name)
            copy.write_row((*row, s.course_id, s.course, s.course_name, s.video_id, s.video_name, s.length_seconds))
