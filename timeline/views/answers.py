"""Answering: one reflection, a whole moment, and the inbox of what waits."""

import uuid
from dataclasses import dataclass
from itertools import pairwise

from django.contrib import messages
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views import View
from django_htmx.http import reswap, retarget, trigger_client_event

from config.counts import counted
from courses.access import visible_among
from goals.conversation import last_visit
from profiles.models import Profile
from reflections.access import answerable_reflections
from reflections.answers import AnswerConflict, NothingToAnswer, answer, answer_all, cleaned, version
from reflections.forms import AnswerForm
from reflections.models import Reflection
from timeline import access, queries
from timeline.models import Activity
from timeline.moments import GAP
from timeline.reading import mark_read
from timeline.rows import ROWS
from timeline.views.asked import moment_links
from timeline.views.back import where_from, with_anchor
from timeline.views.page import ForHtmx, Page, uuid_asked

ALONE = 5  # students with a reflection on no video that are named


class Answer(ForHtmx, View):
    """A reflection with its answer form: as a page; to htmx, the form for the entry's row, or the row once answered."""

    def setup(self, request, *args, reflection, **kwargs):
        super().setup(request, *args, **kwargs)
        answerable = answerable_reflections(request.user).select_related("student", "video", "responded_by")
        self.reflection = get_object_or_404(answerable, pk=reflection)
        asked = request.POST.get("row") or request.GET.get("row")
        self.row = asked if asked in ROWS else ""
        self.back = where_from(request) or self._its_place()

    def get(self, request, *args, **kwargs):
        standing = {"text": self.reflection.instructor_response, "seen": version(self.reflection)}
        return self._form(AnswerForm(initial=standing, reflection=self.reflection))

    def post(self, request, *args, **kwargs):
        form = AnswerForm(request.POST, reflection=self.reflection)
        if not form.is_valid():
            return self._form(form, status=422)
        text, seen = form.cleaned_data["text"], form.cleaned_data["seen"]
        try:
            self.reflection = answer(self.reflection.pk, by=request.user, text=text, seen=seen)
        except NothingToAnswer as error:
            raise Http404(str(error)) from error
        except AnswerConflict as conflict:
            self.reflection = conflict.reflection
            mine = {"text": text, "seen": version(self.reflection)}
            return self._form(AnswerForm(mine, reflection=self.reflection), status=409)
        return self._sent()

    def _its_place(self):
        """The reflection's moment in its video's journey, or its student's day."""
        entry = self._entry()
        video = self.reflection.video
        if video and access.videos_taught(self.request.user).filter(pk=video.pk).exists():
            return f"{reverse('video_journey', args=[video.pk])}?t={entry.video_timestamp_seconds}"
        return reverse("student_day", args=[entry.student_id, entry.activity_date.isoformat()])

    def _entry(self):
        entries = queries.with_places(queries.entries_of_reflections([self.reflection.pk]))
        if not entries:
            raise Http404(str(NothingToAnswer()))
        user, student = self.request.user, self.reflection.student
        access.mark_visible(user, access.mark_answerable(user, entries))
        if self.row == "day":
            mark_read(entries, viewer=user, since=last_visit(viewer=user, student=student, now=timezone.now()))
        return entries[0]

    def _context(self, **more):
        page = {"place": "moment" if self.reflection.video_id else "time", "named": True, "dated": True}
        links = moment_links(self.reflection.video, came_from=self.back) if self.reflection.video_id else {}
        return {
            **links,
            "reflection": self.reflection,
            "entry": self._entry(),
            "row": self.row,
            "back": self.back,
            **(ROWS[self.row] if self.row and self.request.htmx else page),
            **more,
        }

    def _form(self, form, status=200):
        if not self.request.htmx:
            form.fields["text"].widget.attrs["autofocus"] = True
        context = self._context(form=form, conflict=status == 409, alone=not self.request.htmx)
        if not self.request.htmx:
            return render(self.request, "timeline/answer.html", context, status=status)
        if status != 409:
            return render(self.request, "timeline/answer_form.html", context, status=status)
        # The whole row, as the answer that stands by now is news.
        response = self._in_place_of_row(render(self.request, "timeline/entry.html", context, status=status), context)
        return trigger_client_event(response, "overtaken", after="settle")

    def _sent(self):
        context = self._context(sent=f"answer-{self.reflection.pk}")
        entry, student = context["entry"], self.reflection.student
        if not self.request.htmx:
            messages.success(self.request, f"Your answer to {student} was sent.", extra_tags=context["sent"])
            return HttpResponseRedirect(with_anchor(self.back, f"entry-{entry.pk}"))
        response = self._in_place_of_row(render(self.request, "timeline/entry.html", context), context)
        told = {"entry": f"entry-{entry.pk}", "student": str(student.pk), "name": str(student)}
        return trigger_client_event(response, "answered", told, after="settle")

    def _in_place_of_row(self, response, context):
        return reswap(retarget(response, f"#entry-{context['entry'].pk}"), "outerHTML")


