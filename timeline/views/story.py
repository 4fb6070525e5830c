"""The story of a reached goal: to its student and their instructors, previewed, in the community, by a secret link."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe
from django.views.generic import View

from config.files import send
from config.links import LeadsNowhere
from goals import sharing
from goals.forms import SharingForm
from goals.models import Goal, SharedStory
from timeline import calendar, queries, story
from timeline.views.page import ForHtmx, Page, kept_secret, uuid_asked
from timeline.views.student import StudentPage
from uploads import views
from uploads.models import Upload
from uploads.views import ALONE


class Telling:
    """A page that tells a story: of `self.goal`, `self.contents` of it (None: all)."""

    fragments = ("entries",)
    varies_with = (*Page.varies_with, "Accept-Language")  # says where weeks begin

    def get_context_data(self, **kwargs):
        asked = {"contents": self.contents}
        after = self.request.GET.get("after")
        whole = "whole" in self.request.GET
        kwargs |= {"goal": self.goal, "after": after, **story.told(self.goal, **asked, after=after, whole=whole)}
        if not self.fragment:
            kwargs |= story.beginning(self.goal, **asked, first_weekday=calendar.first_weekday(self.request))
            kwargs["name"] = story.shown_name(self.goal.student)
        return super().get_context_data(**kwargs)


class OfReachedGoal(StudentPage):
    """A page of a goal that is reached; 404 for any other."""

    def setup(self, request, *args, goal, **kwargs):
        super().setup(request, *args, **kwargs)
        reached = Goal.objects.filter(student=self.student, completed_at__isnull=False).select_related("student")
        self.goal = get_object_or_404(reached, pk=goal)


class GoalStory(Telling, OfReachedGoal):
    """The story as its student and their instructors see it."""

    template_name = "timeline/story/story.html"
    contents = None

    def get_context_data(self, **kwargs):
        if self.own and not self.fragment:
            kwargs["shared"] = sharing.own_story(self.goal)
        return super().get_context_data(**kwargs)


class Own:
    """What a student alone does with the story of a goal of theirs."""

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        if not self.own:
            raise Http404("Only its student shares a story.")


class Sharing(Own, OfReachedGoal):
    """What of a story is shared, and with whom."""

    template_name = "timeline/story/sharing.html"
    fragments = ()

    def get_context_data(self, form=None, **kwargs):
        shared = sharing.own_story(self.goal)
        token = sharing.token(shared)
        fans, count = ([], 0) if shared._state.adding else queries.fans(story=shared)
        form = form or SharingForm(student=self.student, initial=chosen(self.request) or SharingForm.initial_of(shared))
        return super().get_context_data(
            goal=self.goal,
            shared=shared,
            hidden=shared.course and not sharing.shown_stories().filter(pk=shared.pk).exists(),
            link=token and self.request.build_absolute_uri(reverse("shared_story", args=[token])),
            form=form,
            fans=fans,
            fans_count=count,
            name=story.shown_name(self.student),
            **kwargs,
        )

    def post(self, request, *args, **kwargs):
        if "stop" in request.POST:
            sharing.stop(self.goal)
            return self._done("The story is not shared any more: whoever opens it now finds nothing.")
        if "renew" in request.POST:
            if sharing.renew_link(self.goal):
                return self._done("There is a new secret link; the one before has ended.")
            return self._done("There is no secret link any more.")
        form = SharingForm(request.POST, student=self.student)
        if form.is_valid() and "preview" in request.POST:
            return HttpResponseRedirect(f"{self._address('preview_story')}?{form.as_query()}")
        if form.is_valid():
            course, link = form.cleaned_data["course"], form.cleaned_data["link"]
            try:
                sharing.share(self.goal, contents=form.contents(), course=course, link=link)
            except ValidationError as error:
                form.add_error(None, error)
            else:
                if course or link:
                    return self._done("Saved: from now on, others see what you chose.")
                return self._done(
                    "Saved, but not shared with anybody: choose a course or a secret link.", messages.WARNING
                )
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def _done(self, words, level=messages.SUCCESS):
        messages.add_message(self.request, level, words)
        return HttpResponseRedirect(self._address("share_story"))

    def _address(self, name):
        return reverse(name, args=[self.student.pk, self.goal.pk])


def chosen(request):
    """What a preview was of, brought back in the address."""
    if "chosen" not in request.GET:
        return None
    asked = request.GET
    return {
        "parts": asked.getlist("parts"),
        "media": "media" in asked,
        "course": asked.get("course"),
        "link": "link" in asked,
    }


class Told(Telling, Page):
    """A story as others see it: `self.goal` and `self.contents`, by one template whoever they are."""

    template_name = "timeline/story/shared.html"
    caching = {"private": True, "no_store": True}  # once it has ended, nobody is shown it again


class StoryPreview(Told, Own, OfReachedGoal):
    """Exactly what others will see of what the address has chosen."""

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        form = SharingForm(request.GET, student=self.student)
        form.is_valid()  # what is not among the choices is shown to nobody
        self.contents = form.contents()

    def get_context_data(self, **kwargs):
        back = f"{reverse('share_story', args=[self.student.pk, self.goal.pk])}?{self.request.GET.urlencode()}"
        return super().get_context_data(preview=back, **kwargs)


class CommunityStory(Told):
    """A story that is shared with a course, to its people."""

    def setup(self, request, *args, shared, **kwargs):
        super().setup(request, *args, **kwargs)
        self.shared = community_story(request.user, shared)
        self.goal, self.contents = self.shared.goal, sharing.contents(self.shared)

    def get_context_data(self, **kwargs):
        if not self.fragment:
            kwargs |= {"shared": self.shared, "applause": applause_of(self.shared, self.request.user)}
        return super().get_context_data(**kwargs)


@method_decorator(login_not_required, name="dispatch")
class LinkedStory(Told):
    """A story that is shared by a secret link, to whoever has it."""

    def setup(self, request, *args, token, **kwargs):
        super().setup(request, *args, **kwargs)
        self.shared = linked_story(token)
        self.goal, self.contents = self.shared.goal, sharing.contents(self.shared)

    def get_context_data(self, **kwargs):
        return super().get_context_data(secret=True, **kwargs)

    def render_to_response(self, context, **options):
        return kept_secret(super().render_to_response(context, **options))


def community_story(user, pk):
    return get_object_or_404(sharing.stories_seen(user).select_related("goal__student", "course", "student"), pk=pk)


def linked_story(token):
    shared = sharing.story_of_token(token)
    if shared is None:
        raise LeadsNowhere("It may be incomplete, or the person who shared the story has ended it.")
    return shared


def applause_of(shared, user):
    return queries.applause([shared], by=user)[shared.pk]


# Recordings and pictures of a shared story: each beside the story's own address


def preview_media(request, upload, **_):
    """To who looks at a preview of their own story, an upload of theirs."""
    return views.upload(request, upload)


def _media(request, shared, upload):
    """The file of an upload that the shared story shows."""
    kinds = story.media_kinds(sharing.contents(shared))
    found = get_object_or_404(Upload.objects.filter(student=shared.student_id), pk=upload)
    if not kinds or not queries.story_tells(goal=shared.goal, kinds=kinds, address=found.address):
        raise Http404("This is not shown.")
    response = send(request, found.file, title=found.get_media_type_display())
    response["Cache-Control"] = "private, no-store"
    return response


@login_not_required  # a page is nowhere that a picture is asked for: 404, as for anybody else
@csp_override(ALONE)
@require_safe
def community_media(request, shared, upload):
    if not request.user.is_authenticated:
        raise Http404("Log in to see it.")
    return _media(request, community_story(request.user, shared), upload)


@login_not_required
@csp_override(ALONE)
@require_safe
def linked_media(request, token, upload):
    return kept_secret(_media(request, linked_story(token), upload))


class Community(Page):
    """The stories that are shared with the courses that one is in, completed or teaches; the newest first."""

    template_name = "timeline/story/community.html"
    caching = {"private": True, "no_store": True}

    def get_context_data(self, **kwargs):
        user, asked = self.request.user, self.request.GET
        courses, more_courses = queries.courses_of_community(user)
        course = None
        if asked.get("course"):
            course = get_object_or_404(sharing.communities(user), pk=uuid_asked(asked["course"]))
        page = queries.shared_stories(courses=[course] if course else courses, after=asked.get("after"))
        applause = queries.applause(page.entries, by=user)
        stories = [(each, story.shown_name(each.student), applause[each.pk]) for each in page.entries]
        return super().get_context_data(
            courses=courses, more_courses=more_courses, course=course, stories=stories, more=page.next, **kwargs
        )


class Congratulate(ForHtmx, View):
    """Congratulates on a story, or takes it back; to htmx, the place where one does."""

    http_method_names = ["post"]

    def post(self, request, shared):
        found = community_story(request.user, shared)
        if found.student_id == request.user.pk:
            raise PermissionDenied("This is your own story.")
        if request.POST.get("take_back"):
            sharing.take_back(found, request.user)
        else:
            try:
                sharing.congratulate(found, request.user)
            except SharedStory.DoesNotExist as gone:
                raise Http404("This story is not there any more.") from gone
        if request.htmx:
            context = {"shared": found, "applause": applause_of(found, request.user)}
            return render(request, "timeline/story/applause.html", context)
        return HttpResponseRedirect(reverse("community_story", args=[found.pk]))
