"""The forms about goals: those of the pages, and those in which staff enter goals, periods and all else."""

import datetime
from urllib.parse import urlencode

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Exists, OuterRef
from django.utils import timezone

from config.forms import MomentField, SplitMomentField
from courses.models import Course
from goals import living
from goals.living import Begin
from goals.models import MEASURE_LIMIT, Goal, GoalMessage, GoalMilestone, GoalPeriod, Part, SuccessProof
from goals.sharing import Contents, shareable_courses
from profiles.forms import WordsField
from profiles.models import OUTSIDE_YEARS, YEARS
from profiles.writing import words
from uploads.forms import AttachmentField

END = datetime.datetime.max.replace(tzinfo=datetime.UTC)
TITLE_LIMIT = 300  # characters of a goal's title, or a milestone's


NOT_WHOLE = "Nothing was saved, as the form was incomplete. It is complete now: send it again."


def overlap(a, b):
    """The part that two `[start, end)` periods share, or None."""
    start, end = max(a.lower, b.lower), min(a.upper or END, b.upper or END)
    return DateTimeTZRange(start, None if end == END else end, "[)") if start < end else None


class NoteForm(forms.Form):
    """A daily note; `id` is that of the row that it will be, however often the form is sent."""

    id = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages=dict.fromkeys(("required", "invalid"), NOT_WHOLE),
    )
    text = WordsField(label="Write a daily note")
    attachment = AttachmentField()


class MessageForm(NoteForm):
    """A message in the conversation of `student`, of whose goals it may name one; the current one is suggested."""

    CHOICES = 200  # goals to choose from, the newest

    goal = forms.ModelChoiceField(
        Goal.objects.none(),
        required=False,
        label="About",
        error_messages={"invalid_choice": "Choose one of this student's goals, or none."},
    )

    def __init__(self, *args, student, initial=None, **options):
        current = GoalPeriod.objects.filter(goal=OuterRef("pk"), period__endswith=None)
        goals = Goal.objects.filter(student=student).annotate(current=Exists(current))
        newest = list(goals.order_by("-created_at", "-pk")[: self.CHOICES])
        suggested = next((goal.pk for goal in newest if goal.current), None)
        super().__init__(*args, initial={"goal": suggested} | (initial or {}), **options)
        self.fields["text"].label = f"Write a message to {student}"
        field = self.fields["goal"]
        field.queryset = goals
        field.choices = [
            ("", "No goal in particular"),
            *((goal.pk, f"{goal} (current)" if goal.current else str(goal)) for goal in newest),
        ]


class LineField(forms.CharField):
    """Words on one line."""

    def to_python(self, value):
        return " ".join((super().to_python(value) or "").split())


class ActionForm(forms.Form):
    """Something to do with goals: `id` of the row that it will write, and what was `seen` (goals/living.py)."""

    id = NoteForm.base_fields["id"]
    seen = forms.CharField(
        required=False, widget=forms.HiddenInput, validators=[RegexValidator(r"\A[\w-]{0,60}\Z", NOT_WHOLE)]
    )

    def begin(self):
        """That the goal becomes the current one now."""
        return Begin(self.cleaned_data["id"], self.cleaned_data["seen"])


class BeginForm(ActionForm):
    """Whether a goal becomes the current one at once; `begins` says what that does."""

    begin_now = forms.BooleanField(required=False, label="Make it my current goal now")

    def __init__(self, *args, begins, initial=None, **options):
        initial = initial and {"begin_now": initial.get("begin"), **initial}
        super().__init__(*args, initial=initial, **options)
        self.fields["begin_now"].help_text = begins

    def begin(self):
        return super().begin() if self.cleaned_data["begin_now"] else None


class GoalForm(ActionForm):
    """What a goal is."""

    title = LineField(
        label="Goal",
        max_length=TITLE_LIMIT,
        help_text="Word it so that it is clear when it has been reached.",
        error_messages={"required": "Say what the goal is."},
    )
    measure = LineField(
        label="Measure", max_length=MEASURE_LIMIT, required=False, help_text="For instance: $1K a month."
    )
    target_date = forms.DateField(label="By", required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))

    def clean_target_date(self):
        day = self.cleaned_data["target_date"]
        if day and day.year not in YEARS:
            raise ValidationError(OUTSIDE_YEARS)
        return day


class NewGoalForm(GoalForm, BeginForm):
    """A goal that its student sets, or, if not `own`, that somebody proposes."""

    field_order = ("title", "measure", "target_date", "begin_now")

    def __init__(self, *args, own, **options):
        super().__init__(*args, **options)
        if not own:
            del self.fields["begin_now"]

    def clean_target_date(self):
        day = super().clean_target_date()
        if day and day < timezone.localdate():
            raise ValidationError("That day has passed.")
        return day


