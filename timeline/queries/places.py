"""What entries refer to."""

import uuid

from courses.models import Checkpoint, Course, Lesson, Quiz, Video
from goals.models import Goal
from profiles.models import MediaType, Profile
from uploads.models import Upload

PLACES = {"video": Video, "course": Course, "lesson": Lesson, "goal": Goal, "quiz": Quiz}


def with_places(entries, *, in_video=None):
    """Give the entries the rows that they refer to; one query for each table, by primary key.

    Sets student, video, course, lesson, goal, quiz, responded_by, `author` (of
    a message), `checkpoint` and `upload`; None where the row is gone by now.  `in_video`
    is the video that all of them are in, if they are: then course, lesson and
    goal, which a journey does not name, are left out.
    """
    authors = {entry.pk: _uuid(entry.metadata.get("author_id")) for entry in entries}
    checkpoints = {entry.pk: _uuid(entry.metadata.get("checkpoint_id")) for entry in entries}
    people = {entry.student_id for entry in entries} | {entry.responded_by_id for entry in entries}
    people = Profile.objects.only("full_name", "email").in_bulk((people | set(authors.values())) - {None})
    marked = Checkpoint.objects.in_bulk(set(checkpoints.values()) - {None})
    for name, model in PLACES.items() if in_video is None else [("quiz", Quiz)]:
        found = model.objects.only("title").in_bulk({getattr(entry, f"{name}_id") for entry in entries} - {None})
        for entry in entries:
            entry._state.fields_cache[name] = found.get(getattr(entry, f"{name}_id"))
    for entry in entries if in_video else ():
        entry._state.fields_cache["video"] = in_video
    for entry in entries:
        entry._state.fields_cache["student"] = people.get(entry.student_id)
        entry._state.fields_cache["responded_by"] = people.get(entry.responded_by_id)
        entry.author = people.get(authors[entry.pk])
        entry.checkpoint = marked.get(checkpoints[entry.pk])
    return with_uploads(entries)


def with_uploads(rows):
    """Give each entry, or row of what people write, with a picture or document its Upload as `upload`; by primary key.

    None where it lies elsewhere, or is gone by now.  What is to be known of a recording is in the row.
    """
    having = [row for row in rows if row.media_type in (MediaType.IMAGE, MediaType.DOCUMENT)]
    found = Upload.at(row.media_url for row in having) if having else {}
    for row in having:
        row.upload = found.get(row.media_url)
    return rows


def _uuid(text):
    return uuid.UUID(text) if text else None
