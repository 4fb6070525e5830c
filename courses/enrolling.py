"""Enrolling in a course and leaving it.  The row stays, and with it everything that was done."""

import copy
import datetime
from dataclasses import dataclass

from django.contrib.auth.hashers import get_hasher
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from courses.models import Enrollment
from profiles.models import Profile

LEGIBLE = "abcdefghjkmnpqrstuvwxyz23456789"  # what nobody takes for something else on paper: no i, l, o, 0, 1
TOLD_AGAIN = datetime.timedelta(hours=1)  # after an account was made, to whoever sends the list that made it once more


@dataclass
class Enrolled:
    """A person of `enrol_all`; the password of an account that its list made, `now` or lately, else None."""

    person: Profile
    password: str | None
    now: bool


def enrol(student, course):
    """Enrol, or come back; returns the Enrollment.  For somebody who is in the course already, nothing changes."""
    enrollment, _ = Enrollment.objects.get_or_create(student=student, course=course)
    if enrollment.left_at:
        Enrollment.objects.filter(pk=enrollment.pk).update(left_at=None)
        enrollment.left_at = None
    return enrollment


def leave(enrollment):
    """Leave the course; if they have left it already, the time stays as it is."""
    Enrollment.objects.filter(pk=enrollment.pk, left_at=None).update(left_at=timezone.now())


def password_of(sheet, email):
    """The password of an account that the list `sheet` makes, to be handed out on paper.

    Twelve characters (59 bits) that nobody can tell without the site's key; the same whenever the list is sent, as a
    button that is pressed twice shows the second answer alone.
    """
    number = int.from_bytes(salted_hmac("courses.enrolling.password", f"{sheet} {email}", algorithm="sha256").digest())
    letters = [LEGIBLE[number // len(LEGIBLE) ** place % len(LEGIBLE)] for place in range(12)]
    return "-".join("".join(letters[start : start + 4]) for start in (0, 4, 8))


def quick_hasher():
    """What hashes a `password_of` in a tenth of the time, as a class of them would take half a minute.

    What nobody can tell needs no more: it is guessed no sooner.  Django hashes it in full at the first log-in.
    """
    hasher = copy.copy(get_hasher())
    if hasattr(hasher, "iterations"):
        hasher.iterations //= 10
    return hasher


def is_still(password, encoded):
    """Whether `encoded` is what quick_hasher() made of a password: nobody has logged in with it since, nor changed it.

    Django's check_password() would take the full time for each that is not.
    """
    hasher = quick_hasher()
    if not encoded.startswith(f"{hasher.algorithm}$"):
        return False
    return constant_time_compare(encoded, hasher.encode(password, hasher.decode(encoded)["salt"]))


def enrol_all(course, people, *, sheet):
    """Enrol people by their addresses, all or nobody; those without an account get one.

    Args:
        people: pairs of an e-mail address, as Profile keeps it and each once, and a full name.
        sheet: what tells this list from others, a UUID; the same list sent again tells the same passwords, of those
            who have not logged in since.

    Returns:
        An Enrolled for each, in their order.  Whoever has an account keeps it as it is.
    """
    emails = [email for email, _ in people]
    known = set(Profile.objects.filter(email__in=emails).values_list("email", flat=True))
    hasher = quick_hasher()
    new = [
        Profile(email=email, full_name=name, password=hasher.encode(password_of(sheet, email), hasher.salt()))
        for email, name in sorted(people)
        if email not in known
    ]
    with transaction.atomic():
        # Whoever has got an account since, from the same list sent twice at once, keeps that one.
        Profile.objects.bulk_create(new, ignore_conflicts=True)
        # In the order in which everybody locks students (docs/locks.md).
        persons = {person.email: person for person in Profile.objects.filter(email__in=emails).order_by("pk")}
        if len(persons) < len(people):  # somebody was erased since they were looked for
            return enrol_all(course, people, sheet=sheet)
        for person in persons.values():
            enrol(person, course)
    enrolled, made = [], {each.password for each in new}
    for email in emails:
        person, password = persons[email], password_of(sheet, email)
        now, lately = person.password in made, timezone.now() - person.created_at < TOLD_AGAIN
        is_its = now or (lately and is_still(password, person.password))
        enrolled.append(Enrolled(person, password if is_its else None, now))
    return enrolled
