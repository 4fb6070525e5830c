"""Living with goals: the forms that a student's path opens in place, and the pages that they are without JavaScript."""

from functools import partial

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.views import View
from django_htmx.http import reswap, retarget, trigger_client_event

from config.counts import counted
from goals import living
from goals.forms import ActionForm, BeginForm, CorrectionForm, GoalForm, MilestoneForm, NewGoalForm, ProofForm
from goals.models import Goal, GoalMilestone, GoalPeriod, GoalProposal
from profiles.writing import new_id
from timeline import access, queries
from timeline.views.goals import GoalsPage, StudentGoals, goal_of, said_of_number, said_of_way
from timeline.views.page import ForHtmx
from timeline.views.writing import file_lost, write_with_file


class Action(ForHtmx, View):
    """Something done to a student's goals: asked for by a form, done when it is sent.

    To htmx the form is a fragment for a slot of the path, and what is done
    gives the path anew; to a browser both are pages.  422: something in the
    form is not right; 409: the goals have changed since it was made, nothing
    was done, and it says what is so now.
    """

    form_class = ActionForm
    by_student = True  # who may: the student alone; False: those who see the student
    button = "Save"
    subject = ""  # what it is about
    draft = None  # the key under which the browser keeps what is typed
    gone_from = ""  # the part of the path that has it no more: "proposed", "planned"

    def setup(self, request, *args, student=None, **kwargs):
        super().setup(request, *args, **kwargs)
        self.student = get_object_or_404(access.visible_students(request.user), pk=student or self.student_id())
        self.own = self.student == request.user
        if self.own != self.by_student:
            raise Http404("That is not for you to do.")

    @cached_property
    def current(self):
        return living.current_period(self.student)

    @property
    def heading(self):
        raise NotImplementedError

    def says(self):
        """What sending the form will do, in sentences."""
        return []

    def seen(self):
        return living.standing(self.current)

    def initial(self):
        return {}

    def form_options(self):
        return {}

    def act(self, form):
        """Do what a valid form asks for; return what to say, and the id of the element that has come of it."""
        raise NotImplementedError

    def form(self, *args, **options):
        return self.form_class(*args, **options, **self.form_options(), auto_id=f"{self.slot}-%s")

    @property
    def slot(self):
        return "slot-new"

    def get(self, request, *args, **kwargs):
        return self.drawn(self.form(initial={"id": new_id(), "seen": self.seen(), **self.initial()}))

    def post(self, request, *args, **kwargs):
        form = self.form(request.POST, request.FILES)
        if not form.is_valid():
            return self.drawn(self.renewed(form) if form.errors.keys() & {"id", "seen"} else form, 422)
        try:
            with transaction.atomic():
                said, element = self.act(form)
        except living.GoalsChanged as changed:
            return self.changed(form, changed.current)
        except living.AlreadyDecided as decided:
            return self.drawn(form, 409, notice=self.said_of_decided(decided.proposal), over=True)
        except ValidationError as error:
            taken = getattr(error, "code", None) == "taken"
            form.add_error("id" if taken else None, form.fields["id"].error_messages["invalid"] if taken else error)
            return self.drawn(self.renewed(form) if taken else form, 422)
        return self.done(said, element)

    def renewed(self, form):
        return self.with_data(form, id=str(new_id()), seen=self.seen())

    @staticmethod
    def with_data(form, **values):
        form.data = form.data.copy()
        form.data.update(values)
        return form

    def changed(self, form, current):
        """Nothing was done; the form goes on from what is so now."""
        self.__dict__.pop("current", None)
        now = f"“{current.goal}” is your current goal now." if current else "You have no current goal now."
        notice = f"Your goals have changed since this was opened, so nothing was done. {now}"
        return self.drawn(self.with_data(self.form(self.request.POST), seen=self.seen()), 409, notice=notice)

    @staticmethod
    def said_of_decided(proposal):
        if proposal is None:
            return "This proposal has been withdrawn in the meantime. Nothing was done."
        decided = "accepted" if proposal.accepted_at else "declined"
        return f"This proposal has been {decided} in the meantime. Nothing was done."

    def drawn(self, form, status=200, **more):
        context = {
            "student": self.student,
            "own": self.own,
            "form": form,
            "heading": self.heading,
            "subject": self.subject,
            "says": self.says(),
            "button": self.button,
            "draft": self.draft,
            "slot": self.slot,
            "multipart": form.is_multipart(),
            "file_lost": status != 200 and file_lost(self.request, form),
            **more,
        }
        template = "timeline/living/form.html" if self.request.htmx else "timeline/living/page.html"
        return render(self.request, template, context, status=status)

    def done(self, said, element):
        return done(self.request, self.student, said, element, draft=self.draft, gone_from=self.gone_from)


