"""What is held about me: seen, downloaded, erased."""

from contextlib import closing

from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.db import OperationalError
from django.http import StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.generic import FormView, TemplateView

from config.admin import bounded_count
from config.files import STALL
from privacy.erasure import erase
from privacy.export import export
from privacy.forms import EraseForm
from privacy.holdings import holdings
from profiles.models import Profile


def counted(person):
    """The holdings of which there are any, as dicts of `title`, `count` and `stays`."""
    found = [
        {"title": holding.title, "count": bounded_count(holding.rows), "stays": holding.stays}
        for holding in holdings(person)
    ]
    return [each for each in found if each["count"]]


def only_superuser(person):
    """Whether nobody else could make others staff."""
    others = Profile.objects.filter(is_superuser=True, is_active=True).exclude(pk=person.pk)
    return person.is_superuser and not others.exists()


@method_decorator(never_cache, name="dispatch")
class MyData(FormView):
    template_name = "privacy/my_data.html"
    form_class = EraseForm

    def get_form_kwargs(self):
        return super().get_form_kwargs() | {"request": self.request}

    def get_context_data(self, **context):
        held = counted(self.request.user)
        return super().get_context_data(
            held=held,
            stays=[each for each in held if each["stays"]],
            teaches=self.request.user.courses_taught.exists(),
            kept=only_superuser(self.request.user),
            **context,
        )

    def form_invalid(self, form):
        response = super().form_invalid(form)
        response.status_code = 422
        return response

    def form_valid(self, form):
        if only_superuser(self.request.user):
            form.add_error(None, "You are the only superuser: make somebody else one first. Nothing was deleted.")
            return self.form_invalid(form)
        try:
            erase(self.request.user)
        except OperationalError:  # somebody else's lock, for a minute
            form.add_error(None, "Something of yours is being written at the moment. Nothing was deleted: try again.")
            return self.form_invalid(form)
        logout(self.request)
        response = redirect("account_erased")
        # What the browser keeps of the pages, drafts above all.
        response["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response


@method_decorator(login_not_required, name="dispatch")
class Erased(TemplateView):
    template_name = "privacy/erased.html"


class Download(View):
    http_method_names = ["get"]

    def get(self, request):
        return sent(request, request.user, "my-data")


def sent(request, person, name):
    """The export of a profile as a download: `name`, the day, .zip."""
    response = StreamingHttpResponse(_begun(export(person)), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{name}-{timezone.localdate():%Y-%m-%d}.zip"'
    response["Cache-Control"] = "private, no-store"
    if connection := request.META.get("gunicorn.socket"):
        connection.settimeout(STALL)
    return response


def _begun(pieces):
    """The pieces, of which the first is made at once, so that what fails then can still say so."""
    first = next(pieces)

    def all_of_them():
        with closing(pieces):  # and with it their temporary file, also if the download is broken off
            yield first
            yield from pieces

    return all_of_them()
