"""A student's days, which are their goal conversation."""

import datetime
import uuid
from dataclasses import dataclass
from operator import attrgetter
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.functional import cached_property
from django.views.generic import View

from config.prefetch import is_looked_at
from courses.models import Course
from goals import conversation
from goals.models import Goal
from profiles.models import BEGINNING
from reflections.answers import unseen
from timeline import access, calendar, kinds, queries
from timeline.fold import folded, item_of
from timeline.gaps import with_gaps
from timeline.models import DAY_ZONE
from timeline.reading import mark_read
from timeline.views.asked import choice_asked
from timeline.views.conversation import Composer, Composing, Speaking
from timeline.views.page import Page, text_asked
from timeline.views.student import StudentPage

A_DAY = datetime.timedelta(days=1)
CHOICES = 200  # courses and goals to choose from
ANSWERS = 20  # new ones that are told of


@dataclass(frozen=True)
class ListedDay:
    """A day as the list shows it; `more`: it has entries that are not shown; `continued`: later ones stand above.

    Today has a `composer`, above which stand its last entries; other days show their first.
    """

    date: datetime.date
    sentence: str
    items: list
    total: int
    more: bool = False
    continued: bool = False
    composer: Composer | None = None


class DaysPage(StudentPage):
    """What the pages of a student's days share."""

    def get_context_data(self, **kwargs):
        return super().get_context_data(today=queries.today(), **kwargs)

    @cached_property
    def since_visit(self):
        """When the viewer read this conversation before, or began to; None if never."""
        return conversation.last_visit(viewer=self.request.user, student=self.student, now=timezone.now())

    def prepare(self, entries):
        """As on every page, and what they are to the viewer: new, or their own words."""
        super().prepare(entries)
        mark_read(entries, viewer=self.request.user, since=self.since_visit)
        access.mark_watchable(self.request.user, entries)

    def since_spoken(self):
        """What "Since we last spoke" tells the viewer; nothing about themself."""
        if self.own:
            return {}
        since = queries.since_spoken(student=self.student, instructor=self.request.user)
        moment = since.moment or BEGINNING
        waiting = access.mark_answerable(self.request.user, queries.with_places(since.waiting))
        return {
            "since": since,
            "since_total": since.total,
            "since_limit": queries.SINCE_LIMIT,
            "since_address": self.address_of(kind=sorted(since.counts), since=moment),
            "done": [
                (words, self.address_of(kind=kind.value, since=moment)) for kind, words in kinds.phrases(since.counts)
            ],
            "proofs": since.counts.get("success_proof", 0),
            "proofs_address": self.address_of(kind="success_proof", since=moment),
            "goals_address": self.address_of(kind="goal_completion", since=moment),
            "milestones_address": self.address_of(kind="goal_milestone", since=moment),
            "waiting": waiting,
            "to_answer": next((entry for entry in waiting if entry.answerable), None),
            "move": queries.goal_move(student=self.student, instructor=self.request.user, since=moment),
        }

    def start(self):
        """Whether the student has begun; if not, where they could."""
        if queries.has_begun(student=self.student):
            return {"begun": True}
        return {"begun": False, "beginning": queries.beginning(student=self.student)}

    def address_of(self, *, since, **asked):
        """The address of the days with what is `asked` for since a moment."""
        query = urlencode({**asked, "since": since.isoformat()}, doseq=True)
        return f"{reverse('student_days', args=[self.student.pk])}?{query}#days"


def is_uuid(text):
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


class NoSuch(BadRequest):
    """The address narrows the days to a course or goal (`name`) that the student does not have, or no longer has."""

    def __init__(self, name, words):
        super().__init__(words)
        self.name = name