def done(request, student, said, element, *, goal=None, draft=None, gone_from=""):
    """What follows on something done: to htmx the path anew, or `goal` alone; to a browser a redirect to the path.

    Where the path has nothing any more that shows it, `gone_from`, it says so in words.
    """
    if not request.htmx:
        messages.success(request, said, extra_tags=draft or "")
        return HttpResponseRedirect(f"{reverse('student_goals', args=[student.pk])}#{element}")
    left = {"gone": said, "gone_from": gone_from} if gone_from else {}
    response = PathAfter.as_view(goal=goal, sent=draft, left=left)(request, student=student.pk).render()
    response = reswap(retarget(response, f"#goal-{goal.pk}" if goal else "#path"), "outerHTML")
    return trigger_client_event(response, "said", {"status": said, "entry": element}, after="settle")


class PathAfter(StudentGoals):
    """The path as it is after something was done, or one `goal` of it.

    `sent`: the draft of which words have come; `left`: what it says of what it has no more.
    """

    goal = sent = None
    left = {}
    fragment = "path"

    def post(self, request, *args, **kwargs):
        return self.get(request)

    def get_template_names(self):
        return ["timeline/goal.html"] if self.goal else super().get_template_names()

    def get_context_data(self, **kwargs):
        if not self.goal:
            return super().get_context_data(sent=self.sent, **self.left, **kwargs)
        return GoalsPage.get_context_data(self, sent=self.sent, item=self.item_of(self.goal.pk), **kwargs)


class NewGoal(Action):
    """The student sets a goal, or somebody else proposes one."""

    form_class = NewGoalForm

    def setup(self, request, *args, **kwargs):
        self.by_student = str(request.user.pk) == str(kwargs["student"])
        super().setup(request, *args, **kwargs)

    @property
    def heading(self):
        return "Set a goal" if self.own else f"Propose a goal to {self.student}"

    @property
    def button(self):
        return "Set the goal" if self.own else "Propose the goal"

    def says(self):
        return [] if self.own else ["It becomes the student's goal once they accept it."]

    def initial(self):
        return {"begin": self.current is None}

    def form_options(self):
        return {"own": self.own, "begins": " ".join(living.said_of_switch(None, self.current))}

    def act(self, form):
        asked = {name: form.cleaned_data[name] for name in ("id", "title", "measure", "target_date")}
        if not self.own:
            proposal = living.propose(student=self.student, author=self.request.user, **asked)
            return f"“{proposal}” is proposed to {self.student}.", f"proposal-{proposal.pk}"
        goal = living.set_goal(student=self.student, begin=form.begin(), **asked)
        return f"“{goal}” is on your path.", f"goal-{goal.pk}"


class OfGoal(Action):
    """Something done with one goal of the student's; `moves`: other goals, or their order, change with it."""

    moves = False

    def setup(self, request, *args, student, goal, **kwargs):
        # Who may not see the student learns nothing of the goal either.
        visible = get_object_or_404(access.visible_students(request.user), pk=student)
        self.goal = goal_of(visible, goal)
        super().setup(request, *args, student=student, **kwargs)

    @property
    def slot(self):
        return f"slot-{self.goal.pk}"

    @property
    def subject(self):
        return self.goal.title

    @property
    def element(self):
        return f"goal-{self.goal.pk}"

    def done(self, said, element):
        # Where the goals stand on the path is as it was: what has been opened stays open.
        alone = None if self.moves else self.goal
        return done(self.request, self.student, said, element, goal=alone, draft=self.draft, gone_from=self.gone_from)

    def seen(self):
        return living.standing(self.current, Goal.objects.filter(pk=self.goal.pk).first())


