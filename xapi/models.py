"""xAPI statements as they came."""

from django.db import models
from django.db.models.functions import Now


class Statement(models.Model):
    """One statement, word for word; `actor`, `verb` and `object` are their identifying IRIs."""

    id = models.UUIDField(primary_key=True)
    actor = models.TextField()
    verb = models.TextField()
    object = models.TextField()
    timestamp = models.DateTimeField()
    statement = models.JSONField()
    stored = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "xapi_statements"
        indexes = [
            # For the import: every statement of an actor about an object, in order of time.
            models.Index(fields=["actor", "object", "timestamp", "id"], name="xapi_statements_of_pair"),
        ]

    def __str__(self):
        return f"{self.actor} {self.verb} {self.object}"
