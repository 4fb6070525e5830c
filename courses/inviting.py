"""Invitation links: whoever has one can enrol in a course themself (docs/decisions/0042)."""

import datetime
import secrets
import uuid

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from config.links import SecretLinks
from courses.enrolling import enrol
from courses.models import Course, CourseInstructor, Enrollment, Invitation

DAYS = (7, 30, 90)  # for which a link may hold
USUAL_DAYS = 30
TWICE = datetime.timedelta(seconds=10)  # within which whoever asks for the same has pressed twice

LINKS = SecretLinks("courses.inviting")


def in_force():
    """The Invitations in force: not expired, made by somebody who still teaches the course, or is staff."""
    teaches = CourseInstructor.objects.filter(course=OuterRef("course"), instructor=OuterRef("made_by"))
    may_invite = Q(made_by__is_staff=True) | Exists(teaches)
    return Invitation.objects.filter(may_invite, made_by__is_active=True, expires_at__gt=timezone.now())


def invitation_to(course):
    """The Invitation to a course that is in force, or None."""
    return in_force().filter(course=course).select_related("made_by").first()


def invite(course, *, by, days=USUAL_DAYS, instead_of=None):
    """Make an Invitation to a course that holds for so many days after today.

    It is made `instead_of` another one, by its id, which ends.  None, and nothing changes, if that is not the one that
    holds by now; but whoever presses twice gets the one that they made by the first time.
    """
    day_after = timezone.localdate() + datetime.timedelta(days=days + 1)
    with transaction.atomic():
        _hold(course.pk)
        there = invitation_to(course)
        if (there and there.pk) != instead_of:
            return there if there and _is_just_made(there, by, day_after) else None
        Invitation.objects.filter(course=course).delete()  # also one that has expired
        return Invitation.objects.create(
            course=course,
            made_by=by,
            link=uuid.UUID(bytes=secrets.token_bytes(16)),
            expires_at=datetime.datetime.combine(day_after, datetime.time(), timezone.get_current_timezone()),
        )


def _is_just_made(invitation, by, day_after):
    is_new = invitation.created_at > timezone.now() - TWICE
    return is_new and invitation.made_by == by and timezone.localdate(invitation.expires_at) == day_after


def end_invitation(course, pk):
    """End a link; False, and nothing changes, if another one is in force by now."""
    with transaction.atomic():
        _hold(course.pk)
        found, _ = Invitation.objects.filter(course=course, pk=pk).delete()
        return bool(found) or invitation_to(course) is None


def token(invitation):
    """What the address of an Invitation ends with."""
    return LINKS.token(invitation.link)


def invitation_of_token(text):
    """The Invitation whose address ends with `text`; None if there is none, or it has ended or expired."""
    link = LINKS.link_of(text)
    return link and in_force().filter(link=link).select_related("course").first()


def accept(invitation, person):
    """Enrol `person` by an Invitation, unless they are in its course.

    A `person` who is not saved yet is saved with their enrolment, both or neither: IntegrityError if their address has
    an account by now.  Invitation.DoesNotExist if it has ended meanwhile.
    """
    with transaction.atomic():
        _hold(invitation.course_id)
        in_force().get(pk=invitation.pk)
        if person._state.adding:
            person.save(force_insert=True)
        elif Enrollment.objects.filter(student=person, course=invitation.course_id, left_at=None).exists():
            return
        enrol(person, invitation.course)
        Invitation.objects.filter(pk=invitation.pk).update(joined=F("joined") + 1)


def _hold(course):
    """Make others who make, end or accept an invitation to the course (an id) wait until the transaction ends."""
    Course.objects.select_for_update(no_key=True).filter(pk=course).first()