@dataclass
class Row:
    """A reflection of a moment, as the form that answers it together with others shows it."""

    reflection: Reflection
    ticked: bool = True
    text: str = ""  # an answer of its own; without, it gets the common one
    seen: str = ""
    conflict: bool = False
    error: str = ""
    entry: Activity | None = None


class Moment(Page):
    """What waits at a moment of a video, answered together: one answer for all who are ticked, or some of their own."""

    template_name = "timeline/moment.html"
    fragments = ()
    SIZE = 50  # reflections of one page

    def setup(self, request, *args, video, second, **kwargs):
        super().setup(request, *args, **kwargs)
        self.video = get_object_or_404(access.videos_taught(request.user), pk=video)
        self.second = second
        if second >= 2**31:
            raise Http404("No video is that long.")
        self.back = where_from(request) or f"{reverse('video_journey', args=[self.video.pk])}?t={second}"
        self.lost = []  # words for reflections that were hidden or deleted while they were written

    def get(self, request, *args, **kwargs):
        moment, entries = self._moment()
        if not entries and self.second >= self.video.duration_seconds:
            raise Http404("The video is not that long.")
        reflections = self._answerable([entry.source_id for entry in entries])
        rows = [Row(reflections[entry.source_id]) for entry in entries if entry.source_id in reflections]
        return self._page(rows, moment=moment, more=moment.count - len(entries) if moment else 0)

    def post(self, request, *args, **kwargs):
        rows, common = self._rows(), request.POST.get("text", "")
        if "copy" in request.POST:
            for row in rows:
                if str(row.reflection.pk) == request.POST["copy"]:
                    row.text = row.text or common
            return self._page(rows, common)
        ticked = [row for row in rows if row.ticked]
        error = "" if ticked else "Tick at least one student."
        for row in ticked:
            try:
                cleaned(row.text or common)
            except ValidationError as invalid:
                if row.text:
                    row.error = invalid.messages[0]
                else:
                    error = invalid.messages[0]
        if error or any(row.error for row in ticked):
            return self._page(rows, common, error=error, status=422)
        sent, conflicts = answer_all(
            {row.reflection.pk: (row.text or common, row.seen) for row in ticked}, by=request.user
        )
        done = {reflection.pk for reflection in (*sent, *conflicts)}
        self.lost += [row.text for row in ticked if row.text and row.reflection.pk not in done]
        if conflicts:
            return self._conflicts(rows, common, sent, {reflection.pk: reflection for reflection in conflicts})
        if self.lost or not sent:
            # Nothing is written anywhere else: what has nobody to go to is shown, with those who are still to answer.
            left, error = [row for row in rows if not row.ticked], "" if sent else str(NothingToAnswer())
            return self._page(left, "" if sent else common, sent=sent, error=error, status=409)
        words = f"Your answer was sent to {counted(len(sent), 'student')}."
        messages.success(request, words, extra_tags=self._draft())
        return HttpResponseRedirect(self._rest(rows) or self.back)

    def _rest(self, rows):
        """The address of what is left of a moment that was too large for one page; None without."""
        if "more" not in self.request.POST:
            return None
        last = max(row.reflection.video_timestamp_seconds for row in rows)
        for moment in queries.moments_of_video(video=self.video, by=self.request.user):
            if moment.last >= self.second and moment.first - last <= GAP:
                return reverse("moment", args=[self.video.pk, moment.first])
        return None

    def _conflicts(self, rows, common, sent, standing):
        """What could not be sent: with the answer that stands, one's own words kept, and not ticked."""
        gone = {row.reflection.pk for row in rows if row.ticked} - standing.keys()
        left = [row for row in rows if row.reflection.pk not in gone]
        for row in left:
            if reflection := standing.get(row.reflection.pk):
                row.text = row.text or common
                row.ticked, row.conflict = False, True
                row.reflection, row.seen = reflection, version(reflection)
        return self._page(left, common, sent=sent, conflicts=len(standing), status=409)

    def _rows(self):
        """The rows of the form that was sent, of reflections that may still be answered."""
        try:
            asked = [uuid.UUID(text) for text in self.request.POST.getlist("reflection")]
        except ValueError as error:
            raise BadRequest("The form that was sent is incomplete. Reload the page.") from error
        if len(asked) > self.SIZE:
            raise BadRequest(f"At most {self.SIZE} can be answered at once.")
        reflections, form = self._answerable(asked), self.request.POST
        own = [form.get(f"text-{pk}", "").strip() for pk in dict.fromkeys(asked) if pk not in reflections]
        self.lost = list(filter(None, [*form.getlist("lost"), *own]))
        return [
            Row(
                reflections[pk],
                ticked=str(pk) in form.getlist("to"),
                text=form.get(f"text-{pk}", "").strip(),
                seen=form.get(f"seen-{pk}", ""),
            )
            for pk in dict.fromkeys(asked)
            if pk in reflections
        ]

    def _moment(self):
        return queries.moment(video=self.video, second=self.second, by=self.request.user, size=self.SIZE)

    def _answerable(self, ids):
        answerable = answerable_reflections(self.request.user).filter(video=self.video)
        return answerable.select_related("student", "responded_by").in_bulk(ids)

    def _draft(self):
        return f"moment-{self.video.pk}-{self.second}"

    def _page(self, rows, common="", status=200, **more):
        entries = queries.with_places(queries.entries_of_reflections([row.reflection.pk for row in rows]))
        access.mark_visible(self.request.user, entries)
        by_source = {entry.source_id: entry for entry in entries}
        for row in rows:
            row.entry = by_source.get(row.reflection.pk)
        context = {
            **moment_links(self.video),
            "video": self.video,
            "second": self.second,
            "rows": [row for row in rows if row.entry],
            "lost": [*self.lost, *([] if rows or not common.strip() else [common])],
            "text": common,
            "back": self.back,
            "draft": self._draft(),
            "more": "more" in self.request.POST,
            **more,
        }
        return self.render_to_response(context, status=status)


