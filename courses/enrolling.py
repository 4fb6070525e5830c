"""Enrolling in a course and leaving it.  The row stays, and with it everything that was done."""

import copy
from dataclasses import dataclass

from django.contrib.auth.hashers import get_hasher
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import get_random_string

from courses.models import Enrollment
from profiles.models import Profile

LEGIBLE = "abcdefghjkmnpqrstuvwxyz23456789"  # what nobody takes for something else on paper: no i, l, o, 0, 1


@dataclass
class Enrolled:
    """A person of `enrol_all`, and the password of an account that it made; None where there was one."""

    person: Profile
    password: str | None


def enrol(student, course):
    """Enrol, or come back; returns the Enrollment.  Whoever is in the course already stays as they are."""
    enrollment, _ = Enrollment.objects.get_or_create(student=student, course=course)
    if enrollment.left_at:
        Enrollment.objects.filter(pk=enrollment.pk).update(left_at=None)
        enrollment.left_at = None
    return enrollment


def leave(enrollment):
    """Leave the course; whoever left it already, left it then."""
    Enrollment.objects.filter(pk=enrollment.pk, left_at=None).update(left_at=timezone.now())


def new_password():
    """A password to be handed out on paper: twelve characters, which no list of common ones has (59 bits)."""
    return "-".join(get_random_string(4, LEGIBLE) for _ in range(3))


def hashed_quickly(password):
    """The hash of a `new_password` in a tenth of the time, as a class of them would take half a minute.

    What is drawn at random needs no more: it is guessed no sooner.  Django hashes it in full at the first log-in.
    """
    hasher = copy.copy(get_hasher())
    if hasattr(hasher, "iterations"):
        hasher.iterations //= 10
    return hasher.encode(password, hasher.salt())


def enrol_all(course, people):
    """Enrol people by their addresses, all or nobody; whoever has no account gets one.

    Args:
        people: pairs of an e-mail address, as Profile keeps it and each once, and a full name.

    Returns:
        An Enrolled for each, in their order.  Whoever has an account keeps it as it is.
    """
    known = set(Profile.objects.filter(email__in=[email for email, _ in people]).values_list("email", flat=True))
    passwords = {email: new_password() for email, _ in people if email not in known}
    hashed = {email: hashed_quickly(password) for email, password in passwords.items()}
    enrolled = []
    with transaction.atomic():
        for email, full_name in people:
            if email in hashed:
                person = Profile.objects.create(email=email, full_name=full_name, password=hashed[email])
            else:
                person = Profile.objects.get(email=email)
            enrol(person, course)
            enrolled.append(Enrolled(person, passwords.get(email)))
    return enrolled
