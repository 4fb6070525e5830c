"""A reflection, as staff enter and answer it; an answer, as an instructor writes it."""

from django import forms
from django.core.exceptions import ValidationError

from courses.forms import ClockField, WithinVideo, clock
from profiles.forms import WordsField
from reflections import answers, reflecting
from reflections.models import Reflection
from uploads.forms import AttachmentField


class AnswerForm(forms.Form):
    """An answer to `reflection`, and the `version()` of it that the writer had before their eyes."""

    text = WordsField(as_kept=answers.cleaned)
    seen = forms.CharField(required=False, max_length=50, widget=forms.HiddenInput)

    def __init__(self, *args, reflection, **options):
        super().__init__(*args, auto_id=f"answer-{reflection.pk}-%s", **options)
        self.fields["text"].label = f"Your answer to {reflection.student}"


class ReflectForm(forms.Form):
    """A student's reflection on a second of `video`; `id` is that of the row that it will be, however often it is sent.

    The cleaned `loom` is what `reflecting.loom_media` makes of it.
    """

    id = forms.UUIDField(
        widget=forms.HiddenInput,
        error_messages=dict.fromkeys(
            ("required", "invalid"), "Nothing was saved, as the form was incomplete. It is complete now: send it again."
        ),
    )
    at = ClockField(
        label="Moment",
        widget=forms.TextInput(attrs={"size": 8, "placeholder": "2:30"}),
    )
    text = WordsField(label="What do you think?")
    attachment = AttachmentField()
    loom = forms.CharField(
        label="Link to a Loom video",
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"inputmode": "url", "placeholder": "https://www.loom.com/share/…"}),
    )

    def __init__(self, *args, video, **options):
        super().__init__(*args, **options)
        self.video = video

    def clean_at(self):
        second = self.cleaned_data["at"]
        if second is not None and second >= self.video.duration_seconds:
            raise ValidationError(f"The video is only {clock(self.video.duration_seconds)} long.")
        return second

    def clean_loom(self):
        address = self.cleaned_data["loom"]
        return reflecting.loom_media(address) if address else {}

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("loom") and cleaned.get("attachment"):
            self.add_error("loom", "One picture, one recording or one Loom video: leave out the others.")
        elif not self.errors and not (cleaned["text"] or cleaned["attachment"] or cleaned["loom"]):
            self.add_error("text", "Write something, or add a picture, a recording or a Loom video.")
        return cleaned


class ReflectionForm(WithinVideo, forms.ModelForm):
    video_timestamp_seconds = ClockField(label="At", required=False, help_text="The moment of the video, as 2:30.")

    class Meta:
        model = Reflection
        exclude = ["responded_by", "responded_at", "response_edited_at", "response_unseen"]  # noqa: DJ006 (the admin names the fields)

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.answer_before = self.instance.instructor_response

    def clean_instructor_response(self):
        """The answer that stands, if it was not touched here; nobody else's is written over unseen."""
        standing, text = self.answer_before, self.cleaned_data["instructor_response"]
        if "instructor_response" not in self.changed_data:
            return standing
        text = answers.cleaned(text) if text else None
        shown = self.data.get(self["instructor_response"].html_initial_name, "")
        if text != standing and shown.split() != (standing or "").split():
            who = self.instance.responded_by or "Somebody"
            raise ValidationError(
                f"{who} changed the answer in the meantime. Copy yours, reload this page and compare."
            )
        return text
