"""A limit on how much of an upload is written to the disk."""

import io

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.utils.functional import cached_property

from config.uploads import CaptionsUploadField

HEAD = 64  # bytes, by which the kind of a file is known


class BoundedUploadHandler(FileUploadHandler):
    """Keep no more of a request's files than its sender may send at once; count the rest.

    That is one file of the largest kind, and for staff its poster and captions beside it.  Of a file for which there
    is no room there is then its beginning, the size that it had, and `is_cut`: a form can say so.
    """

    kept = 0

    @cached_property
    def largest(self):
        """Bytes of one file."""
        sizes = [settings.RECORDING_MAX_MB, settings.PICTURE_MAX_MB, settings.DOCUMENT_MAX_MB]
        return max(*sizes, settings.VIDEO_MAX_MB if self.is_from_staff else 0) * 2**20

    @cached_property
    def most(self):
        """Bytes of all files."""
        return self.largest + (settings.PICTURE_MAX_MB * 2**20 + CaptionsUploadField.most if self.is_from_staff else 0)

    @property
    def is_from_staff(self):
        return getattr(getattr(self.request, "user", None), "is_staff", False)

    def new_file(self, *args, **options):
        super().new_file(*args, **options)
        self.cut, self.head = False, b""

    def receive_data_chunk(self, raw_data, start):
        self.head = self.head or raw_data[:HEAD]
        size = len(raw_data)
        self.cut = self.cut or start + size > self.largest or self.kept + size > self.most
        if self.cut:
            return None
        self.kept += size
        return raw_data

    def file_complete(self, file_size):
        if self.cut:
            file = UploadedFile(io.BytesIO(self.head), self.file_name, self.content_type, file_size, self.charset)
            file.is_cut = True
            return file
        return None
