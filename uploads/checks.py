"""Whether a file may be accepted, by what is in it (docs/decisions/0025-what-people-attach.md)."""

import logging
import math
import re
import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File

from config import apart
from profiles.models import MediaType
from uploads import rewriting
from uploads.models import Upload

log = logging.getLogger(__name__)

# How a file of each container begins.
SIGNATURES = {
    "png": rb"\x89PNG\r\n\x1a\n",
    "jpeg": rb"\xff\xd8\xff",
    "webp": rb"RIFF....WEBP",
    "gif": rb"GIF8[79]a",
    "webm": rb"\x1a\x45\xdf\xa3",
    "ogg": rb"OggS\0",
    "heic": rb"....ftyp(hei|hev|mif1|msf1|avif|avis)",
    "mp4": rb"....ftyp",
    "wav": rb"RIFF....WAVE",
    "pdf": rb"%PDF-[12]\.\d",
    "zip": rb"PK\x03\x04",  # as Office's documents are
    "mp3": rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]",  # a tag, or the head of a frame of layer III
}
PICTURE, RECORDING = "a picture (PNG, JPEG, WebP or GIF)", "a recording (WebM, Ogg, M4A, MP3 or WAV)"
DOCUMENT = "a document (PDF, Word, Excel or PowerPoint; save others as PDF)"
NAMES = {MediaType.AUDIO: "recording", MediaType.IMAGE: "picture", MediaType.DOCUMENT: "document"}
PATIENCE = 60  # seconds


class Checked(File):
    """A file as it will be stored, and what an Upload says of it in `facts`."""

    def __init__(self, file, facts):
        super().__init__(file, "upload" + Upload.CONTENT_TYPES[facts["content_type"]])
        self.facts = facts


def taken(documents):
    """The sentence that says what can be taken."""
    return f"Choose {PICTURE}, {RECORDING} or {DOCUMENT}." if documents else f"Choose {PICTURE} or {RECORDING}."


def largest(media_type):
    """How many bytes a file of this media type may have."""
    return 2**20 * getattr(settings, f"{NAMES[media_type].upper()}_MAX_MB")


def media_type_of(container):
    if container in rewriting.DOCUMENTS:
        return MediaType.DOCUMENT
    return MediaType.AUDIO if container in rewriting.RECORDINGS else MediaType.IMAGE


def megabytes(size):
    """Rounded up, so that what is too large by a byte says so."""
    return f"{math.ceil(size * 10 / 2**20) / 10:g} MB"


def container_of(file):
    """The key of SIGNATURES with which the file begins, or None."""
    file.seek(0)
    head = file.read(32)
    return next((name for name, pattern in SIGNATURES.items() if re.match(pattern, head, re.DOTALL)), None)


def checked(file, *, documents=False):
    """Take in what somebody sent, if it is a picture or a recording that can be kept.

    Nothing is stored.  What is returned is written anew: without the place
    where a picture was taken, and without what else may hide in such a file.
    A document stays as it is.

    Args:
        file: a Django File, of any name and of any content.
        documents: whether it may be a document.

    Returns:
        Checked.

    Raises:
        ValidationError: it cannot be taken, and why, in the person's words.
    """
    if not file.size:
        raise ValidationError("The file is empty. Choose another one.", "empty")
    container = container_of(file)
    if container == "heic":
        raise ValidationError("Not every browser shows HEIC and AVIF pictures. Save it as JPEG and try again.", "type")
    media_type = container and media_type_of(container)
    if container is None or (media_type == MediaType.DOCUMENT and not documents):
        raise ValidationError(f"This kind of file is not accepted. {taken(documents)}", "type")
    name, limit = NAMES[media_type], largest(media_type)
    if file.size > limit:
        raise ValidationError(f"The {name} has {megabytes(file.size)}; at most {megabytes(limit)} is allowed.", "large")
    with tempfile.TemporaryDirectory(prefix="upload-") as folder:
        source, target = Path(folder, "source"), Path(folder, "target")
        with source.open("wb") as copy:
            file.seek(0)
            shutil.copyfileobj(file, copy)
        found = rewritten(container, source, target)
        if found is None:
            raise ValidationError(
                f"The {name} cannot be read: its file is broken or incomplete. Save it again and try once more.",
                "broken",
            )
        if "refused" in found:
            raise ValidationError(found["refused"], "refused")
        # Read to its end by whoever stores it; the folder need not stay.
        return Checked(target.open("rb"), {"media_type": media_type, "bytes": target.stat().st_size} | found)


def rewritten(container, source, target):
    """What `rewriting.py` says of the file; None if it had no success."""
    try:
        return apart.run(rewriting.__file__, container, source, target, patience=PATIENCE)
    except apart.Failed as failed:
        log.warning("A %s file of %d bytes could not be read: %s", container, source.stat().st_size, failed)
        return None