class MilestoneForm(ActionForm):
    title = LineField(
        label="Milestone", max_length=TITLE_LIMIT, error_messages={"required": "Say what the milestone is."}
    )


class ProofForm(ActionForm):
    use_required_attribute = False  # a file alone will do

    text = WordsField(
        label="What shows it",
        help_text="Words, a file or both: what happened, a link if there is something to look at.",
    )
    attachment = AttachmentField(documents=True)

    def clean(self):
        cleaned = super().clean()
        if not self.errors and not (cleaned["text"] or cleaned["attachment"]):
            self.add_error("text", "Write something, or add a picture, a recording or a document.")
        return cleaned


def reason_of_correction(text):
    text = words(text, 1_000)
    if not text:
        raise ValidationError("Say why: the student will read this.")
    return text


class CorrectionForm(ActionForm):
    """Other ends for a period; `told` says for which ends it was told what moves."""

    MINUTE = "%Y-%m-%dT%H:%M"

    start = MomentField(label="It began", widget=forms.DateTimeInput({"type": "datetime-local"}, MINUTE))
    end = MomentField(label="It ended", required=False, widget=forms.DateTimeInput({"type": "datetime-local"}, MINUTE))
    reason = WordsField(label="Why", as_kept=reason_of_correction, help_text="The student will read this, too.")
    told = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args, period, **options):
        super().__init__(*args, **options)
        self.period = period.period
        self.fields["start"].initial, self.fields["end"].initial = self.period.lower, self.period.upper
        if self.period.upper is None:
            self.fields["end"].help_text = "Leave empty while it is the current goal."
        else:
            self.fields["end"].required = True
            self.fields["end"].error_messages["required"] = living.NO_END

    def _as_it_was(self, name, bound):
        """A bound that nobody touched keeps its fraction of a minute."""
        moment = self.cleaned_data[name]
        if moment and moment.year not in YEARS:
            raise ValidationError(OUTSIDE_YEARS)
        return moment if name in self.changed_data else bound

    def clean_start(self):
        return self._as_it_was("start", self.period.lower)

    def clean_end(self):
        return self._as_it_was("end", self.period.upper)

    def asked(self):
        return " ".join(str(moment and moment.timestamp()) for moment in map(self.cleaned_data.get, ("start", "end")))

    def is_told(self):
        """Whether what moves was said, for just these ends."""
        return self.cleaned_data["told"] == self.asked()


class GoalPeriodForm(forms.ModelForm):
    """A period by its two ends; it has none while the goal is the current one."""

    start = SplitMomentField(widget=AdminSplitDateTime)
    end = SplitMomentField(
        widget=AdminSplitDateTime, required=False, help_text="Leave empty while it is the current goal."
    )

    class Meta:
        model = GoalPeriod
        fields = ["goal"]

    def __init__(self, *args, instance=None, initial=None, **options):
        self.before = None
        if instance is not None and not instance._state.adding:
            self.before = instance.period
            initial = {"start": self.before.lower, "end": self.before.upper} | (initial or {})
        super().__init__(*args, instance=instance, initial=initial, **options)

    def clean(self):
        cleaned = super().clean()
        start, end = cleaned.get("start"), cleaned.get("end")
        if start is None or self.errors.keys() & {"end"}:
            return cleaned
        if self.before:  # an end that nobody touched keeps its fraction of a second
            start = start if "start" in self.changed_data else self.before.lower
            end = end if "end" in self.changed_data else self.before.upper
        for name, moment in (("start", start), ("end", end)):
            if moment and moment.year not in YEARS:
                self.add_error(name, OUTSIDE_YEARS)
                return cleaned
        if end is not None and end <= start:
            self.add_error("end", "A period ends after it has started.")
            return cleaned
        self.instance.period = DateTimeTZRange(start, end, "[)")
        return cleaned


class GoalPeriodFormSet(forms.BaseInlineFormSet):
    """Periods of one student, saved so that no two ever overlap, not even between two statements."""

    @property
    def student_id(self):
        return getattr(self.instance, "student_id", None)

    def clean(self):
        super().clean()
        if self.student_id is None or any(self.errors):
            return
        kept = [form for form in self.forms if form not in self.deleted_forms and (form.before or form.has_changed())]
        periods = [(form.instance.period, form.instance) for form in kept]
        elsewhere = GoalPeriod.objects.filter(student=self.student_id).select_related("goal")
        elsewhere = elsewhere.exclude(pk__in=[form.instance.pk for form in self.initial_forms])
        periods += [(period.period, period) for period in elsewhere]
        for place, form in enumerate(kept):
            for period, other in periods[place + 1 :]:
                shared = overlap(form.instance.period, period)
                if shared:
                    goal = other.goal if other.goal_id else "this goal"
                    form.add_error(
                        "start",
                        f"From {living.say(shared.lower)} to {living.say(shared.upper)} the student's goal is “{goal}”."
                        " A student has one goal at a time: end one before the other starts "
                        "(the goal history shows all periods of a student together).",
                    )
        if any(self.errors):
            raise ValidationError("Two periods overlap.")

    def save_new(self, form, commit=True):
        form.instance.student_id = self.student_id
        return super().save_new(form, commit)

    def save_existing_objects(self, commit=True):
        """First what goes and what shrinks, so that there is room for what grows."""
        for form in self.initial_forms:
            rows = GoalPeriod.objects.filter(pk=form.instance.pk)
            if form in self.deleted_forms:
                rows.delete()
            elif form.has_changed():
                shared = overlap(form.before, form.instance.period)
                if shared is None:
                    rows.delete()  # saving it below writes it again, under its id
                elif shared != form.before:
                    rows.update(period=shared)
        return super().save_existing_objects(commit)


