"""Files that some people may see and others may not (docs/decisions/0021-media-are-sent-by-a-view.md).

They are in MEDIA_ROOT under names that nobody can guess, and no address leads
there: a view asks whether the person may see the file, and then `send`s it.
A file is deleted with its row, or when another replaces it; `unnamed_files` finds
what is left over from deletions in the database alone and from failed transactions.
"""

import contextlib
import functools
import logging
import os
import time
from pathlib import PurePosixPath
from urllib.parse import quote

from django.apps import apps
from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.http import content_disposition_header
from whitenoise.middleware import WhiteNoiseFileResponse
from whitenoise.responders import NotARegularFileError, Response, SlicedFile, StaticFile

log = logging.getLogger(__name__)

# What browsers show or play.  Anything else is sent as a download.
CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".vtt": "text/vtt; charset=utf-8",
    ".wav": "audio/wav",
    ".weba": "audio/webm",
    ".webm": "video/webm",
    ".webp": "image/webp",
}
PIECE = 2**20  # bytes; what a player gets that asks for "the rest"
STALL = 30  # seconds without a byte taken, after which the connection is closed


class StoredFile(models.fields.files.FieldFile):
    @property
    def url(self):
        """The address at which those who may see the file get it."""
        self._require_file()
        return reverse(self.field.page, args=[self.instance.pk])

    def save(self, name, content, save=True):
        # Copied, not moved: a save that loses a race is done again, with the same upload (config.admin).
        super().save(name, File(content.file, name) if hasattr(content, "temporary_file_path") else content, save)


class StoredFileField(models.FileField):
    """The name of a file in MEDIA_ROOT, or "".

    Args:
        page: the name of the address that sends the file, by the id of its row.
        upload_to: a courses.fields.RandomName.
    """

    attr_class = StoredFile

    def __init__(self, *args, page="", **options):
        self.page = page
        super().__init__(*args, **{"default": "", "db_default": "", "blank": True} | options)

    def deconstruct(self):
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.FileField", args, options

    def contribute_to_class(self, cls, name, **options):
        super().contribute_to_class(cls, name, **options)
        if not cls._meta.abstract:
            post_delete.connect(self.discard_with_row, sender=cls)

    def discard_with_row(self, instance, **_):
        discard(self, str(instance.__dict__.get(self.attname, "")))

    def pre_save(self, instance, add):
        before = None if add else type(instance)._base_manager.filter(pk=instance.pk).values_list(self.attname).first()
        file = super().pre_save(instance, add)
        if before and before[0] != file.name:
            discard(self, before[0])
        return file


def discard(field, name):
    """Delete a file of a StoredFileField from the disk once the transaction is committed."""
    if name:
        transaction.on_commit(functools.partial(field.storage.delete, name), robust=True)


def file_fields(model):
    """The StoredFileFields of a model."""
    return [field for field in model._meta.local_concrete_fields if isinstance(field, StoredFileField)]


def all_file_fields():
    return [field for model in apps.get_models() for field in file_fields(model)]


def stored_files():
    """Every file that a StoredFileField has made, as (its name, its os.DirEntry)."""
    for field in {field.upload_to.folder: field for field in all_file_fields()}.values():
        folder = field.upload_to.folder
        try:
            entries = os.scandir(field.storage.path(folder))
        except FileNotFoundError:
            continue
        with entries:
            for entry in entries:
                if field.upload_to.made(entry.name) and entry.is_file(follow_symlinks=False):
                    yield f"{folder}/{entry.name}", entry


def unnamed_files(age):
    """Those of `stored_files` that no row names and that were not written to for `age` seconds, as a list."""
    latest, old = time.time() - age, {}
    for name, entry in stored_files():
        with contextlib.suppress(FileNotFoundError):  # it went meanwhile
            if entry.stat().st_mtime < latest:
                old[name] = entry
    for field in all_file_fields():
        for name in field.model._base_manager.exclude(**{field.name: ""}).values_list(field.name, flat=True).iterator():
            old.pop(name, None)
    return list(old.values())


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
    """Respond with a stored file, to somebody who may see it.

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
