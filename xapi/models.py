"""xAPI statements as they came, and what the import keeps to make them into rows.

The statements are the truth; the rows that the import writes into the source
tables follow from them (docs/xapi.md).
"""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import DB_CASCADE
from django.db.models.functions import Now


class Agent(models.Model):
    """Someone who acts in statements; deleting their profile deletes them and all their statements.

    `id` derives from the identifier; `profile` is empty until the import has
    looked for the person.
    """

    id = models.UUIDField(primary_key=True)
    identifier = models.TextField()
    pseudonym = models.TextField()
    email = models.TextField(null=True)
    profile = models.ForeignKey("profiles.Profile", DB_CASCADE, null=True, related_name="agents")

    class Meta:
        db_table = "xapi_agents"

    def __str__(self):
        return self.identifier


def _index(*columns, given, name):
    return models.Index(*columns, condition=models.Q(**{f"{given}__isnull": False}), name=name)


# What identifies people in a statement, beside its actor: the values of these keys wherever they stand, in lower case.
NAMED = models.Func(
    "statement",
    template=(
        "jsonb_path_query_array(lower((%(expressions)s - 'actor')::text)::jsonb, "
        """'$.** ? (@.type() == "object").keyvalue() """
        """? (@.key == "mbox" || @.key == "mbox_sha1sum" || @.key == "openid" || @.key == "name").value')"""
    ),
    output_field=models.JSONField(),
)


class Statement(models.Model):
    """One statement; `actor`, `verb` and `object` are their identifying IRIs.

    `statement` is the JSON value as it came (jsonb: the order of keys and the
    spacing are not kept), without other people whose accounts were erased.  The
    columns after it are read out of it once, so that the import finds by index
    what it needs; the ids there are derived ones (xapi.statements.derived_id),
    short enough for an index whatever the IRI.
    """

    id = models.UUIDField(primary_key=True)
    actor = models.TextField()
    verb = models.TextField()
    object = models.TextField()
    timestamp = models.DateTimeField()
    statement = models.JSONField()
    hash = models.BinaryField(help_text="SHA-256 of the canonical JSON that came.")
    agent = models.ForeignKey(Agent, DB_CASCADE, related_name="statements", db_index=False)
    agent_name = models.TextField(null=True)
    course_id = models.UUIDField(null=True)
    course = models.TextField(null=True, help_text="The parent course.")
    course_name = models.TextField(null=True)
    video_id = models.UUIDField(null=True, help_text="Set if the object is a video.")
    video_name = models.TextField(null=True)
    length_seconds = models.IntegerField(null=True, help_text="The video's length that the statement gives.")
    stored = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "xapi_statements"
        indexes = [
            # For a learner's watching of a video in order, and the cascade from xapi_agents.
            models.Index("agent", "video_id", "timestamp", name="xapi_statements_of_pair"),
            # For enrolments, and for what a course or video is: its first statement, its length.
            _index("agent", "course_id", "timestamp", given="course_id", name="xapi_statements_enrolling"),
            _index("course_id", "timestamp", given="course_id", name="xapi_statements_of_course"),
            _index("video_id", "timestamp", given="video_id", name="xapi_statements_of_video"),
            _index("video_id", "length_seconds", given="length_seconds", name="xapi_statements_with_length"),
            # For the first statement that names someone or something.
            _index("agent", "timestamp", given="agent_name", name="xapi_statements_naming_agent"),
            _index("course_id", "timestamp", given="course_name", name="xapi_statements_naming_course"),
            _index("video_id", "timestamp", given="video_name", name="xapi_statements_naming_video"),
            # For the statements of others that name somebody whose account is erased.
            GinIndex(OpClass(NAMED, "jsonb_path_ops"), name="xapi_statements_naming_others"),
        ]

    def __str__(self):
        return f"{self.actor} {self.verb} {self.object}"


class Pending(models.Model):
    """Rows that stored statements may have made out of date; written with them, removed when brought up to date.

    An agent with a video, with a course, or alone.
    """

    agent = models.ForeignKey(Agent, DB_CASCADE, related_name="+", db_index=False)
    video_id = models.UUIDField(null=True)
    course_id = models.UUIDField(null=True)

    class Meta:
        db_table = "xapi_pending"
        constraints = [
            models.UniqueConstraint(
                fields=["agent", "video_id", "course_id"], nulls_distinct=False, name="xapi_pending_once"
            ),
        ]

    def __str__(self):
        return f"{self.agent_id} {self.video_id or self.course_id or ''}"


class Written(models.Model):
    """The values that the import last wrote into a row: what differs from them now, someone else changed.

    `id` is the derived id of what the row stands for, `table` the row's table.
    """

    id = models.UUIDField(primary_key=True)
    table = models.TextField()
    agent = models.ForeignKey(Agent, DB_CASCADE, related_name="+", null=True, db_index=False)
    values = models.JSONField()

    class Meta:
        db_table = "xapi_written"
        indexes = [
            # For the cascade from xapi_agents.
            models.Index("agent", condition=models.Q(agent__isnull=False), name="xapi_written_of_agent"),
            # For the catalogue's rows that no statement speaks of any more.
            models.Index("table", condition=models.Q(agent__isnull=True), name="xapi_written_catalogue"),
        ]

    def __str__(self):
        return f"{self.table} {self.id}"


class ErasedActor(models.Model):
    """An identifier of somebody whose account was erased, as a keyed hash (xapi.erased): no import brings them back.

    `key` tells which key made it, and tells nothing of that key.
    """

    hash = models.TextField(primary_key=True)
    key = models.TextField()
    erased_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "erased_actors"

    def __str__(self):
        return self.hash
