"""A form's field for a voice memo or a picture."""

from django import forms

from profiles.models import MediaType
from uploads import rewriting
from uploads.checks import checked, largest
from uploads.models import Upload

# What a browser offers to choose from.
ACCEPT = ["image/png", "image/jpeg", "image/webp", "image/gif", *Upload.CONTENT_TYPES, ".m4a", ".mp3", ".ogg", ".wav"]


class AttachmentInput(forms.FileInput):
    """Tells the browser what it may check before it sends: kinds, bytes and seconds."""

    def build_attrs(self, base_attrs, extra_attrs=None):
        return super().build_attrs(base_attrs, extra_attrs) | {
            "accept": ",".join(dict.fromkeys(ACCEPT)),
            "data-audio": largest(MediaType.AUDIO),
            "data-image": largest(MediaType.IMAGE),
            "data-seconds": rewriting.LONGEST,
        }


class AttachmentField(forms.FileField):
    """A file that `uploads.store.store` keeps; None if there is none.  Its form must be multipart."""

    widget = AttachmentInput

    def __init__(self, **options):
        usual = {
            "required": False,
            "label": "Picture or recording",
            "template_name": "components/attach.html",
            "help_text": f"One picture, or one recording of up to {rewriting.LONGEST // 60} minutes.",
        }
        super().__init__(allow_empty_file=True, **usual | options)

    def to_python(self, data):
        data = super().to_python(data)
        return data and checked(data)