class MakeCurrent(OfGoal):
    moves = True
    button = "Make it current"

    @property
    def heading(self):
        return {"planned": "Make it my current goal", "current": "It is your current goal"}.get(
            self.goal.state, "Come back to it"
        )

    def says(self):
        if self.current and self.current.goal_id == self.goal.pk:
            return [f"“{self.goal}” is your current goal already."]
        return living.said_of_switch(self.goal, self.current)

    def act(self, form):
        living.make_current(self.goal, form.begin())
        return f"“{self.goal}” is your current goal.", self.element


class ReachGoal(OfGoal):
    moves = True
    heading, button = "Reached", "I have reached it"

    def says(self):
        return living.said_of_reaching(self.goal, self.current)

    def act(self, form):
        living.reach(self.goal, form.cleaned_data["seen"])
        return f"“{self.goal}” is reached.", self.element


class PauseGoal(OfGoal):
    moves = True
    heading, button = "Pause it", "Pause it"

    def says(self):
        return living.said_of_pausing(self.goal, self.current)

    def act(self, form):
        living.pause(self.goal, form.cleaned_data["seen"])
        return f"“{self.goal}” is paused.", self.element


class RemoveGoal(OfGoal):
    moves = True
    gone_from = "planned"
    heading, button = "Remove it", "Remove it"

    def says(self):
        return [f"“{self.goal}” and its planned milestones leave your path for good."]

    def act(self, form):
        living.remove(self.goal)
        return f"“{self.goal}” is not on your path any more.", "path"


class ChangeGoal(OfGoal):
    form_class = GoalForm
    heading = "Edit the goal"

    def initial(self):
        return {name: getattr(self.goal, name) for name in ("title", "measure", "target_date")}

    def act(self, form):
        asked = {name: form.cleaned_data[name] for name in ("title", "measure", "target_date")}
        living.reword(self.goal, **asked)
        return f"“{asked['title']}” is changed.", self.element


class AddMilestone(OfGoal):
    form_class = MilestoneForm
    heading, button = "Plan a milestone", "Plan it"

    def act(self, form):
        milestone = living.plan_milestone(id=form.cleaned_data["id"], goal=self.goal, title=form.cleaned_data["title"])
        return f"The milestone “{milestone}” is planned.", self.element


class SubmitProof(OfGoal):
    form_class = ProofForm
    heading, button = "Submit success proof", "Submit"

    @property
    def draft(self):
        return f"proof-{self.goal.pk}"

    def act(self, form):
        submit = partial(living.submit_proof, goal=self.goal)
        row, is_same = write_with_file(form, submit, owner=self.request.user, student=self.student)
        if row.goal_id != self.goal.pk or not is_same:
            raise ValidationError(living.TAKEN, "taken")
        return "Your proof is submitted.", self.element


class MarkMilestone(View):
    """A milestone is reached (`reached=1`), or is not after all."""

    def setup(self, request, *args, milestone, **kwargs):
        super().setup(request, *args, **kwargs)
        own = GoalMilestone.objects.filter(student=request.user.pk).select_related("student", "goal")
        self.milestone = get_object_or_404(own, pk=milestone)

    def get(self, request, *args, **kwargs):
        return HttpResponseRedirect(reverse("my_goals"))  # who had to log in first comes here

    def post(self, request, *args, **kwargs):
        if self.milestone.goal.completed_at:  # meanwhile, in another tab
            said = f"“{self.milestone}” stays as it is: its goal is reached."
        elif request.POST.get("reached") == "1":
            living.reach_milestone(self.milestone)
            said = f"“{self.milestone}” is reached."
        else:
            living.reopen_milestone(self.milestone)
            said = f"“{self.milestone}” is planned again."
        goal = self.milestone.goal
        return done(request, self.milestone.student, said, f"goal-{goal.pk}", goal=goal)


class OfProposal(Action):
    """Something done with a proposed goal; decided ones are there still, so that who comes late is told."""

    def setup(self, request, *args, proposal, **kwargs):
        self.proposal = get_object_or_404(GoalProposal.objects.select_related("student", "author"), pk=proposal)
        super().setup(request, *args, **kwargs)

    def student_id(self):
        return self.proposal.student_id

    @property
    def slot(self):
        return f"slot-{self.proposal.pk}"

    @property
    def subject(self):
        return self.proposal.title


