"""What entries refer to: people, videos, lessons, courses, goals and more."""

import uuid

from django.db import connection

from courses.models import Checkpoint, Course, Lesson, Quiz, Video
from goals.models import Goal
from profiles.models import MediaType, Profile
from uploads.models import Upload

# What is read of a row that an entry refers to, beside its id, in the order of the model's fields.
READ = {
    "person": (Profile, ("email", "full_name")),
    "checkpoint": (Checkpoint, ("title",)),
    "video": (Video, ("title",)),
    "course": (Course, ("title",)),
    "lesson": (Lesson, ("title",)),
    "goal": (Goal, ("title",)),
    "quiz": (Quiz, ("title",)),
}
PLACES = ("video", "course", "lesson", "goal", "quiz")


def with_places(entries, *, in_video=None):
    """Give the entries the rows that they refer to; one query, by the primary key of each table.

    Sets student, video, course, lesson, goal, quiz, responded_by, `author` (of
    a message), `checkpoint` and `upload`; None where the row is gone by now.  `in_video`
    is the video that all of them are in, if they are: then course, lesson and
    goal, which a journey does not name, are left out.
    """
    authors = {entry.pk: uuid_in(entry.metadata, "author_id") for entry in entries}
    checkpoints = {entry.pk: uuid_in(entry.metadata, "checkpoint_id") for entry in entries}
    people = {entry.student_id for entry in entries} | {entry.responded_by_id for entry in entries}
    places = PLACES if in_video is None else ("quiz",)
    found = _read(
        person=people | set(authors.values()),
        checkpoint=set(checkpoints.values()),
        **{name: {getattr(entry, f"{name}_id") for entry in entries} for name in places},
    )
    for entry in entries:
        known = entry._state.fields_cache
        for name in places:
            known[name] = found.get((name, getattr(entry, f"{name}_id")))
        if in_video:
            known["video"] = in_video
        known["student"] = found.get(("person", entry.student_id))
        known["responded_by"] = found.get(("person", entry.responded_by_id))
        entry.author = found.get(("person", authors[entry.pk]))
        entry.checkpoint = found.get(("checkpoint", checkpoints[entry.pk]))
    return with_uploads(entries)


def _read(**wanted):
    """{(name, id): row} of the rows with these ids, {name in READ: ids or None}; of all tables in one round trip."""
    wanted = {name: list(ids - {None}) for name, ids in wanted.items() if ids - {None}}
    if not wanted:
        return {}
    statement = "\nUNION ALL\n".join(
        f"SELECT '{name}', id, {', '.join(fields)}{', NULL' * (2 - len(fields))} FROM {model._meta.db_table}"
        " WHERE id = ANY (%s)"
        for name, (model, fields) in ((name, READ[name]) for name in wanted)
    )
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(statement, list(wanted.values()))
        for name, pk, *values in cursor:
            model, fields = READ[name]
            found[name, pk] = model.from_db(connection.alias, ("id", *fields), (pk, *values[: len(fields)]))
    return found


def with_uploads(rows):
    """Give each entry, or row of what people write, with a picture or document its Upload as `upload`; by primary key.

    None where it lies elsewhere, or is gone by now.  What is to be known of a recording is in the row.
    """
    having = [row for row in rows if row.media_type in (MediaType.IMAGE, MediaType.DOCUMENT)]
    found = Upload.at(row.media_url for row in having) if having else {}
    for row in having:
        row.upload = found.get(row.media_url)
    return rows


def uuid_in(metadata, key):
    """The id that an entry's metadata have under this key, or None."""
    text = metadata.get(key)
    return uuid.UUID(text) if text else None
