"""The forms in which courses are written: moments as a player shows them, questions as on paper."""

import re
import uuid
from decimal import Decimal, InvalidOperation

from django import forms
from django.conf import settings
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Max

from config.uploads import CaptionsUploadField, PictureUploadField, VideoUploadField, video_seconds
from courses.finishing import NOTE_LIMIT, reason
from courses.inviting import DAYS, USUAL_DAYS
from courses.models import LONGEST_VIDEO, Checkpoint, Lesson, QuestionKind, Quiz, QuizQuestion, Video
from profiles.forms import WordsField
from profiles.models import NAME_LIMIT, Profile
from profiles.writing import name_of

TOO_LONG = f"A video lasts {LONGEST_VIDEO // 3600} hours at most."
ROUNDED = 2  # seconds by which a length that was typed may differ from the file's, which is then taken


def clock(seconds):
    """Seconds as a player shows them: 75 gives "1:15", 3661 gives "1:01:01"."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


class ClockField(forms.Field):
    """Whole seconds, written "2:30", "1:02:30" or just "150"."""

    widget = AdminTextInputWidget(attrs={"class": "vIntegerField", "placeholder": "m:ss"})
    default_error_messages = {"invalid": "Write a time of the video as minutes and seconds, for instance 2:30."}

    def prepare_value(self, value):
        return clock(value) if isinstance(value, int) and value >= 0 else value

    def to_python(self, value):
        if value in self.empty_values or isinstance(value, int):
            return None if value in self.empty_values else value
        parts = value.strip().split(":")
        plain = all(re.fullmatch(r"[0-9]{1,6}", part) for part in parts) and len(parts) <= 3
        if not plain or any(int(part) >= 60 for part in parts[1:]):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        seconds = 0
        for part in parts:
            seconds = seconds * 60 + int(part)
        if seconds > LONGEST_VIDEO:
            raise ValidationError(TOO_LONG, code="too_long")
        return seconds

    def has_changed(self, initial, data):
        try:
            return initial != self.to_python(data)
        except ValidationError:
            return True


class PercentField(forms.DecimalField):
    """A share of a whole, more than 0 and at most 1, which authors write as percent, like all shares."""

    def __init__(self, *, decimal_places, **options):
        least = Decimal(1).scaleb(2 - decimal_places)
        super().__init__(decimal_places=decimal_places - 2, min_value=least, max_value=100, **options)

    @staticmethod
    def percent(share):
        return (Decimal(str(share)) * 100).normalize() + 0

    def prepare_value(self, value):
        return f"{self.percent(value):f}" if isinstance(value, (int, float, Decimal)) else value

    def clean(self, value):
        percent = super().clean(value)
        return None if percent is None else percent / 100

    def has_changed(self, initial, data):
        return super().has_changed(None if initial is None else self.percent(initial), data)


class PositionedForm(forms.ModelForm):
    """A row among its parent's rows; without a position it comes last."""

    parent = None  # the name of the foreign key

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if position := self.fields.get("position"):
            position.required = False
            position.initial = None
            position.help_text = "Leave empty to put it last."

    def save(self, commit=True):
        if self.instance.position is None:
            siblings = type(self.instance)._base_manager.filter(**{self.parent: getattr(self.instance, self.parent)})
            if not self.instance._state.adding:
                siblings = siblings.exclude(pk=self.instance.pk)
            last = siblings.aggregate(last=Max("position"))["last"]
            self.instance.position = 1 if last is None else last + 1
        return super().save(commit)


class LessonForm(PositionedForm):
    parent = "course"

    class Meta:
        model = Lesson
        fields = ["course", "title", "position"]


