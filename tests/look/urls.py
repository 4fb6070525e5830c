"""The site's addresses and, for the tests of its look alone, a page with every component."""

import datetime
import uuid
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.validators import MaxLengthValidator
from django.db import transaction
from django.http import HttpResponse
from django.template import engines
from django.urls import path

from config.urls import handler404  # noqa: F401
from config.urls import urlpatterns as site
from goals.conversation import write_note
from news.urls import offered
from profiles.urls import password_reset
from timeline import calendar, track
from timeline.kinds import GROUPS, KINDS
from timeline.queries import Audience, Landmark, Marker, Stop
from uploads.forms import AttachmentField
from uploads.store import media_of, store

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


def drawn(name, context, request):
    """A template of this folder, as text."""
    return engines["django"].from_string((Path(__file__).parent / name).read_text()).render(context, request)


@login_not_required
def styleguide(request):
    messages.success(request, "Your answer is on its way to Maya.")
    messages.error(request, "The recording is longer than five minutes. It was not sent.")
    context = {
        "kinds": KINDS,
        "groups": GROUPS.items(),
        "form": ExampleForm(),
        "form_with_errors": ExampleForm({"title": "Earn $3,000 in a month", "email": "maya@"}, prefix="wrong"),
        "calendar": calendar.drawn(COUNTS, today=TODAY, first_weekday=0),
        **video_and_track(),
        "student": SimpleNamespace(id="00000000-0000-7000-8000-000000000000"),
        "attachment": AttachForm(auto_id="attach-%s")["attachment"],
    }
    return HttpResponse(drawn("styleguide.html", context, request))


def video_and_track():
    """A class of 31, of whom a dozen stopped at 6:10, drawn as for everyone."""
    duration = 875
    shares = [24] * 50 + [12] * 40 + [11] * 30
    audience = Audience(24, 24, 31, 0, shares, [Stop(364, 372, 12)])
    markers = [
        Marker(3, "reflections", 130, 1, 0),
        Marker(6, "reflections", 251, 7, 2),
        Marker(7, "reflections", 258, 100, 0),
        Marker(12, "quizzes", 440, 18, 0),
    ]
    landmarks = [Landmark(301, "The three questions", "checkpoint"), Landmark(440, "Hours or results?", "quiz")]
    return {
        "video": SimpleNamespace(id=UUID(int=7), title="What your time is worth", duration_seconds=duration, src=""),
        "track": track.draw(duration=duration, audience=audience, markers=markers, landmarks=landmarks),
        "seek": "?t=",
        "story": track.story_of_class(
            duration=duration, audience=audience, markers=markers, totals={"reflections": 108, "waiting": 2}
        ),
        "playhead": track.at(251, duration),
        "second": 251,
    }


@login_not_required
def more(request):
    return HttpResponse('<li id="more-1"><p>One more.</p></li><li><p>And another.</p></li>')


class AttachForm(forms.Form):
    id = forms.UUIDField(widget=forms.HiddenInput)
    text = forms.CharField(label="Words", widget=forms.Textarea, required=False, validators=[MaxLengthValidator(30)])
    attachment = AttachmentField()


def attach(request, htmx):
    """A form with components/attach.html, sent by htmx or by the browser alone, that writes a note."""
    form, note = AttachForm(initial={"id": uuid.uuid4()}), None
    if request.method == "POST":
        sent = AttachForm(request.POST, request.FILES)
        if sent.is_valid():
            found, (person, words) = sent.cleaned_data, (request.user, sent.cleaned_data["text"])
            with transaction.atomic():
                media = media_of(store(found["attachment"], person, person)) if found["attachment"] else {}
                note = write_note(id=found["id"], student=person, text=words, **media)
        else:
            form = sent
    composer = drawn("composer.html", {"form": form, "note": note, "htmx": htmx}, request)
    page = composer if request.htmx else drawn("attach.html", {"composer": composer}, request)
    return HttpResponse(page, status=422 if form.is_bound else 200)


@login_not_required
def raise_error(request):
    raise RuntimeError("for the test of the error page")


urlpatterns = [
    path("styleguide/", styleguide),
    path("styleguide/more/", more),
    path("attach/", attach, {"htmx": True}),
    path("attach/plain/", attach, {"htmx": False}),
    path("broken/", raise_error),
    *password_reset,
    *offered,
    *site,
]