class GoalHistoryFormSet(GoalPeriodFormSet):
    """All periods of a student, each of one of the student's goals."""

    @property
    def student_id(self):
        return self.instance.pk

    def add_fields(self, form, index):
        super().add_fields(form, index)
        if "goal" in form.fields:
            goals = form.fields["goal"]
            goals.queryset = goals.queryset.filter(student=self.instance.pk)
            if not hasattr(self, "_goals"):
                self._goals = [("", "---------"), *((goal.pk, str(goal)) for goal in goals.queryset.order_by("id"))]
            goals.choices = self._goals


class OfGoalForm(forms.ModelForm):
    """What belongs to a goal belongs to the goal's student."""

    def clean(self):
        cleaned = super().clean()
        goal = cleaned.get("goal")
        if goal is None or goal._state.adding:
            return cleaned
        if self.instance._state.adding:
            self.instance.student_id = goal.student_id
        elif self.instance.student_id != goal.student_id:
            self.add_error("goal", f"“{goal}” is a goal of another student, {goal.student}.")
        return cleaned


class GoalMilestoneForm(OfGoalForm):
    class Meta:
        model = GoalMilestone
        fields = ["goal", "title", "reached_at"]
        help_texts = {"reached_at": "Empty while it is planned."}


class GoalMilestoneFormSet(forms.BaseInlineFormSet):
    def save_new(self, form, commit=True):
        form.instance.student_id = self.instance.student_id
        return super().save_new(form, commit)


class SuccessProofForm(OfGoalForm):
    class Meta:
        model = SuccessProof
        exclude = ["student"]  # noqa: DJ006 (the admin names the fields)


class GoalMessageForm(forms.ModelForm):
    class Meta:
        model = GoalMessage
        fields = "__all__"  # noqa: DJ007 (the admin names the fields)

    def clean(self):
        cleaned = super().clean()
        goal = cleaned.get("goal")
        student_id = getattr(cleaned.get("student"), "pk", None) or (
            None if self.instance._state.adding else self.instance.student_id
        )
        if goal is not None and student_id is not None and goal.student_id != student_id:
            self.add_error("goal", f"“{goal}” is a goal of another student, {goal.student}.")
        return cleaned


class SharingForm(forms.Form):
    """What of the story of a goal of `student` is shared, and with whom."""

    parts = forms.MultipleChoiceField(
        label="What others see",
        choices=Part,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="The goal, its days, its milestones and when it was reached are always shown.",
        error_messages={"invalid_choice": "“%(value)s” cannot be shared."},
    )
    media = forms.BooleanField(
        label="Also my voice memos, pictures, videos and documents",
        required=False,
        help_text="Only those of what is ticked above; instructors' files are never shown.",
    )
    course = forms.ModelChoiceField(
        Course.objects.none(),
        label="Share it with the people of a course",
        required=False,
        empty_label="No course",
        help_text="Its students, those who completed it and its instructors find the story under Community.",
        error_messages={"invalid_choice": "Choose one of your own courses."},
    )
    link = forms.BooleanField(
        label="Share it with anyone who has a secret link",
        required=False,
        help_text="Nobody needs to log in to read it. You can end the link at any time.",
    )

    def __init__(self, *args, student, **options):
        super().__init__(*args, **options)
        self.fields["course"].queryset = shareable_courses(student).order_by("title", "pk")

    @staticmethod
    def initial_of(story):
        return {"parts": story.parts, "media": story.with_media, "course": story.course_id, "link": bool(story.link)}

    def contents(self):
        """The Contents that are chosen; what is not valid is not."""
        return Contents(frozenset(self.cleaned_data.get("parts", ())), self.cleaned_data.get("media", False))

    def as_query(self):
        """What is chosen as a query string, which `chosen` marks."""
        given = self.cleaned_data
        asked = [("chosen", 1), *(("parts", part) for part in given["parts"])]
        asked += [(name, "on") for name in ("media", "link") if given[name]]
        return urlencode(asked + ([("course", given["course"].pk)] if given["course"] else []))