class VideoForm(PositionedForm):
    parent = "lesson"
    duration_seconds = ClockField(
        label="Length",
        required=False,
        help_text="For instance 12:05; seconds alone will do. If left empty, it is read from the file.",
        validators=Video._meta.get_field("duration_seconds").validators,
    )

    class Meta:
        model = Video
        fields = [
            *("lesson", "title", "description", "position"),
            *("file", "poster", "captions", "url"),
            *("duration_seconds", "completion_threshold"),
        ]
        help_texts = {"completion_threshold": "The percentage of the video that counts as having watched it."}
        field_classes = {
            "file": VideoUploadField,
            "poster": PictureUploadField,
            "captions": CaptionsUploadField,
            "completion_threshold": PercentField,
        }

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if url := self.fields.get("url"):
            sites = " or ".join(settings.MEDIA_SOURCES)
            where = f"an address at {sites}" if sites else "this site allows none so far, and plays uploads alone"
            url.help_text = f"Where the video is if its file is not here: {where}."

    def clean_url(self):
        url = self.cleaned_data["url"]
        if url and not url.startswith("https://"):
            raise ValidationError("Give an address that begins with https://: players accept no other.")
        return url

    def clean(self):
        """The length is the file's: what players cannot show could never be watched."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors.keys() & {"file", "duration_seconds"}:
            return cleaned
        file, typed = cleaned.get("file", self.instance.file), cleaned["duration_seconds"]
        is_typed = typed is not None and "duration_seconds" in self.changed_data
        asks = typed is None or is_typed or "file" in self.changed_data
        found = video_seconds(file) if file and asks else None
        if found and is_typed and abs(found - typed) > ROUNDED:
            # A browser does not send a file again that came with a form that was refused.
            again = " Then choose the file again." if "file" in self.changed_data else ""
            advice = f"The file is {clock(found)} long: write that, or leave the length empty.{again}"
            self.add_error("duration_seconds", advice)
        elif found and found > LONGEST_VIDEO:
            self.add_error("file", TOO_LONG)
        elif found:
            cleaned["duration_seconds"] = found
        elif typed is None:
            unread = "The length of this file cannot be read. " if file else ""
            self.add_error("duration_seconds", f"{unread}Write how long the video is, for instance 12:05.")
        return cleaned


class WithinVideo:
    """A form whose moment must lie within its video."""

    def clean(self):
        cleaned = super().clean() or self.cleaned_data
        video, second = cleaned.get("video"), cleaned.get("video_timestamp_seconds")
        duration = getattr(video, "duration_seconds", None)
        if second is not None and isinstance(duration, int) and second >= duration:
            self.add_error("video_timestamp_seconds", f"The video is only {clock(duration)} long.")
        return cleaned


class CheckpointForm(WithinVideo, forms.ModelForm):
    video_timestamp_seconds = ClockField(label="At")

    class Meta:
        model = Checkpoint
        fields = ["video", "video_timestamp_seconds", "title"]


class QuizForm(WithinVideo, forms.ModelForm):
    """A quiz of a lesson, or of a moment of a video; the video says which lesson."""

    video_timestamp_seconds = ClockField(label="At", required=False, help_text="The moment of the video, as 2:30.")

    class Meta:
        model = Quiz
        fields = [
            *("lesson", "video", "video_timestamp_seconds", "title"),
            *("passing_score", "required", "skippable", "attempts_allowed"),
        ]
        help_texts = {
            "skippable": "Whether students may keep watching without taking it, if it is in a video. Otherwise the page"
            " holds the player there; what it takes to complete the lesson is said by “required”.",
        }

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if lesson := self.fields.get("lesson"):
            lesson.required = False
            lesson.help_text = "Leave empty to use the lesson of the video."

    def clean(self):
        cleaned = super().clean()
        if "lesson" not in self.fields or self.errors.keys() & {"lesson", "video"}:
            return cleaned
        lesson, video = cleaned.get("lesson"), cleaned.get("video")
        if video is None and lesson is None:
            self.add_error("lesson", "Choose the lesson that the quiz belongs to.")
        elif lesson is None:
            cleaned["lesson"] = video.lesson
        elif video is not None and video.lesson_id != lesson.pk:
            self.add_error("video", f"This video belongs to the lesson “{video.lesson}”, not to “{lesson}”.")
        return cleaned


class QuizInVideoForm(QuizForm):
    """A quiz on the page of its video."""

    video_timestamp_seconds = ClockField(label="At", help_text="The moment of the video, as 2:30.")


class QuizInVideoFormSet(forms.BaseInlineFormSet):
    """The quizzes of a video are quizzes of its lesson, also while it moves to another."""

    def save_new(self, form, commit=True):
        form.instance.lesson_id = self.instance.lesson_id
        return super().save_new(form, commit)

    def save_existing(self, form, obj, commit=True):
        form.instance.lesson_id = self.instance.lesson_id
        return super().save_existing(form, obj, commit)


MARK = "*"  # begins the line of a right choice; a choice that itself begins with one is written "\*…"


def write_answers(question):
    """The text that an author edits: the inverse of `read_answers`."""
    if question.kind not in (QuestionKind.SINGLE, QuestionKind.MULTIPLE):
        return "\n".join(question.answers)
    return "\n".join(
        (MARK if choice in question.answers else "") + (f"\\{choice}" if choice.startswith((MARK, "\\")) else choice)
        for choice in question.choices
    )


def read_answers(kind, text):
    """Read what an author wrote into the choices and the right answers.

    Args:
        kind: a QuestionKind.
        text: a choice a line, the right ones behind "*"; for a short answer, an
            accepted answer a line; for a number, that number.

    Returns:
        (choices, answers): lists of strings as QuizQuestion keeps them.

    Raises:
        ValidationError: with what is wrong, in the author's words.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    choices, answers = [], lines
    if kind in (QuestionKind.SINGLE, QuestionKind.MULTIPLE):
        answers = []
        for line in lines:
            right = line.startswith(MARK)
            choice = line.removeprefix(MARK).strip().removeprefix("\\")
            if not choice:
                raise ValidationError("A line has only a *: write the choice after it.")
            choices.append(choice)
            if right:
                answers.append(choice)
        if len(choices) < 2:
            raise ValidationError("Write at least two choices, one per line.")
        if not answers:
            raise ValidationError("Mark the right choice with a * at the beginning of its line.")
        if kind == QuestionKind.SINGLE and len(answers) > 1:
            raise ValidationError(
                f"A single choice has exactly one right answer, but {len(answers)} lines begin with a *. "
                "Remove the others, or make it a multiple choice."
            )
    elif not lines:
        raise ValidationError(
            "Write the number that is right." if kind == QuestionKind.NUMBER else "Write at least one accepted answer."
        )
    elif kind == QuestionKind.NUMBER:
        if len(lines) > 1:
            raise ValidationError("A number has exactly one right answer: write a single line.")
        try:
            finite = Decimal(lines[0]).is_finite()
        except InvalidOperation:
            finite = False
        if not finite:
            raise ValidationError(f"“{lines[0]}” is not a number. Write it as in 42 or -3.14.")
    written = choices or answers
    for line in written:
        if written.count(line) > 1:
            raise ValidationError(f"“{line}” is there twice.")
    return choices, answers


