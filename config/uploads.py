"""Form fields for uploads, which are identified by their content: name and declared type prove nothing."""

import contextlib
import logging
import re
import shutil
import tempfile

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models.fields.files import FieldFile
from django.forms.widgets import FileInput
from django.template.defaultfilters import filesizeformat

from config import apart, measuring

log = logging.getLogger(__name__)

MEGABYTE = 2**20
PATIENCE = 60  # seconds that reading a video's length may take
NEAR = 0.25  # seconds that may be missing from a whole one, as in static/js/watch.js

# How files begin whose pictures move: ISO 14496-12, section 4.3 (the brands of MP4); RFC 8794, section 11.2 (EBML).
VIDEOS = {
    ".mp4": re.compile(rb".{4}ftyp(iso[2-9m]|mp4[12]|avc1|av01|dash|M4V[ HP]|MSNV|mmp4|f4v )", re.DOTALL),
    ".webm": re.compile(rb"\x1a\x45\xdf\xa3.{1,80}\x42\x82.{1,8}webm", re.DOTALL),
}
PICTURES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}


class UploadField(forms.FileField):
    """A file of one of the kinds that browsers show, no larger than its setting says.

    The cleaned file has the suffix of what it is; the rest of its name is gone.
    """

    accept = limit = kinds = ""

    def __init__(self, *, help_text="", **options):
        options["max_length"] = None  # of the name, which does not matter
        super().__init__(help_text=f"{help_text} {self.kinds}; {filesizeformat(self.most)} at most.".strip(), **options)

    @property
    def most(self):
        """In bytes."""
        return getattr(settings, self.limit) * MEGABYTE

    def to_python(self, data):
        most = self.most
        if data not in self.empty_values and data.size > most:
            size, limit = filesizeformat(data.size), filesizeformat(most)
            it = f"This file has {size}" if size != limit else "This file is a little too large"
            raise ValidationError(f"{it}; at most {limit} is allowed.", code="too_large")
        if getattr(data, "is_cut", False):  # by uploads.handlers
            raise ValidationError("All the files together were too large. Send this one alone.", code="together")
        file = super().to_python(data)
        if file is not None:
            file.name = f"upload{self.suffix(file)}"
        return file

    def suffix(self, file):
        """The suffix of what `file` is; ValidationError if it is nothing that browsers show."""
        raise NotImplementedError

    def widget_attrs(self, widget):
        attrs = super().widget_attrs(widget)
        return attrs | {"accept": self.accept} if isinstance(widget, FileInput) else attrs


class VideoUploadField(UploadField):
    accept, limit = "video/mp4,video/webm", "VIDEO_MAX_MB"
    kinds = "An MP4 or a WebM file"

    def suffix(self, file):
        file.seek(0)
        beginning = file.read(256)
        file.seek(0)
        for suffix, pattern in VIDEOS.items():
            if pattern.match(beginning):
                return suffix
        raise ValidationError("Browsers cannot play this video: choose an MP4 or a WebM file.", code="no_video")


def video_seconds(file):
    """How long a video plays: the whole seconds that can be watched of it; None if that cannot be read.

    Args:
        file: an upload that a VideoUploadField has taken, or the value of a StoredFileField.
    """
    with contextlib.ExitStack() as stack:
        try:
            if hasattr(file, "temporary_file_path"):
                path = file.temporary_file_path()
            elif isinstance(file, FieldFile):
                path = file.path
            else:
                copy = stack.enter_context(tempfile.NamedTemporaryFile(prefix="video-"))
                file.seek(0)
                shutil.copyfileobj(file, copy)
                copy.flush()
                file.seek(0)
                path = copy.name
            found = apart.run(measuring.__file__, path, patience=PATIENCE)
        except apart.Failed as failed:
            log.info("The length of a video file could not be read: %s", failed)
            return None
    return int(found + NEAR) or None


class PictureUploadField(UploadField, forms.ImageField):
    accept, limit = "image/jpeg,image/png,image/webp", "PICTURE_MAX_MB"
    kinds = "A JPEG, PNG or WebP file"
    default_validators = ()  # of the name
    default_error_messages = {
        "invalid_image": "This is not a picture, or it is damaged: choose a JPEG, PNG or WebP file."
    }

    def suffix(self, file):
        if file.image.format not in PICTURES:
            raise ValidationError(self.error_messages["invalid_image"], code="invalid_image")
        return PICTURES[file.image.format]


class CaptionsUploadField(UploadField):
    """Captions as WebVTT (W3C, section 4.1): UTF-8 that begins with the word WEBVTT and has at least one cue."""

    accept, kinds, most = "text/vtt,.vtt", "A WebVTT file (.vtt)", MEGABYTE
    beginning = re.compile(r"\ufeff?WEBVTT([ \t].*)?\r?\n")
    cue = re.compile(r"^(\d{2,}:)?[0-5]\d:[0-5]\d\.\d{3}[ \t]+-->[ \t]+(\d{2,}:)?[0-5]\d:[0-5]\d\.\d{3}", re.MULTILINE)

    def suffix(self, file):
        file.seek(0)
        content = file.read()
        file.seek(0)
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = ""
        if "\0" in text or not (self.beginning.match(text) and self.cue.search(text)):
            raise ValidationError(
                "Browsers cannot show these captions: choose a WebVTT file, which begins with WEBVTT.",
                code="no_captions",
            )
        return ".vtt"
