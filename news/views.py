"""News by mail: chosen in the account; confirmed, and ended, by whoever has a link from a mail."""

import logging

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.formats import date_format
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import FormView, TemplateView

from config.links import LeadsNowhere
from news import choosing
from news.forms import ChoiceForm
from news.models import HowOften
from timeline.views.page import kept_secret

log = logging.getLogger(__name__)


@method_decorator(never_cache, name="dispatch")
class Choice(FormView):
    template_name = "news/choice.html"
    form_class = ChoiceForm

    def dispatch(self, request, *args, **kwargs):
        if not request.user.email:  # staff took it away since the log-in
            raise Http404("Your account has no e-mail address.")
        return super().dispatch(request, *args, **kwargs)

    def get_initial(self):
        choice = choosing.choice_of(self.request.user)
        return {"how_often": choice.how_often if choice else choosing.usual(self.request.user)}

    def get_context_data(self, **context):
        user = self.request.user
        choice = choosing.choice_of(user)
        return super().get_context_data(
            choice=choice,
            is_on=choice and choosing.is_on(choice, user),
            waits=choice and choosing.waits(choice, user),
            until=choice and choice.asked_at and choice.asked_at + choosing.HOLDS,
            **context,
        )

    def form_invalid(self, form, status=422):
        response = super().form_invalid(form)
        response.status_code = status
        return response

    def form_valid(self, form):
        user, how_often = self.request.user, form.cleaned_data["how_often"]
        try:
            choice = choosing.choose(user, how_often, again="again" in self.request.POST)
        except choosing.AskedTooOften as refused:
            at = timezone.localtime(refused.again_at)
            form.add_error(
                None,
                f"We have mailed {choosing.MOST_A_DAY} links to {user.email}: check your spam folder. Another can be "
                f"mailed after {date_format(at, 'g:i a')} on {date_format(at, 'j F')}. Nothing was changed.",
            )
            return self.form_invalid(form, status=429)
        except ValueError:  # as Django calls an address that is none to a mail server, with an "ü" before the "@"
            log.error("A link to confirm news by mail could not be mailed: its address is none to a mail server.")
            form.add_error(
                None,
                f"Mail servers take no mail to {user.email}. Ask the person who runs your courses to correct it. "
                "Nothing was changed.",
            )
            return self.form_invalid(form)
        except OSError as error:
            log.error("A link to confirm news by mail could not be mailed: %s", type(error).__name__)
            form.add_error(None, "The mail with the link could not be sent. Nothing was changed: try again later.")
            return self.form_invalid(form, status=503)
        if how_often == HowOften.OFF:
            messages.success(self.request, "No news is mailed to you.")
        elif choosing.is_on(choice, user):
            messages.success(self.request, f"News is mailed to you {choice.get_how_often_display().lower()}.")
        elif "again" in self.request.POST:
            messages.success(self.request, "The link is mailed to you again.")
        return redirect("news_by_mail")


class FromMail(TemplateView):
    """A page to which a link in a mail leads: it says what its button does, and the button does it.

    Programs that look through mails open its links, and so must change nothing.
    """

    done = False

    @method_decorator(login_not_required)
    @method_decorator(never_cache)
    def dispatch(self, *args, **kwargs):
        return kept_secret(super().dispatch(*args, **kwargs))

    def setup(self, request, *args, token, **kwargs):
        super().setup(request, *args, **kwargs)
        self.choice = self.find(token)
        if self.choice is None:
            raise LeadsNowhere(self.ended)

    def get_context_data(self, **context):
        return super().get_context_data(choice=self.choice, done=self.done, **context)


class Confirm(FromMail):
    template_name = "news/confirm.html"
    find = staticmethod(choosing.choice_of_confirming)
    ended = (
        "It may be incomplete, or has ended: a link works for three days, and for the address that it was mailed to. "
        "Save your choice again under News by mail, in the menu under your name, and we mail you a new one."
    )

    def post(self, request, *args, **kwargs):
        if not choosing.confirm(self.choice):
            raise LeadsNowhere(self.ended)
        self.done = True
        return self.render_to_response(self.get_context_data())


@method_decorator(csrf_exempt, name="dispatch")
class Stop(FromMail):
    """Mail programs send its form by themselves (RFC 8058): without a cookie, and no redirection may follow."""

    template_name = "news/stop.html"
    find = staticmethod(choosing.choice_of_stopping)
    ended = (
        "It may be incomplete or too old, or its account was deleted. "
        "Log in and choose under News by mail, in the menu under your name."
    )

    def post(self, request, *args, **kwargs):
        choosing.stop(self.choice)
        self.done = True
        return self.render_to_response(self.get_context_data())