class QuizQuestionForm(PositionedForm):
    """A question with its answers as one text (see `read_answers`)."""

    parent = "quiz"
    answers_text = forms.CharField(
        label="Choices and answers",
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "cols": 60}),
        help_text=(
            "One choice per line, with a * before each right one. For a short answer: the accepted answers, one per "
            "line. For a number: that number."
        ),
    )

    class Meta:
        model = QuizQuestion
        fields = ["quiz", "position", "kind", "prompt", "tolerance", "explanation"]

    def __init__(self, *args, instance=None, initial=None, **options):
        if instance is not None and not instance._state.adding:
            tolerance = instance.tolerance.normalize() + 0  # 0.5, not 0.5000
            initial = {"answers_text": write_answers(instance), "tolerance": f"{tolerance:f}"} | (initial or {})
        super().__init__(*args, instance=instance, initial=initial, **options)

    def clean_answers_text(self):
        text, kind = self.cleaned_data["answers_text"], self.cleaned_data.get("kind")
        if kind:
            self.instance.choices, self.instance.answers = read_answers(kind, text)
        return text

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("kind") not in (None, QuestionKind.NUMBER) and cleaned.get("tolerance"):
            self.add_error("tolerance", "Only a number has a tolerance: leave 0 here.")
        return cleaned


