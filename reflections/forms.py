"""A reflection, as staff enter and answer it; an answer, as an instructor writes it."""

from django import forms
from django.core.exceptions import ValidationError

from courses.forms import ClockField, WithinVideo
from profiles.forms import WordsField
from reflections import answers
from reflections.models import Reflection


class AnswerForm(forms.Form):
    """An answer to `reflection`, and the `version()` of it that the writer had before their eyes."""

    text = WordsField(as_kept=answers.cleaned)
    seen = forms.CharField(required=False, max_length=50, widget=forms.HiddenInput)

    def __init__(self, *args, reflection, **options):
        super().__init__(*args, auto_id=f"answer-{reflection.pk}-%s", **options)
        self.fields["text"].label = f"Your answer to {reflection.student}"


class ReflectionForm(WithinVideo, forms.ModelForm):
    video_timestamp_seconds = ClockField(label="At", required=False, help_text="The moment of the video, as 2:30.")

    class Meta:
        model = Reflection
        exclude = ["responded_by", "responded_at", "response_edited_at"]  # noqa: DJ006 (the admin names the fields)

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
            raise ValidationError(f"{who} changed the answer meanwhile. Copy yours, load this page anew and see.")
        return text