class AcceptGoal(OfProposal):
    form_class = BeginForm
    heading, button = "Accept it", "Accept it"

    def initial(self):
        return {"begin": self.current is None}

    def form_options(self):
        return {"begins": " ".join(living.said_of_switch(self.proposal, self.current))}

    def act(self, form):
        goal = living.accept(self.proposal, form.begin())
        return f"“{goal}” is on your path.", f"goal-{goal.pk}"


class DeclineGoal(OfProposal):
    heading, button = "Decline it", "Decline it"
    gone_from = "proposed"

    def says(self):
        who = f"{self.proposal.author} sees" if self.proposal.author else "Your instructors see"
        return [f"“{self.proposal}” will not be one of your goals. {who} that."]

    def act(self, form):
        living.decline(self.proposal)
        return f"“{self.proposal}” is declined.", "path"


class WithdrawGoal(OfProposal):
    by_student = False
    heading, button = "Withdraw it", "Withdraw it"
    gone_from = "proposed"

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        if self.proposal.author_id != request.user.pk:
            raise Http404("Somebody else proposed it.")

    def says(self):
        return [f"“{self.proposal}” is not proposed to {self.student} any more."]

    def act(self, form):
        living.withdraw(self.proposal)
        return f"“{self.proposal}” is withdrawn.", "path"


class CorrectPeriod(Action):
    """When a goal was the current one: an instructor says otherwise, is told what moves, and does it."""

    form_class = CorrectionForm
    by_student = False

    def setup(self, request, *args, period, **kwargs):
        self.period = get_object_or_404(GoalPeriod.objects.select_related("goal", "student"), pk=period)
        self.plan = None
        super().setup(request, *args, **kwargs)

    def student_id(self):
        return self.period.student_id

    @property
    def slot(self):
        return f"slot-{self.period.goal_id}"

    @property
    def heading(self):
        return f"Correct when “{self.period.goal}” was the current goal"

    @property
    def button(self):
        return "Correct it" if self.plan else "Show what moves"

    def seen(self):
        return ""

    def form_options(self):
        return {"period": self.period}

    def says(self):
        if not self.plan:
            return []
        return [
            f"From {living.say(move.start)} to {living.say(move.end)}: {said_of_number(number)} "
            f"{'moves' if number == 1 else 'move'} {said_of_way(move.source, move.target)}."
            for move in self.plan.moves
            for number in [queries.entries_moved(move)]
        ]

    def post(self, request, *args, **kwargs):
        form = self.form(request.POST)
        if not form.is_valid():
            return self.drawn(self.renewed(form) if form.errors.keys() & {"id", "seen"} else form, 422)
        if form.is_told():
            return super().post(request, *args, **kwargs)
        try:
            self.plan = living.plan_correction(self.period, form.cleaned_data["start"], form.cleaned_data["end"])
        except ValidationError as error:
            form.add_error(None, error)
            return self.drawn(form, 422)
        return self.drawn(self.with_data(form, seen=self.plan.seen, told=form.asked()))

    def act(self, form):
        asked = {name: form.cleaned_data[name] for name in ("id", "start", "end", "reason", "seen")}
        row = living.correct(period=self.period, author=self.request.user, count=queries.entries_moved, **asked)
        return f"Corrected: {counted(row.moved, 'entry has', 'entries have')} moved.", f"goal-{self.period.goal_id}"

    def changed(self, form, current):
        notice = "These goals have changed since this was opened, so nothing was done."
        self.period = GoalPeriod.objects.select_related("goal", "student").filter(pk=self.period.pk).first()
        if self.period is None:
            raise Http404("This period is not there any more.")
        try:
            self.plan = living.plan_correction(self.period, form.cleaned_data["start"], form.cleaned_data["end"])
        except ValidationError as error:
            form.add_error(None, error)
            return self.drawn(form, 409, notice=notice)
        form = self.with_data(form, seen=self.plan.seen, told=form.asked())
        return self.drawn(form, 409, notice=f"{notice} See below what would move now.")