class CompletionForm(forms.Form):
    """Why an instructor sets a completion by hand."""

    note = WordsField(
        label="Why",
        as_kept=reason,
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": NOTE_LIMIT}),
        help_text="For whoever reads it later, including the student.",
    )


class InvitationForm(forms.Form):
    """How long an invitation link is valid, and which one (`seen`) its maker saw when making it."""

    days = forms.TypedChoiceField(
        label="A new link works for", choices=[(days, f"{days} days") for days in DAYS], coerce=int, initial=USUAL_DAYS
    )
    seen = forms.UUIDField(required=False)


STUDENTS_AT_ONCE = 50
PERSON_LIMIT = 1000  # characters of a line
AROUND = '<>(),;"'  # what stands between and around names and addresses
ADDRESS = re.compile(rf"[^\s{AROUND}]+@[^\s{AROUND}]+")


def read_people(text):
    """Read a list of people, one a line, as mail programs and spreadsheets copy them: a name, an e-mail address.

    Returns:
        Pairs of an address, as Profile keeps it, and a full name, which may be empty.

    Raises:
        ValidationError: with every line that is wrong, in the author's words.
    """
    people, wrong = {}, []
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    for number, line in lines:
        if len(line) > PERSON_LIMIT:  # first, as looking for an address takes the square of that
            wrong.append(f"Line {number} is too long.")
            continue
        found = ADDRESS.findall(line)
        email = Profile.objects.normalize_email(found[0]) if found else None
        name = name_of(re.sub(f"[{AROUND}]", " ", ADDRESS.sub(" ", line)))
        try:
            validate_email(email)
        except ValidationError:
            wrong.append(f"Line {number} has no e-mail address: “{line.strip()[:80]}”.")
            continue
        if len(found) > 1:
            wrong.append(f"Line {number} has several e-mail addresses: write one person per line.")
        elif email in people:
            wrong.append(f"Line {number}: {email} is there twice.")
        elif len(name) > NAME_LIMIT or len(email) > Profile._meta.get_field("email").max_length:
            wrong.append(f"Line {number} is too long.")
        people[email] = name
    if len(lines) > STUDENTS_AT_ONCE:
        wrong = [f"These are {len(lines)} lines: add at most {STUDENTS_AT_ONCE} people at once."]
    if wrong:
        raise ValidationError(wrong[:10])
    return list(people.items())


class StudentsForm(forms.Form):
    people = forms.CharField(
        label="Students",
        max_length=STUDENTS_AT_ONCE * PERSON_LIMIT,
        widget=AdminTextareaWidget(attrs={"rows": 12, "placeholder": "Ana Alves, ana@example.org"}),
        help_text=(
            f"One per line, with name and e-mail address; lines copied from a spreadsheet will do. {STUDENTS_AT_ONCE}"
            " at most at once. People who already have an account are enrolled and keep it as it is."
        ),
    )

    # Which list this is, however often it is sent.
    sheet = forms.UUIDField(
        widget=forms.HiddenInput,
        initial=uuid.uuid4,
        error_messages=dict.fromkeys(
            ("required", "invalid"), "Nobody was added: open this page again and send the list from there."
        ),
    )

    def clean_people(self):
        return read_people(self.cleaned_data["people"])
