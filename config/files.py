"""Files that some people may have and others not (docs/decisions/0021-media-are-sent-by-a-view.md).

They lie in MEDIA_ROOT under names that nobody guesses, and no address leads
there: a view asks whether the person may have the file, and then `send`s it.
"""

import logging
from pathlib import PurePosixPath
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.db import models
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.http import content_disposition_header
from whitenoise.middleware import WhiteNoiseFileResponse
from whitenoise.responders import NotARegularFileError, Response, SlicedFile, StaticFile

log = logging.getLogger(__name__)

# What browsers show or play.  Anything else is sent as a download.
CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".mp4": "video/mp4",
    ".png": "image/png",
    ".webm": "video/webm",
    ".webp": "image/webp",
}
PIECE = 2**20  # bytes; what a player gets that asks for "the rest"
STALL = 30  # seconds without a byte taken, after which the connection is closed


class StoredFile(models.fields.files.FieldFile):
    @property
    def url(self):
        """The address at which those who may have the file get it."""
        self._require_file()
        return reverse(self.field.page, args=[self.instance.pk])


class StoredFileField(models.FileField):
    """The name of a file in MEDIA_ROOT, or "".  `page` names the address that sends it, by the row's id."""

    attr_class = StoredFile

    def __init__(self, *args, page="", **options):
        self.page = page
        super().__init__(*args, **{"default": "", "db_default": "", "blank": True} | options)

    def deconstruct(self):
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.FileField", args, options


class RangedFile(StaticFile):
    """WhiteNoise's file, with If-Range, with ranges of one byte, and in pieces for those who ask for all the rest.

    Players ask for "the rest" and stop reading when they have enough for now.
    A piece (RFC 9110, section 15.3.7, allows it) is soon read, and its thread free again.
    """

    def get_response(self, method, request_headers):
        condition = request_headers.get("HTTP_IF_RANGE")
        if condition is not None and condition not in (self.etag, self.modified):
            request_headers = {name: value for name, value in request_headers.items() if name != "HTTP_RANGE"}
        return super().get_response(method, request_headers)

    def get_headers(self, headers_list, files):
        headers = super().get_headers(headers_list, files)
        headers["Accept-Ranges"] = "bytes"
        self.modified = headers["Last-Modified"]
        return headers

    def get_range_response(self, range_header, base_headers, file_handle):
        size = int(dict(base_headers)["Content-Length"])
        start, end = self.get_byte_range(range_header, size)
        if start > end:
            return self.get_range_not_satisfiable_response(file_handle, size)
        headers = [(name, value) for name, value in base_headers if name != "Content-Length"]
        headers += [("Content-Range", f"bytes {start}-{end}/{size}"), ("Content-Length", str(end - start + 1))]
        return Response(206, headers, file_handle and SlicedFile(file_handle, start, end))

    def get_byte_range(self, range_header, size):
        """The first and the last byte; the first is the greater one if there are none such.  ValueError if unclear."""
        unit, _, asked = range_header.partition("=")
        first, dash, last = asked.strip().partition("-")
        if unit.strip().lower() != "bytes" or not dash or not (first + last).isdecimal():
            raise ValueError(range_header)
        if not first:
            return (max(size - int(last), 0) if int(last) else size), size - 1
        start = int(first)
        if not last:
            return start, min(start + PIECE, size) - 1
        if int(last) < start:
            raise ValueError(range_header)
        return start, min(int(last), size - 1)


class FileResponse(WhiteNoiseFileResponse):
    block_size = 2**16


def send(request, file, *, title=""):
    """Answer with a stored file, to somebody who may have it.

    Whole, in part (Range) or not at all (HEAD, 304); by the proxy in front of
    us if MEDIA_ACCEL says that it can.

    Args:
        request: a GET or HEAD.
        file: the value of a StoredFileField.
        title: what a browser calls the file that somebody saves.

    Raises:
        Http404: there is none, or it is gone from the disk, which is logged.
    """
    if not file:
        raise Http404
    suffix = PurePosixPath(file.name).suffix
    kind = CONTENT_TYPES.get(suffix)
    headers = {
        "Content-Type": kind or "application/octet-stream",
        "Content-Disposition": content_disposition_header(kind is None, f"{title}{suffix}" if title else ""),
        "Cache-Control": f"private, {'no-cache' if (kind or '').startswith('image/') else 'no-store'}",
    }
    headers = {name: value for name, value in headers.items() if value}
    try:
        stored = RangedFile(file.path, list(headers.items()))
        if settings.MEDIA_ACCEL:
            return HttpResponse(headers=headers | {"X-Accel-Redirect": settings.MEDIA_ACCEL + quote(file.name)})
        found = stored.get_response(request.method, request.META)
    except (NotARegularFileError, FileNotFoundError, SuspiciousFileOperation):
        row = file.instance
        log.error("%s %s names the file %r, which is not there.", row._meta.label, row.pk, file.name)
        raise Http404 from None
    if connection := request.META.get("gunicorn.socket"):
        connection.settimeout(STALL)
    response = FileResponse(found.file or (), status=int(found.status))
    del response["Content-Type"]
    for name, value in found.headers:
        response[name] = value
    return response
