"""A reflection, as staff enter and answer it."""

from django import forms

from courses.forms import ClockField, WithinVideo
from reflections.models import Reflection


class ReflectionForm(WithinVideo, forms.ModelForm):
    video_timestamp_seconds = ClockField(label="At", required=False, help_text="The moment of the video, as 2:30.")

    class Meta:
        model = Reflection
        exclude = ["responded_by", "responded_at", "response_edited_at"]  # noqa: DJ006 (the admin names the fields)