def shown(user, inbox):
    """`inbox` with all that its rows say."""
    leads = [waiting.lead for waiting in inbox.entries]
    entries = [*leads, *(mate for waiting in inbox.entries for mate in waiting.mates)]
    access.mark_visible(user, queries.with_places(entries))
    access.mark_answerable(user, leads)
    return inbox


def on_no_video(user):
    """What waits for `user` on no video, and so in no course.

    `alone`: [(student, how many)], longest waiting first, of at most ALONE; `others`: how many students more;
    `looked_through`: how many entries were, if there may be more.
    """
    counts = queries.awaiting_response_on_no_video(by=user)
    visible = visible_among(user, set(counts))
    found = [(student, number) for student, number in counts.items() if student in visible]
    students = Profile.objects.in_bulk([student for student, _ in found[:ALONE]])
    alone = [(students[student], number) for student, number in found if student in students]
    is_full = sum(counts.values()) == queries.ALONE_LIMIT
    looked_through = queries.ALONE_LIMIT if is_full else None
    return {"alone": alone, "others": len(found) - len(alone), "looked_through": looked_through}


class Inbox(Page):
    """What waits for an answer over all the courses that one teaches, or in one of them (?course=), oldest first."""

    template_name = "timeline/inbox.html"
    fragments = ("entries", "waiting-count")

    def get_context_data(self, **kwargs):
        user, asked = self.request.user, self.request.GET
        taught = access.courses_taught(user)
        courses = queries.courses_by_title(taught, size=queries.INBOX_COURSES)
        course = get_object_or_404(taught, pk=uuid_asked(asked["course"])) if asked.get("course") else None
        searched = [course] if course else courses.entries
        inbox = shown(user, queries.inbox(courses=[each.pk for each in searched], by=user, after=asked.get("after")))
        self._link(inbox)
        is_all = courses.entries and not (course or asked.get("after") or self.fragment)
        return super().get_context_data(
            courses=courses.entries,
            more_courses=courses.next,
            course=course,
            inbox=inbox,
            **(on_no_video(user) if is_all else {}),
            **kwargs,
        )

    def _link(self, inbox):
        """Say in each lead where to go once it is answered: to the next one."""
        address, query = self.request.path, self.request.GET.copy()
        here = self.request.get_full_path()
        for waiting, following in pairwise(inbox.entries):
            waiting.lead.next = f"{here}#entry-{following.lead.pk}"
        if inbox.entries and inbox.next:
            query["after"] = inbox.next
            inbox.entries[-1].lead.next = f"{address}?{query.urlencode()}"
        elif inbox.entries:
            inbox.entries[-1].lead.next = here
