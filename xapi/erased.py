"""Whom no import brings back: keyed hashes of the identifiers of people whose accounts were erased.

A hash, as the identifiers themselves are to be gone; keyed, as whoever has a
copy of the database could otherwise try every address (docs/decisions/0035).
"""

import hashlib

from django.conf import settings
from django.db import connection
from django.db.models import Func, Q, Value
from django.utils.crypto import salted_hmac

from xapi.models import NAMED, Agent, ErasedActor, Statement
from xapi.statements import derived_id, object_of, without


class KeyMissing(Exception):
    """A key that made some of the hashes is not among ERASURE_KEY and ERASURE_KEY_FALLBACKS."""

    def __init__(self):
        super().__init__(
            "Who was erased could not be told: the key that made the hashes of erased_actors is not in the settings. "
            "Add it to ERASURE_KEY_FALLBACKS; without an ERASURE_KEY it was the SECRET_KEY of that time."
        )


def of_address(email):
    """The identifiers that an e-mail address has in statements: its mbox, and its mbox_sha1sum (xAPI 1.0.3)."""
    mbox = f"mailto:{email.lower()}"
    return {mbox, f"sha1:{hashlib.sha1(mbox.encode()).hexdigest()}"}


def remember(identifiers):
    """Keep the hashes of identifiers (as xapi.statements.read_agent makes them), under the first key."""
    key = settings.ERASURE_KEYS[0]
    ErasedActor.objects.bulk_create(
        [ErasedActor(hash=_hash(identifier, key), key=_key_id(key)) for identifier in sorted(identifiers)],
        ignore_conflicts=True,
    )


def agents_of(person):
    """The Agents who are a profile, and those who have its e-mail address and were not yet looked for."""
    waiting = [derived_id("person", identifier) for identifier in of_address(person.email)] if person.email else []
    return Agent.objects.filter(Q(profile=person) | Q(profile=None, pk__in=waiting))


def erase_actors(person):
    """Erase a profile's agents, and their statements; take them out of the statements of others; remember them.

    Call it in the transaction that deletes the profile, before anything else there.
    """
    with connection.cursor() as cursor:
        # The batch that an import is storing ends first, the next one waits.
        cursor.execute("LOCK TABLE erased_actors IN ROW EXCLUSIVE MODE")
    agents = agents_of(person)
    identifiers = set(agents.values_list("identifier", flat=True))
    identifiers |= of_address(person.email) if person.email else set()
    identifiers |= {alias for identifier in identifiers for alias in _aliases(identifier)}
    remember(identifiers)
    agents.delete()
    for statement in statements_naming(identifiers).select_for_update().iterator():
        statement.statement = without(statement.statement, identifiers)
        statement.object = object_of(statement.statement)
        statement.save(update_fields=["statement", "object"])


def statements_naming(identifiers):
    """The statements that name one of these people beside the actor, and some that only seem to."""
    named = Q(pk__in=[])
    for identifier in identifiers:
        term = identifier.partition(" ")[2] or identifier.removeprefix("sha1:")  # an account's name, a mailbox, …
        # In lower case as PostgreSQL has it, which differs from Python's: Σ at the end of a word, İ.
        named |= Q(named__contains=Func(Value(term), template="jsonb_build_array(lower(%(expressions)s))"))
    return Statement.objects.annotate(named=NAMED).filter(named)


def erased_among(identifiers):
    """Those of the identifiers, an iterable, that were erased, as a set.

    Nobody is erased from here to the end of the transaction.

    Raises:
        KeyMissing
    """
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE erased_actors IN SHARE MODE")
    keys = {_key_id(key): key for key in settings.ERASURE_KEYS}
    used = set(ErasedActor.objects.values_list("key", flat=True).distinct())
    if used - keys.keys():
        raise KeyMissing
    asked = {
        identifier: {_hash(alias, keys[key]) for alias in _aliases(identifier) for key in used}
        for identifier in identifiers
    }
    found = set(ErasedActor.objects.filter(hash__in=set().union(*asked.values())).values_list("hash", flat=True))
    return {identifier for identifier, hashes in asked.items() if not hashes.isdisjoint(found)}


def _aliases(identifier):
    return of_address(identifier.removeprefix("mailto:")) if identifier.startswith("mailto:") else {identifier}


def _hash(identifier, key):
    return salted_hmac("xapi.erased", identifier, secret=key, algorithm="sha256").hexdigest()


def _key_id(key):
    return salted_hmac("xapi.erased.key", "", secret=key, algorithm="sha256").hexdigest()[:16]
