"""A form's field for a voice memo or a picture, perhaps a document."""

from django import forms

from profiles.models import MediaType
from uploads import rewriting
from uploads.checks import checked, largest, taken
from uploads.models import Upload

# What a browser offers to choose from.
DOCUMENTS = [kind for kind in Upload.CONTENT_TYPES if kind.startswith("application/")]
OTHERS = [kind for kind in Upload.CONTENT_TYPES if kind not in DOCUMENTS]
ACCEPT = ["image/png", "image/jpeg", "image/webp", "image/gif", *OTHERS, ".m4a", ".mp3", ".ogg", ".wav"]


class AttachmentInput(forms.FileInput):
    """Tells the browser what it may check before it sends: kinds, bytes and seconds."""

    documents = False

    def build_attrs(self, base_attrs, extra_attrs=None):
        accept = [*ACCEPT, *DOCUMENTS, *Upload.FORMS] if self.documents else ACCEPT
        return super().build_attrs(base_attrs, extra_attrs) | {
            "accept": ",".join(dict.fromkeys(accept)),
            "data-audio": largest(MediaType.AUDIO),
            "data-image": largest(MediaType.IMAGE),
            "data-document": largest(MediaType.DOCUMENT),
            "data-taken": taken(self.documents),
            "data-seconds": rewriting.LONGEST,
        }


class AttachmentField(forms.FileField):
    """A file that `uploads.store.store` keeps; None if there is none.  Its form must be multipart.

    Args:
        documents: whether it may be one, beside a picture or a recording.
    """

    widget = AttachmentInput

    def __init__(self, *, documents=False, **options):
        minutes = f"one recording of up to {rewriting.LONGEST // 60} minutes"
        usual = {
            "required": False,
            "label": "Picture, recording or document" if documents else "Picture or recording",
            "template_name": "components/attach.html",
            "help_text": f"One picture, {minutes}, or one document: PDF, Word, Excel or PowerPoint."
            if documents
            else f"One picture, or {minutes}.",
        }
        self.documents = documents
        super().__init__(allow_empty_file=True, **usual | options)
        self.widget.documents = documents

    def to_python(self, data):
        data = super().to_python(data)
        return data and checked(data, documents=self.documents)
