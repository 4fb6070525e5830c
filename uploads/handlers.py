"""A limit on how much of an upload is written to the disk."""

import io

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

HEAD = 64  # bytes, by which the kind of a file is known


class BoundedUploadHandler(FileUploadHandler):
    """Keep no more of a request's files than the largest file that its sender may send; count the rest.

    Of a file that is too large there is then its beginning, and the size that it had: a form can say so.
    """

    kept = 0

    @property
    def limit(self):
        user = getattr(self.request, "user", None)
        largest = settings.VIDEO_MAX_MB if getattr(user, "is_staff", False) else 0
        return max(largest, settings.RECORDING_MAX_MB, settings.PICTURE_MAX_MB, settings.DOCUMENT_MAX_MB) * 2**20

    def new_file(self, *args, **options):
        super().new_file(*args, **options)
        self.cut, self.head = False, b""

    def receive_data_chunk(self, raw_data, start):
        self.head = self.head or raw_data[:HEAD]
        self.cut = self.cut or self.kept + len(raw_data) > self.limit
        if self.cut:
            return None
        self.kept += len(raw_data)
        return raw_data

    def file_complete(self, file_size):
        if self.cut:
            return UploadedFile(io.BytesIO(self.head), self.file_name, self.content_type, file_size, self.charset)
        return None
