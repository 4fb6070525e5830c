"""What people attach to their words: voice memos, pictures and documents."""

import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import DB_CASCADE, DB_SET_NULL, Q
from django.db.models.functions import Now
from django.utils import timezone

from config.files import StoredFileField
from courses.fields import RandomName
from profiles.models import MediaType, calendar_constraint
from uploads.rewriting import OFFICE


class Upload(models.Model):
    """A voice memo, picture or document that `owner` sent, in the timeline of `student`.

    The writing to which it belongs names it by its `address`.
    A file is never changed: other words or another picture are another upload.
    Like the words that it belongs to, it stays when its owner's account is
    erased, unless the owner is the student.
    """

    # Random, not UUIDv7: its address stands in exports and in texts, and must tell neither when the file came nor
    # where to look for the next one.
    id = models.UUIDField(primary_key=True, db_default=RandomUUID(), editable=False)
    owner = models.ForeignKey("profiles.Profile", DB_SET_NULL, related_name="uploads_sent", null=True)
    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="uploads")
    file = StoredFileField(page="upload", upload_to=RandomName("uploads"))
    media_type = models.TextField(choices=[choice for choice in MediaType.choices if choice[0] != MediaType.VIDEO])
    content_type = models.TextField()
    bytes = models.IntegerField()
    duration_seconds = models.IntegerField(null=True, help_text="Of a recording, at least 1.")
    width = models.IntegerField(null=True, help_text="Of a picture, in pixels.")
    height = models.IntegerField(null=True, help_text="Of a picture, in pixels.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    CONTENT_TYPES = {  # what a file may be, and the suffix that says so to config.files.send
        "audio/mp4": ".m4a",
        "audio/mpeg": ".mp3",
        "audio/ogg": ".ogg",
        "audio/wav": ".wav",
        "audio/webm": ".weba",
        "image/webp": ".webp",
        "application/pdf": ".pdf",
        f"{OFFICE}wordprocessingml.document": ".docx",
        f"{OFFICE}spreadsheetml.sheet": ".xlsx",
        f"{OFFICE}presentationml.presentation": ".pptx",
    }
    FORMS = {".pdf": "PDF", ".docx": "Word", ".xlsx": "Excel", ".pptx": "PowerPoint"}  # of documents

    BEFORE_ID, AFTER_ID = "/uploads/", "/"  # in an address

    class Meta:
        db_table = "uploads"
        constraints = [
            models.CheckConstraint(condition=~Q(file="") & Q(bytes__gte=1), name="uploads_upload_file"),
            models.CheckConstraint(
                condition=Q(
                    media_type=MediaType.AUDIO,
                    content_type__startswith="audio/",
                    duration_seconds__isnull=False,
                    duration_seconds__gte=1,
                    width__isnull=True,
                    height__isnull=True,
                )
                | Q(
                    media_type=MediaType.IMAGE,
                    content_type__startswith="image/",
                    duration_seconds__isnull=True,
                    width__isnull=False,
                    width__gte=1,
                    height__isnull=False,
                    height__gte=1,
                )
                | Q(
                    media_type=MediaType.DOCUMENT,
                    content_type__startswith="application/",
                    duration_seconds__isnull=True,
                    width__isnull=True,
                    height__isnull=True,
                ),
                name="uploads_upload_media",
            ),
            calendar_constraint("created_at"),
        ]

    def __str__(self):
        return f"{self.get_media_type_display()} of {timezone.localtime(self.created_at):%-d %B %Y}"

    @property
    def address(self):
        """What a Writing keeps as media_url."""
        return f"{self.BEFORE_ID}{self.pk}{self.AFTER_ID}"

    @classmethod
    def at(cls, addresses):
        """{address: the Upload that it is of}."""
        known = cls.objects.in_bulk(filter(None, map(cls.id_of, addresses)))
        return {upload.address: upload for upload in known.values()}

    @classmethod
    def id_of(cls, address):
        """The id of the Upload that has this address; None if it is that of something else."""
        try:
            return uuid.UUID(address.removeprefix(cls.BEFORE_ID).removesuffix(cls.AFTER_ID))
        except ValueError:
            return None

    @property
    def form(self):
        """What a document is, in a word."""
        return self.FORMS[self.CONTENT_TYPES[self.content_type]]