class AskingPage(DaysPage):
    """A page that takes its filter from the address.

    kind (of KINDS or GROUPS, repeated), course, goal, q, since, waiting=1.
    """

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.courses = queries.courses_of_student(student=self.student, size=CHOICES)
        self.goals = list(Goal.objects.filter(student=self.student).order_by("-created_at", "-pk")[:CHOICES])
        self.kinds = [kind for kind in request.GET.getlist("kind") if kind]
        for kind in self.kinds:
            if kind not in kinds.GROUPS and kind not in kinds.BY_VALUE:
                raise BadRequest(f"There is no kind of activity called “{kind[:40]}”.")
        self.asked = queries.DaysFilter(
            kinds=tuple(kind.value for kind in kinds.KINDS if {kind.value, kind.group} & set(self.kinds)) or None,
            course=self._one_of(self.courses, "course", Course.objects.filter(enrollments__student=self.student)),
            goal=self._one_of(self.goals, "goal", Goal.objects.filter(student=self.student)),
            text=text_asked(request, "q"),
            since=queries.BY_MOMENT.parse(since)[0] if (since := request.GET.get("since")) else None,
            waiting=choice_asked(request, "waiting", ("1",)) == "1",
        )

    def _one_of(self, choices, name, own):
        """The row that the address names, as an id; another student's is no more there than one that never was.

        If it is one of their `own` beyond those to choose from, it is added to these.  Index: the primary key.
        """
        if not (asked := self.request.GET.get(name)):
            return None
        for row in choices:
            if str(row.pk) == asked:
                return row.pk
        if len(choices) == CHOICES and is_uuid(asked) and (row := own.filter(pk=asked).first()):
            choices.append(row)
            return row.pk
        raise NoSuch(name, f"{'You have' if self.own else f'{self.student} has'} no such {name}.")


class StudentDays(Speaking, AskingPage):
    """A student's days, newest first, each with a sentence and its entries; or what the filter finds in them."""

    template_name = "timeline/student_days.html"
    fragments = ("entries", "days", "spoken", "year")
    varies_with = (*Page.varies_with, "Accept-Language")  # says where weeks begin

    def setup(self, request, *args, **kwargs):
        self.gone = None
        try:
            super().setup(request, *args, **kwargs)
        except NoSuch as gone:
            # What is not even written like an id was in no bookmark.
            if request.method != "GET" or request.htmx or not is_uuid(request.GET[gone.name]):
                raise
            self.gone = gone
        if self.own:
            self.fragments = ("entries", "days", "year")  # nobody speaks with themself
        self.before = request.GET.get("before")

    def dispatch(self, request, *args, **kwargs):
        if not self.gone:
            return super().dispatch(request, *args, **kwargs)
        # A bookmark outlives a goal: all else that it asks for is shown.
        asked = request.GET.copy()
        for name in (self.gone.name, "before"):
            asked.pop(name, None)
        messages.info(request, f"{self.gone} The days are shown without it.")
        return HttpResponseRedirect(f"{request.path}{'?' if asked else ''}{asked.urlencode()}")

    @property
    def notes_reading(self):
        # Who looks something up, or reads further back, is not reading anew.
        return not (self.fragment or self.asked or self.before)

    @cached_property
    def since_visit(self):
        if not self.notes_reading or self.request.method == "HEAD":
            return super().since_visit
        return conversation.visit(viewer=self.request.user, student=self.student, now=timezone.now())

    def get_context_data(self, **kwargs):
        if self.fragment == "spoken":
            return super().get_context_data(**self.start(), **self.since_spoken(), **kwargs)
        if self.fragment == "year":
            return super().get_context_data(calendar=self.calendar(), **kwargs)
        context = self.found() if self.asked else self.listed()
        if not self.fragment:
            context |= self.above(context["rows"])
        return super().get_context_data(asked=self.asked, before=self.before, **context, **kwargs)

    def listed(self):
        """A page of all days, with the quiet ones between them; today stands there from its first hour on.

        Where a clock was wrong, days that are still to come may fill whole pages `before_today`.
        """
        page = queries.student_days(student=self.student, before=self.before)
        days, today = page.entries, queries.today()
        above = queries.BY_DAY.parse(self.before)[0] if self.before else None
        to_come = above is None or today < above
        has_today = to_come and (page.next is None or days[-1].date <= today)
        if has_today:
            counts = next((day.counts for day in days if day.date == today), {})
            of_today = queries.Day(today, counts, queries.end_of_day(student=self.student, date=today))
            days = sorted([of_today, *(day for day in days if day.date != today)], key=attrgetter("date"), reverse=True)
        self.prepare([entry for day in days for entry in day.entries.entries])
        rows = [self._listed(day, more=day.entries.next is not None, composed=day.date == today) for day in days]
        rows = with_gaps(rows, above or rows[0].date + A_DAY)
        return {"rows": rows, "more": page.next, "before_today": to_come and not has_today}

    def found(self):
        """A page of the days in which something is found, with that alone."""
        page = queries.found_days(student=self.student, asked=self.asked, before=self.before)
        entries = [entry for day in page.days for entry in day.entries.entries]
        self.prepare(entries)
        above = self.before and queries.BY_TIME.parse(self.before)[0].astimezone(DAY_ZONE).date()
        return {
            "rows": [self._listed(day, continued=day.date == above) for day in page.days],
            "more": page.next,
            "back_to": page.back_to,
            "number": len(entries),
            "cause": self._cause(),
        }

    def _cause(self):
        """Why nothing is found: the one thing that is asked for, or "all" of several."""
        asked = [name for name, value in vars(self.asked).items() if value]
        return asked[0] if len(asked) == 1 else "all"

    def _listed(self, day, composed=False, **how):
        entries = day.entries.entries
        how["composer"] = self.composer_under(entries) if composed else None
        return ListedDay(day.date, kinds.sentence(day.counts), folded(entries), sum(day.counts.values()), **how)

    def above(self, rows):
        """What stands above the days, and beside them."""
        return {
            **self.start(),
            **self.since_spoken(),
            **self.news(rows),
            "calendar": self.calendar(),
            "groups": [(group, label, group in self.kinds) for group, label in kinds.GROUPS.items()],
            "single_kinds": [kinds.BY_VALUE[kind] for kind in dict.fromkeys(self.kinds) if kind in kinds.BY_VALUE],
            "courses": self.courses,
            "goals": self.goals,
            "choices": CHOICES,
        }

    def calendar(self):
        today = queries.today()
        counts = queries.calendar(student=self.student, until=today)
        return calendar.drawn(counts, today=today, first_weekday=calendar.first_weekday(self.request))

    def news(self, rows):
        """What is new since the viewer's last visit: `new` and `answered`, how many; `first`, where it begins."""
        if self.since_visit is None:
            return {}
        asked = {"student": self.student, "since": self.since_visit}
        first, number = queries.first_new(viewer=self.request.user, **asked)
        answers = queries.answers_since(size=ANSWERS + 1, **asked) if self.own else []
        if first is None and not answers:
            return {}
        if first is None or (answers and answers[0].responded_at < first.created_at):
            first = answers[0]
        shown = item_of([item for row in rows for item in getattr(row, "items", [])], first)
        return {
            "new": number,
            "new_limit": queries.NEW_LIMIT,
            "answered": len(answers),
            "answers_limit": ANSWERS,
            "first": f"#entry-{shown.id}" if shown else reverse("entry", args=[first.pk]),
            "since_visit": self.since_visit,
        }


