"""The conversation goes on: notes and messages are written, one's own words edited, hidden and brought back."""

from dataclasses import dataclass
from functools import partial

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest, ObjectDoesNotExist, ValidationError
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.views import View
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget, trigger_client_event

from goals import conversation
from goals.forms import MessageForm, NoteForm
from profiles.forms import EditForm
from profiles.writing import WritingConflict, bring_back, edit, hide, new_id, version
from timeline import access, kinds, queries
from timeline.fold import folded
from timeline.models import DAY_ZONE
from timeline.reading import mark_read
from timeline.templatetags.timeline import capped
from timeline.views.back import where_from, with_anchor
from timeline.views.page import ForHtmx, Page
from timeline.views.writing import file_lost, renewed, written
from timeline.words import WORDS, words_of


def told(student, date):
    """What the pages say of a day, for the event `said` to bring up to date."""
    counts = queries.day_counts(student=student, dates=[date])[date]
    nothing = "Nothing yet today." if date == queries.today() else "Nothing is left of this day."
    return {
        "date": date.isoformat(),
        "sentence": kinds.sentence(counts) or nothing,
        "total": capped(sum(counts.values())),
    }


@dataclass(frozen=True)
class Composer:
    """The place to write at the foot of today.

    `after`: the cursor of the last entry that stands above it, "" without any;
    None where a new entry cannot be put under it.  `draft`: the key of what is
    typed and not sent; `sent`: it was.  `file_lost`: a file was sent that the
    browser must be given anew.
    """

    form: forms.Form
    own: bool
    draft: str
    date: str
    after: str | None
    sent: bool = False
    file_lost: bool = False


class Composing:
    """What a page of a student's days needs for the composer at the foot of today."""

    def composer(self, after, form=None, date=None, **more):
        return Composer(
            form=form or self._form(initial={"id": new_id()}),
            own=self.own,
            draft=f"{'note' if self.own else 'message'}-{self.student.pk}",
            date=date or queries.today().isoformat(),
            after=after,
            **more,
        )

    def composer_under(self, entries):
        """The composer under the last entries of today."""
        return self.composer(queries.BY_TIME.cursor(entries[-1]) if entries else "")

    def _form(self, *args, **options):
        options |= {"auto_id": "composer-%s"}
        return NoteForm(*args, **options) if self.own else MessageForm(*args, student=self.student, **options)


class Speaking(Composing):
    """A page of a student's days that takes what composers send, its own and those of other pages."""

    def post(self, request, *args, **kwargs):
        # Before the first note the page looks otherwise altogether.
        begins = self.own and not queries.has_begun(student=self.student)
        form = self._form(request.POST, request.FILES)
        row = self._written(form) if form.is_valid() else None
        if row is None:
            return self._unsaid(form)
        entry = queries.entry_of_words(row)
        if entry is None:
            raise Http404("It was hidden or deleted in the meantime.")
        if request.htmx and not begins and (response := self._put_in_place(entry)):
            return response
        messages.success(request, self._status(), extra_tags=self.composer(None, form).draft)
        address = reverse("entry", args=[entry.pk])
        return HttpResponseClientRedirect(address) if request.htmx else HttpResponseRedirect(address)

    def _status(self):
        return "Your note is saved." if self.own else f"Your message to {self.student} is sent."

    def _written(self, form):
        """The row of a valid form; None, with an error in the form, if it cannot be written."""
        if self.own:
            return written(form, conversation.write_note, owner=self.request.user, student=self.student)
        goal = form.cleaned_data["goal"]
        message = partial(conversation.write_message, author=self.request.user, goal=goal and goal.pk)
        return written(form, message, owner=self.request.user, student=self.student)

    def _unsaid(self, form):
        """The form with what is wrong and all that was typed."""
        sent, is_renewed = self.request.POST, renewed(form)
        lost = file_lost(self.request, form, is_renewed)
        composer = self.composer(sent.get("after"), form, sent.get("day"), file_lost=lost)
        context = {"student": self.student, "own": self.own, "composer": composer}
        if not self.request.htmx:
            return render(self.request, "timeline/conversation/write.html", context | {"alone": True}, status=422)
        response = render(self.request, "timeline/conversation/composer.html", context, status=422)
        return reswap(retarget(response, "#composer"), "outerHTML")

    def _put_in_place(self, entry):
        """What came today since the form was drawn, and an empty form; None if it would not stand where it belongs."""
        after, date = self.request.POST.get("after"), entry.activity_date
        if after is None or self.request.POST.get("day") != date.isoformat():
            return None
        try:
            day = queries.student_day(student=self.student, date=date, after=after)
        except BadRequest:
            return None
        if day.entries.next:
            return None
        self.prepare(day.entries.entries)
        last = queries.BY_TIME.cursor(day.entries.entries[-1]) if day.entries.entries else after
        context = {
            "student": self.student,
            "own": self.own,
            "items": folded(day.entries.entries),
            "composer": self.composer(last, sent=True),
        }
        response = render(self.request, "timeline/conversation/said.html", context)
        event = {"status": self._status(), **told(self.student, date)}
        return trigger_client_event(response, "said", event, after="settle")


