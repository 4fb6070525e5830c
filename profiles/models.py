"""The person (the user model), and what all rows and all pieces of writing have in common."""

import datetime
import unicodedata

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import DB_CASCADE, Q
from django.db.models.functions import UUID7, Length, Lower, Now, Upper

NAME_LIMIT = 300  # characters
CONTENT_LIMIT = 20_000  # characters
ADDRESS_LIMIT = 2_000  # characters
YEARS = range(1900, 9999)  # that times lie in
BEGINNING = datetime.datetime(YEARS.start, 1, 1, tzinfo=datetime.UTC)  # no time lies before it
OUTSIDE_YEARS = f"Dates must lie in the years {YEARS[0]} to {YEARS[-1]}."


def calendar_constraint(*fields):
    """A CHECK that the named timestamps lie in YEARS.

    PostgreSQL's timestamps reach further than Python's ('infinity', the year
    294276): a row written by psql could otherwise be one that no page can read.
    """
    end = datetime.datetime(YEARS.stop, 1, 1, tzinfo=datetime.UTC)
    condition = Q()
    for field in fields:
        condition &= Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__gte": BEGINNING, f"{field}__lt": end})
    return models.CheckConstraint(
        condition=condition,
        name="%(app_label)s_%(class)s_calendar",
        violation_error_message=OUTSIDE_YEARS,
    )


