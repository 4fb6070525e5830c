"""An invitation link: instructors of the course make and end it; whoever has it opens it, and joins or does not."""

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.hashers import make_password
from django.core.exceptions import BadRequest
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404, resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views import View

from config.links import LeadsNowhere
from courses import inviting
from courses.forms import InvitationForm
from courses.models import Enrollment, Invitation
from profiles.forms import SignUpForm
from profiles.models import Profile
from profiles.throttling import log_in_of, may_make_account
from timeline import access
from timeline.views.page import Page, kept_secret

BACKEND = "django.contrib.auth.backends.ModelBackend"
NAMES = 20  # of instructors, at most
ENDED = "It may be incomplete, or has ended or expired. Ask whoever gave it to you for a new one."


class CourseInvitation(View):
    """Makes a link to a course, instead of the one that there is, or ends that one."""

    http_method_names = ["post"]

    def post(self, request, course):
        found = get_object_or_404(access.courses_taught(request.user), pk=course)
        form = InvitationForm(request.POST)
        if "end" in request.POST:
            form.fields["days"].required = False
        if not form.is_valid():
            choices = " or ".join(map(str, inviting.DAYS))
            raise BadRequest(f"An invitation link works for {choices} days: choose on the course's page.")
        seen = form.cleaned_data["seen"]
        if "end" in request.POST:
            done = inviting.end_invitation(found, seen)
            words = "The link has ended: whoever opens it now finds nothing."
        else:
            done = inviting.invite(found, by=request.user, days=form.cleaned_data["days"], instead_of=seen)
            words = "The link is ready to be shared."
            if seen:
                words = "There is a new link now; the old one has ended."
        page = reverse("course", args=[found.pk])
        if done:
            messages.success(request, words)
            return HttpResponseRedirect(f"{page}#invitation")
        messages.warning(request, "Nothing was changed: the link was replaced or ended in the meantime. See below.")
        return HttpResponseRedirect(page)


@method_decorator(login_not_required, name="dispatch")
class InvitationPage(Page):
    """To whoever has the link: what it leads into, what others will see of them, and the way in."""

    template_name = "timeline/learning/invitation.html"
    fragments = ()
    caching = {"private": True, "no_store": True}  # once it has ended, nobody is shown it again

    def setup(self, request, *args, token, **kwargs):
        super().setup(request, *args, **kwargs)
        self.invitation = inviting.invitation_of_token(token)
        if self.invitation is None:
            raise LeadsNowhere(ENDED)
        self.course = self.invitation.course

    def get(self, request, *args, **kwargs):
        user = request.user
        if user.is_authenticated and Enrollment.objects.filter(student=user, course=self.course, left_at=None).exists():
            messages.info(request, f"You are in {self.course} already.")
            return self._to_course()
        return super().get(request, *args, **kwargs)

    def get_context_data(self, form=None, **kwargs):
        user = self.request.user
        instructors = self.course.instructors.filter(is_active=True).exclude(full_name="").order_by("full_name", "id")
        return super().get_context_data(
            course=self.course,
            instructors=instructors[: NAMES + 1],
            most_names=NAMES,
            teaches=user.is_authenticated and self._teaches(user),
            form=form or SignUpForm(),
            log_in=self._log_in(),
            **kwargs,
        )

    def render_to_response(self, context, **options):
        return kept_secret(super().render_to_response(context, **options))

    def post(self, request, *args, **kwargs):
        if not request.user.is_authenticated:
            return HttpResponseRedirect(self._log_in(refused=1)) if "join" in request.POST else self._sign_up()
        email = Profile.normalize_username(request.POST.get("email"))
        if "join" in request.POST or (email and email == request.user.email):
            return self._join(request.user)
        return HttpResponseRedirect(request.path)  # somebody else's form: who is logged in has not agreed

    def _sign_up(self):
        """Makes an account and enrols it, both or neither; a form that is sent again finds both there."""
        request, form = self.request, SignUpForm(self.request.POST)
        if not form.is_valid():
            return self._refuse(form, 422)
        if not may_make_account(request):
            form.add_error(None, "Too many accounts were created from your network recently. Try again in 15 minutes.")
            return self._refuse(form, 429)
        person, password = form.person, form.cleaned_data["password"]
        if not Profile.objects.filter(email=person.email).exists():
            person.password = make_password(password)
            try:
                with transaction.atomic():
                    self._accept(person)
                    login(request, person, BACKEND)
            except IntegrityError:
                pass  # somebody has made an account with this address at the same moment
            else:
                messages.success(request, f"Your account is ready, and you are enrolled in {self.course}.")
                return self._to_course()
        known = log_in_of(request, person.email, password)
        if known is None:
            words = 'There is already an account with this address. <a href="{}">Log in</a> with it to join.'
            form.add_error("email", format_html(words, self._log_in()))
            return self._refuse(form, 422)
        login(request, known)
        return self._join(known)

    def _join(self, person):
        if self._teaches(person):
            messages.info(self.request, f"You teach {self.course}, so you cannot join it.")
        else:
            try:
                self._accept(person)
            except IntegrityError:
                raise Http404("Your account has been deleted.") from None
            messages.success(self.request, f"You are enrolled in {self.course}.")
        return self._to_course()

    def _accept(self, person):
        try:
            inviting.accept(self.invitation, person)
        except Invitation.DoesNotExist:
            raise LeadsNowhere(ENDED) from None

    def _refuse(self, form, status):
        return self.render_to_response(self.get_context_data(form=form), status=status)

    def _teaches(self, person):
        return access.courses_taught(person).filter(pk=self.course.pk).exists()

    def _to_course(self):
        return HttpResponseRedirect(reverse("course", args=[self.course.pk]))

    def _log_in(self, **asked):
        query = urlencode({"next": self.request.path, **asked}, safe="/")
        return f"{resolve_url('login')}?{query}"