class OwnWords(ForHtmx, View):
    """Something done to a row of one's own words: as a page; to htmx, a form for the entry's slot, or its new row."""

    def setup(self, request, *args, table, row, **kwargs):
        super().setup(request, *args, **kwargs)
        self.words = WORDS[table]
        people = ["student", *(["responded_by"] if table == "reflections" else [])]
        self.row = get_object_or_404(
            access.own_writings(request.user, self.words.model).select_related(*people), pk=row
        )
        # How the entry is drawn on the page that it stands on (timeline/entry.html).
        asked = request.POST.get("row") or request.GET.get("row")
        self.place = "video" if asked == "video" and request.htmx else "time"

    @property
    def date(self):
        return self.row.created_at.astimezone(DAY_ZONE).date()

    @property
    def draft(self):
        return f"edit-{self.row.pk}"

    @cached_property
    def entry_id(self):
        return queries.entry_id_of_words(self.row)

    def entry(self):
        """The row's entry as its reader sees it; None while it is hidden."""
        entry = queries.entry_of_words(self.row)
        if entry:
            user, student = self.request.user, self.row.student
            since = conversation.last_visit(viewer=user, student=student, now=timezone.now())
            access.mark_answerable(user, queries.with_places([entry]))
            mark_read([entry], viewer=user, since=since)
            access.mark_watchable(user, [entry])
            if self.place == "video":
                entry.has_new_answer = self.row.response_unseen
        return entry

    def back(self, entry=None):
        """Where this was asked for; else where the entry stands, or its day."""
        if asked := where_from(self.request):
            return with_anchor(asked, f"entry-{entry.pk}") if entry else asked
        return reverse("entry", args=[entry.pk]) if entry else self.day

    @property
    def day(self):
        return reverse("student_day", args=[self.row.student_id, self.date])

    def drawn(self, template, entry, status=200, **more):
        """A template that htmx puts where its link or form says."""
        context = {
            "words": self.words,
            "row": self.row,
            "entry": entry,
            "entry_id": self.entry_id,
            "place": self.place,
            "draft": self.draft,
            "back": self.back(entry),
        }
        return render(self.request, template, context | more, status=status)

    def in_place(self, template, entry, status=200, **more):
        """A template that htmx puts in the place of the entry."""
        response = self.drawn(template, entry, status, **more)
        return reswap(retarget(response, f"#entry-{self.entry_id}"), "outerHTML")

    def done(self, response, status):
        """Tells the page what has happened to the entry and to its day."""
        event = {"status": status, "entry": f"entry-{self.entry_id}", **told(self.row.student, self.date)}
        return trigger_client_event(response, "said", event, after="settle")

    def hidden(self, status):
        """What stands in the place of an entry that is hidden."""
        return self.done(self.in_place("timeline/conversation/hidden_entry.html", None), status)


