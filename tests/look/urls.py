"""The site's addresses and, for the tests of its look alone, a page with every component."""

import datetime
from pathlib import Path
from types import SimpleNamespace

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.template import engines
from django.urls import path

from config.urls import urlpatterns as site
from profiles.urls import password_reset
from timeline import calendar
from timeline.kinds import GROUPS, KINDS

TODAY = datetime.date(2026, 3, 13)
COUNTS = {TODAY - datetime.timedelta(days=number): number * 7 % 17 for number in range(380) if number % 5 < 3}


class ExampleForm(forms.Form):
    title = forms.CharField(label="Goal", help_text="Say it so that a friend would know when it is reached.")
    email = forms.EmailField(label="E-mail address")
    course = forms.ChoiceField(choices=[("1", "Pricing your work"), ("2", "First clients")])
    why = forms.CharField(label="Why it matters", widget=forms.Textarea, required=False)
    shared = forms.BooleanField(label="Show it to the other students", required=False)
    pace = forms.ChoiceField(
        widget=forms.RadioSelect, choices=[("day", "A little every day"), ("week", "One long sitting a week")]
    )


@login_not_required
def styleguide(request):
    messages.success(request, "Your answer is on its way to Maya.")
    messages.error(request, "The recording is longer than ten minutes. It was not sent.")
    template = engines["django"].from_string((Path(__file__).parent / "styleguide.html").read_text())
    context = {
        "kinds": KINDS,
        "groups": GROUPS.items(),
        "form": ExampleForm(),
        "form_with_errors": ExampleForm({"title": "Earn $3,000 in a month", "email": "maya@"}, prefix="wrong"),
        "calendar": calendar.drawn(COUNTS, today=TODAY, first_weekday=0),
        "student": SimpleNamespace(id="00000000-0000-7000-8000-000000000000"),
        "bars": [3, 0, 12, 7, 22, 18, 9, 4, 0, 0, 14, 26, 11, 6],
    }
    return HttpResponse(template.render(context, request))


@login_not_required
def more(request):
    return HttpResponse('<li id="more-1"><p>One more.</p></li><li><p>And another.</p></li>')


@login_not_required
def raise_error(request):
    raise RuntimeError("for the test of the error page")


urlpatterns = [
    path("styleguide/", styleguide),
    path("styleguide/more/", more),
    path("broken/", raise_error),
    *password_reset,
    *site,
]
