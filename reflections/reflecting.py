"""A student reflects on a second of a video: in words, with a picture or a recording, or by a Loom video."""

import re

from django.core.exceptions import ValidationError
from django.utils import timezone

from courses.forms import clock
from profiles.models import MediaType
from profiles.writing import words, write_once
from reflections.models import Reflection

LOOM = re.compile(r"https://(?:www\.)?loom\.com/(?:share|embed)/([0-9a-f]{32})(?:[?#].*)?", re.IGNORECASE | re.DOTALL)


def reflect(*, id, student, video, second, text, **media):
    """The student's reflection on a second of the video; `media`: that of an upload or of `loom_media`.

    ValidationError, and nothing is written, if there is neither text nor media,
    or if the video has no such second.
    """
    if not 0 <= second < video.duration_seconds:
        raise ValidationError(f"The video is only {clock(video.duration_seconds)} long.", "second")
    return write_once(
        Reflection(
            id=id,
            student=student,
            video=video,
            video_timestamp_seconds=second,
            content=words(text),
            created_at=timezone.now(),
            **media,
        )
    )


def loom_id(address):
    """The id of the Loom video that an address leads to; "" if it leads to none."""
    found = LOOM.fullmatch(address or "")
    return found[1].lower() if found else ""


def loom_media(address):
    """What a Writing keeps of the address of a Loom video; ValidationError if it is none."""
    found = loom_id(address.strip())
    if not found:
        raise ValidationError("This is no link to a Loom video: it begins with https://www.loom.com/share/.")
    return {"media_url": f"https://www.loom.com/share/{found}", "media_type": MediaType.VIDEO}
