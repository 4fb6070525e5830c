"""Database fields for times in a video, and the names of stored files."""

import re
import secrets
from pathlib import PurePath

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.deconstruct import deconstructible
from psycopg.types.multirange import Int4Multirange, Multirange
from psycopg.types.range import Int4Range


class SecondsField(models.IntegerField):
    """A position in a video, in whole seconds from its start."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if not self._validators:
            self._validators = [MinValueValidator(0)]

    def deconstruct(self):
        name, _, args, options = super().deconstruct()
        options.pop("validators", None)
        return name, "courses.fields.SecondsField", args, options


class SecondRangesField(models.Field):
    """Seconds of a video as an `int4multirange`; in Python a list of half-open `(start, end)` pairs."""

    empty_strings_allowed = False

    def db_type(self, connection):
        return "int4multirange"

    def from_db_value(self, value, expression, connection):
        return None if value is None else [(part.lower, part.upper) for part in value]

    def to_python(self, value):
        if value is None or isinstance(value, list):
            return value
        if isinstance(value, Multirange):
            return [(part.lower, part.upper) for part in value]
        raise ValidationError("Give the seconds as a list of (start, end) pairs.")

    def get_db_prep_value(self, value, connection, prepared=False):
        if value is None or hasattr(value, "resolve_expression") or isinstance(value, Multirange):
            return value
        return Int4Multirange(Int4Range(start, end) for start, end in value)


@deconstructible
class RandomName:
    """The `upload_to` of a file: in `folder`, under a name that nobody can guess, with its original suffix."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, instance, filename):
        return f"{self.folder}/{secrets.token_hex(16)}{PurePath(filename).suffix.lower()}"

    @staticmethod
    def made(name):
        """Whether a file in the folder got its name from here."""
        return re.fullmatch(r"[0-9a-f]{32}(\.\w+)?", name) is not None