class Identified(models.Model):
    """A row whose UUIDv7 the database makes, so that one inserted by psql is as good as ours."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)

    class Meta:
        abstract = True


class ProfileManager(BaseUserManager):
    def create_user(self, email=None, password=None, **fields):
        """Create a person; without `password` they cannot log in until they are given one."""
        profile = self.model(email=self.normalize_email(email), **fields)
        profile.set_password(password)
        profile.save(using=self._db)
        return profile

    def create_superuser(self, email, password=None, **fields):
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    @classmethod
    def normalize_email(cls, email):
        """The one spelling that the database keeps: trimmed, lower case, None when empty.

        Without what nobody sees in it (Unicode's format characters), which comes along when an address is copied.
        """
        seen = "".join(character for character in email or "" if unicodedata.category(character) != "Cf")
        return seen.strip().lower() or None

    def get_by_natural_key(self, username):
        return self.get(email=self.normalize_email(username))


class Profile(Identified, AbstractBaseUser):
    """A person: student, instructor or staff, by what they are enrolled in, teach or administer.

    `email` is the log-in; an imported person has none and cannot log in.
    """

    email = models.EmailField(
        max_length=254,
        unique=True,
        null=True,
        blank=True,
        help_text="The log-in. Leave empty for a person who must not log in.",
        error_messages={"unique": "Another person has this e-mail address."},
    )
    full_name = models.TextField(db_default="", blank=True)
    password = models.CharField("password", max_length=128, db_default="!")
    is_active = models.BooleanField("active", db_default=True, help_text="May log in. Untick instead of deleting.")
    is_staff = models.BooleanField("staff", db_default=False, help_text="Sees everything and may use this admin.")
    is_superuser = models.BooleanField("superuser", db_default=False, help_text="May also make others staff.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["full_name"]

    objects = ProfileManager()

    class Meta:
        db_table = "profiles"
        constraints = [
            models.CheckConstraint(
                condition=Q(email__isnull=True) | (Q(email=Lower("email")) & ~Q(email="")),
                name="profiles_profile_email_lower_case",
                violation_error_message="E-mail addresses are kept in lower case.",
            ),
            models.CheckConstraint(
                condition=Q(full_name__length__lte=NAME_LIMIT),
                name="profiles_profile_full_name_length",
                violation_error_message=f"A name has at most {NAME_LIMIT} characters.",
            ),
            models.CheckConstraint(
                condition=Q(is_superuser=False) | Q(is_staff=True), name="profiles_profile_superuser_is_staff"
            ),
            calendar_constraint("created_at"),
        ]
        indexes = [
            # For the admin's list of people, in order of name.
            models.Index("full_name", "id", name="profiles_full_name"),
            # For its filters by role.
            models.Index("full_name", "id", condition=Q(is_staff=True), name="profiles_staff"),
            models.Index("full_name", "id", condition=Q(is_active=False), name="profiles_closed"),
            # For finding people by part of a name or of an e-mail address (Django's icontains).
            GinIndex(
                OpClass(Upper("full_name"), "gin_trgm_ops"),
                OpClass(Upper("email"), "gin_trgm_ops"),
                name="profiles_search",
            ),
        ]

    def __str__(self):
        return self.full_name or self.email or f"Student {str(self.id)[-6:]}"

    @staticmethod
    def normalize_username(username):
        return Profile.objects.normalize_email(username)

    def has_perm(self, perm, obj=None):
        """Staff administer everything; who is staff is decided by superusers (see profiles.admin)."""
        return self.is_active and self.is_staff

    def has_perms(self, perm_list, obj=None):
        return self.has_perm(None, obj)

    def has_module_perms(self, app_label):
        return self.has_perm(None)


class Session(AbstractBaseSession):
    """A browser's session (profiles.sessions); `user` is who is logged in there."""

    user = models.ForeignKey(Profile, DB_CASCADE, related_name="sessions", null=True)

    class Meta(AbstractBaseSession.Meta):
        db_table = "sessions"

    @classmethod
    def get_session_store_class(cls):
        from profiles.sessions import SessionStore

        return SessionStore


class MediaType(models.TextChoices):
    AUDIO = "audio", "Voice memo"
    IMAGE = "image", "Image"
    VIDEO = "video", "Loom video"
    DOCUMENT = "document", "Document"


SHOWN = [MediaType.AUDIO, MediaType.IMAGE, MediaType.VIDEO]  # heard or seen beside words, as one reads them


def media_type_field(kinds=SHOWN):
    return models.TextField(
        choices=[choice for choice in MediaType.choices if choice[0] in kinds], null=True, blank=True
    )


def media_constraint(kinds=SHOWN):
    return models.CheckConstraint(
        condition=Q(media_type__isnull=True, media_url__isnull=True, media_duration_seconds__isnull=True)
        | (Q(media_type__isnull=False, media_type__in=list(kinds), media_url__isnull=False) & ~Q(media_url="")),
        name="%(app_label)s_%(class)s_media",
        violation_error_message="A recording or picture has an address and a type.",
    )


def hidden_index(name):
    """An index for the admin's list of what is hidden."""
    return models.Index("id", condition=Q(hidden_at__isnull=False), name=name)


def hidden_of_writer_index(writer, name):
    """An index for a person's list of what they have hidden (timeline.queries.hidden_words)."""
    return models.Index(fields=[writer, "hidden_at", "id"], condition=Q(hidden_at__isnull=False), name=name)


def media_index(name):
    """An index for the writing that names an upload (uploads/store.py)."""
    return models.Index(fields=["media_url"], condition=Q(media_url__startswith="/uploads/"), name=name)


class Writing(Identified):
    """What a person wrote or recorded: text, one recording or picture, or both.

    `edited_at` is when its words last changed.  `hidden_at` takes it out of
    every timeline and brings it back when cleared.
    """

    content = models.TextField(db_default="", blank=True)
    media_url = models.TextField(null=True, blank=True)
    media_type = media_type_field()
    media_duration_seconds = models.IntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    edited_at = models.DateTimeField(null=True, blank=True)
    hidden_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=~Q(content="") | Q(media_url__isnull=False),
                name="%(app_label)s_%(class)s_says_something",
                violation_error_message="Write something, or add a recording or a picture.",
            ),
            models.CheckConstraint(
                condition=Q(content__length__lte=CONTENT_LIMIT),
                name="%(app_label)s_%(class)s_content_length",
                violation_error_message=f"That is longer than {CONTENT_LIMIT:,} characters.",
            ),
            media_constraint(),
            # Never javascript: or data:, which a browser would run or show as ours.
            models.CheckConstraint(
                condition=Q(media_url__isnull=True) | Q(media_url__iregex="^(https?://|/(?!/))"),
                name="%(app_label)s_%(class)s_media_address",
                violation_error_message="The address of a recording or picture begins with https://, http:// or one /.",
            ),
            models.CheckConstraint(
                condition=Q(media_url__isnull=True) | Q(media_url__length__lte=ADDRESS_LIMIT),
                name="%(app_label)s_%(class)s_media_address_length",
                violation_error_message=(
                    f"The address of a recording or picture is longer than {ADDRESS_LIMIT:,} characters."
                ),
            ),
            models.CheckConstraint(
                condition=Q(media_duration_seconds__isnull=True) | Q(media_duration_seconds__gte=0),
                name="%(app_label)s_%(class)s_media_duration",
                violation_error_message="A duration cannot be negative.",
            ),
            calendar_constraint("created_at", "edited_at", "hidden_at"),
        ]


models.TextField.register_lookup(Length)