class EditWords(OwnWords):
    """Other words in the place of one's own."""

    def get(self, request, *args, **kwargs):
        return self._page(EditForm(initial={"text": self.row.content, "seen": version(self.row)}))

    def post(self, request, *args, **kwargs):
        form = EditForm(request.POST)
        if not form.is_valid():
            return self._page(form, status=422)
        text = form.cleaned_data["text"]
        try:
            self.row = edit(self.row, text, form.cleaned_data["seen"])
        except ObjectDoesNotExist as error:
            raise Http404("It was deleted in the meantime.") from error
        except ValidationError as error:
            form.add_error("text", error.messages)
            return self._page(form, status=422)
        except WritingConflict as conflict:
            self.row = conflict.row
            return self._page(EditForm({"text": text, "seen": version(self.row)}), status=409)
        return self._saved()

    def _page(self, form, status=200):
        form.auto_id = f"edit-{self.row.pk}-%s"
        form.fields["text"].label = f"Your {self.words.noun}"
        entry = self.entry()
        asked = {"edit_form": form, "conflict": status == 409}
        if not self.request.htmx:
            form.fields["text"].widget.attrs["autofocus"] = True
            return self.drawn("timeline/conversation/edit.html", entry, status, alone=True, **asked)
        if status != 409 or entry is None:
            return self.drawn("timeline/conversation/edit_form.html", entry, status, **asked)
        # The whole row, as the words that stand by now are news.
        return self.in_place("timeline/entry.html", entry, status, **asked)

    def _saved(self):
        entry, status = self.entry(), f"Your {self.words.noun} is changed."
        if not self.request.htmx:
            messages.success(self.request, status, extra_tags=self.draft)
            return HttpResponseRedirect(self.back(entry))
        if entry is None:
            return self.hidden(f"{status} It is hidden.")
        return self.done(self.in_place("timeline/entry.html", entry, sent=self.draft), status)


class HideWords(OwnWords):
    """One's own words leave every page, once it was said what that means."""

    def get(self, request, *args, **kwargs):
        template = "hide_form" if request.htmx else "hide"
        back = where_from(request) or self.day  # not the entry's own address, which will be gone
        how = {"alone": not request.htmx, "hiding": True}
        return self.drawn(f"timeline/conversation/{template}.html", self.entry(), back=back, **how)

    def post(self, request, *args, **kwargs):
        hide(self.row)
        status = f"Your {self.words.noun} is hidden."
        if request.htmx:
            return self.hidden(status)
        messages.success(
            request, format_html('{} <a href="{}">What you have hidden</a>', status, reverse("hidden_words"))
        )
        return HttpResponseRedirect(self.back())


class BringBackWords(OwnWords):
    """Hidden words stand again where they stood; asked for there (`row=day`) or in the list of what is hidden."""

    def get(self, request, *args, **kwargs):
        return HttpResponseRedirect(reverse("hidden_words"))  # who had to log in first comes here

    def post(self, request, *args, **kwargs):
        bring_back(self.row)
        entry, status = self.entry(), f"Your {self.words.noun} is back."
        if entry is None:
            raise Http404("It was hidden or deleted in the meantime.")
        address = reverse("entry", args=[entry.pk])
        if not request.htmx:
            messages.success(request, status)
            return HttpResponseRedirect(address)
        if request.POST.get("row") in ("day", "video"):
            return self.done(self.in_place("timeline/entry.html", entry), status)
        response = self.drawn("timeline/conversation/back_again.html", entry, said=status)
        return trigger_client_event(
            response, "said", {"status": status, "entry": f"back-{self.row.pk}"}, after="settle"
        )


class HiddenWords(Page):
    """What one wrote and has hidden, the last hidden first."""

    template_name = "timeline/conversation/hidden.html"

    def get_context_data(self, **kwargs):
        page = queries.hidden_words(by=self.request.user, after=self.request.GET.get("after"))
        rows = [(words_of(row), row) for row in page.entries]
        return super().get_context_data(rows=rows, more=page.next, **kwargs)
