"""A video as a student watches it, with what they wrote about it and what was answered."""

import datetime
from functools import partial

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.db.models.functions import Greatest
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh, reswap, retarget, trigger_client_event

from courses import watching
from courses.access import videos_recorded, videos_watchable
from courses.forms import clock
from courses.models import QuizAttempt, QuizQuestion, VideoProgress
from profiles.writing import new_id
from reflections.answers import unseen
from reflections.forms import ReflectForm
from reflections.reflecting import reflect
from timeline import access, queries, track
from timeline.kinds import of_groups
from timeline.reading import mark_read
from timeline.views.journey import before_second, second_asked
from timeline.views.page import Page
from timeline.views.writing import file_lost, renewed, written

ANSWERS = 20  # new ones that a page names
COMMITTING = datetime.timedelta(seconds=2)  # that an answer may take from its time until it can be read


class VideoPage(Page):
    """A video for whoever may watch it; a student of its course goes on where they were, and reflects on it.

    `?t=` is the second at which it begins.  Of a student, what they wrote
    stands beside it, from its start, or from that second on where that is much.
    """

    template_name = "timeline/video.html"
    fragments = ("entries", "list", "panel")

    def setup(self, request, *args, video, **kwargs):
        super().setup(request, *args, **kwargs)
        videos = videos_watchable(request.user).select_related("lesson__course")
        self.video = get_object_or_404(videos, pk=video)
        self.learns = videos_recorded(request.user).filter(pk=video).exists()
        self.second = second_asked(request)

    @property
    def notes_reading(self):
        return self.learns and self.second is not None and not self.request.htmx  # the way to an answer

    def get(self, request, *args, **kwargs):
        if self.fragment and not self.learns:  # who learned here when the page was opened has come to teach here
            return HttpResponseClientRefresh()
        return super().get(request)

    def get_context_data(self, form=None, sent=False, **kwargs):
        context = {"video": self.video, "fragment": self.fragment, "learns": self.learns, "sent": sent, **kwargs}
        if not self.learns:
            leads = access.videos_taught(self.request.user).filter(pk=self.video.pk).exists()
            return super().get_context_data(second=self.second, leads_to_journey=leads, **context)
        if self.fragment in (None, "panel"):
            context |= self.own(form)
        return super().get_context_data(**context, **self.reflections())

    def own(self, form):
        """What the page has beside the list."""
        user, video = self.request.user, self.video
        progress = VideoProgress.objects.filter(student=user, video=video).first()
        second = watching.resumes_at(progress, video) if self.second is None else self.second
        landmarks = queries.landmarks(video=video)
        drawn = track.draw_own(
            duration=video.duration_seconds,
            watched=queries.watched_by(video=video, student=user),
            markers=queries.markers(video=video, student=user),
            landmarks=landmarks,
        )
        initial = {"id": new_id(), "at": min(second, video.duration_seconds - 1)}
        return {
            "second": second,
            "session": watching.open_session(user, video),
            "most_ranges": watching.MOST_RANGES,
            "track": drawn,
            "playhead": track.at(second, video.duration_seconds),
            "draft": self.draft,
            "quizzes": self.quizzes(progress),
            "form": form or self.form(initial=initial),
        }

    def quizzes(self, progress):
        """The quizzes at which the video stops: those that the student has not handed in yet, by second.

        `holds`: whether there is no way past it, as its author wants; what was watched before is not closed.
        """
        handed_in = QuizAttempt.objects.filter(
            quiz=OuterRef("pk"), student=self.request.user, submitted_at__isnull=False
        )
        asks = QuizQuestion.objects.filter(quiz=OuterRef("pk"))
        waiting = self.video.quizzes.filter(Exists(asks), ~Exists(handed_in))
        found = list(waiting.order_by("video_timestamp_seconds", "pk")[: queries.LANDMARKS])
        for quiz in found:
            second = quiz.video_timestamp_seconds
            seen = progress and any(start <= second < end for start, end in progress.watched)
            quiz.holds = not (quiz.skippable or seen)
        return found

    def reflections(self):
        """A page of what the student wrote about the video, by second; and which answers are new to them."""
        user, video = self.request.user, self.video
        asked = queries.JourneyFilter(video=video, student=user, kinds=tuple(of_groups(["reflections"])))
        after = given = self.request.GET.get("after")
        page = queries.video_journey(asked, after=after)
        if page.next and self.second and not given:
            after = before_second(self.second, asked)
            page = queries.video_journey(asked, after=after)
        new = list(unseen(user).filter(video=video).order_by("video_timestamp_seconds", "pk")[: ANSWERS + 1])
        mark_read(queries.with_places(page.entries), viewer=user, since=None)
        ids = {reflection.pk for reflection in new}
        for entry in page.entries:
            entry.has_new_answer = entry.source_id in ids
        if self.notes_reading and self.request.method != "HEAD":
            unseen(user).filter(video=video, video_timestamp_seconds=self.second).update(response_unseen=False)
        starts_at = queries.BY_SECOND.parse(given)[0] if given else self.second or 0 if after else 0
        return {
            "items": page.entries,
            "page": page,
            "last": page.first + len(page.entries) - 1,
            "more": page.next,
            "starts_at": starts_at,
            "new_answers": new[:ANSWERS],
            "more_answers": len(new) > ANSWERS,
            "since": (timezone.now() - COMMITTING).isoformat(),
        }

    @property
    def draft(self):
        return f"reflect-{self.video.pk}"

    def form(self, *args, **options):
        return ReflectForm(*args, video=self.video, auto_id="reflect-%s", **options)

    def post(self, request, *args, **kwargs):
        if not self.learns:
            raise Http404("Only students of the course reflect on its videos.")
        form = self.form(request.POST, request.FILES)
        row = None
        if form.is_valid():
            second, loom = form.cleaned_data["at"], form.cleaned_data["loom"]
            write = partial(reflect, video=self.video, second=second)
            row = written(form, write, owner=request.user, student=request.user, media=loom)
        if row is None:
            return self._unsaid(form)
        entry = queries.entry_of_words(row)
        if entry is None:
            raise Http404("It was hidden or deleted in the meantime.")
        status = f"Your reflection at {clock(row.video_timestamp_seconds)} is saved."
        if not request.htmx:
            messages.success(request, status, extra_tags=self.draft)
            address = f"{reverse('video', args=[self.video.pk])}?t={entry.video_timestamp_seconds}#entry-{entry.pk}"
            return HttpResponseRedirect(address)
        self.fragment, self.second = "panel", entry.video_timestamp_seconds
        response = self.render_to_response(self.get_context_data(sent=True))
        return trigger_client_event(response, "said", {"status": status, "entry": f"entry-{entry.pk}"}, after="settle")

    def _unsaid(self, form):
        """The form with what is wrong and all that was typed."""
        is_renewed = renewed(form)
        lost = file_lost(self.request, form, is_renewed)
        if self.request.htmx:
            context = {"video": self.video, "form": form, "draft": self.draft, "file_lost": lost}
            response = render(self.request, "timeline/reflect.html", context, status=422)
            return reswap(retarget(response, "#reflect"), "outerHTML")
        return self.render_to_response(self.get_context_data(form, file_lost=lost), status=422)


@never_cache
@require_safe
def new_answers(request, video):
    """The way to what was answered since `?since=`, a time, and is not seen yet; 204 if nothing was.

    One's own reflections alone are asked.  Index: reflections_unseen.
    """
    [since] = queries.BY_MOMENT.parse(request.GET.get("since", ""))
    answered = Greatest("responded_at", "response_edited_at")  # PostgreSQL's leaves nulls out
    found = unseen(request.user).filter(video=video).annotate(answered=answered).filter(answered__gt=since)
    seconds = found.order_by("video_timestamp_seconds").values_list("video_timestamp_seconds", flat=True)
    seconds = list(seconds[: queries.NEW_LIMIT + 1])
    if not seconds:
        return HttpResponse(status=204)
    context = {"video": video, "seconds": seconds, "limit": queries.NEW_LIMIT}
    return render(request, "timeline/new_answers.html", context)


@require_POST
def answer_seen(request, reflection):
    """Note that a student has seen what was answered to their reflection."""
    unseen(request.user).filter(pk=reflection).update(response_unseen=False)
    return HttpResponse(status=204)