class StudentDay(Composing, DaysPage):
    """One day of a student, paged within itself."""

    template_name = "timeline/student_day.html"

    def setup(self, request, *args, date, **kwargs):
        super().setup(request, *args, **kwargs)
        self.date = date

    def get_context_data(self, **kwargs):
        after = self.request.GET.get("after")
        day = queries.student_day(student=self.student, date=self.date, after=after)
        self.prepare(day.entries.entries)
        earlier, later = queries.neighbouring_days(student=self.student, date=self.date)
        if self.date == queries.today():
            # Under a page that is not the last, a new entry would stand too early.
            kwargs["composer"] = self.composer(None) if day.entries.next else self.composer_under(day.entries.entries)
        return super().get_context_data(
            date=self.date,
            sentence=kinds.sentence(day.counts),
            total=sum(day.counts.values()),
            items=folded(day.entries.entries),
            after=after,
            more=day.entries.next,
            day_before=earlier,
            day_after=later,
            **kwargs,
        )


class StudentSince(DaysPage):
    """What a student did since the viewer last wrote to them or answered them, on one page to print."""

    template_name = "timeline/student_since.html"
    fragments = ()

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        if self.own:
            raise Http404("You cannot write to yourself.")

    def get_context_data(self, **kwargs):
        return super().get_context_data(**self.start(), **self.since_spoken(), **kwargs)


class EntryPlace(View):
    """The address of an entry, which leads to where it stands: on the page of its day that holds it."""

    def get(self, request, entry):
        found = queries.entry_with_id(entry)
        if found is None:
            raise Http404("There is no such entry.")
        student = get_object_or_404(access.visible_students(request.user), pk=found.student_id)
        if found.response_status == "responded" and is_looked_at(request):
            # Those on videos count as seen on their video's page.
            unseen(request.user).filter(pk=found.source_id, video=None).update(response_unseen=False)
        after = queries.page_with(found)
        day = queries.student_day(student=student, date=found.activity_date, after=after)
        shown = item_of(folded(day.entries.entries), found) or found
        address = reverse("student_day", args=[student.pk, found.activity_date])
        query = f"?{urlencode({'after': after})}" if after else ""
        response = HttpResponseRedirect(f"{address}{query}#entry-{shown.id}")
        patch_cache_control(response, private=True)
        return response
