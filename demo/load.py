"""Put the demo class into the database, and take it out again."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from django.core.files import File
from django.db import transaction
from django.utils import timezone

from config.files import discard, file_fields
from courses.models import Course, Video, VideoProgress
from demo.build import ADMIN, EMPTY, PASSWORD, TYPICAL, VETERAN, build, courses, demo_id, email, people
from demo.rhythm import clock, day_of
from profiles.models import Profile

VIDEOS = Path(__file__).parent / "videos"


class DemoError(Exception):
    """The demo class cannot be loaded; the text says why and what to do."""


@dataclass(frozen=True)
class Login:
    """Somebody to log in as."""

    email: str
    who: str
    password: str = PASSWORD


LOGINS = (
    Login(email("naomi"), "instructor of Your First Paying Clients"),
    Login(email("henrik"), "instructor of Speak So It Lands, and assistant in the other course"),
    Login(email(TYPICAL), "a student in the middle of it, with one goal reached and one to go"),
    Login(email(VETERAN), "a student with a year of notes: thousands of entries"),
    Login(email(EMPTY), "a student who joined yesterday and is in no course yet: what everybody sees first"),
    Login(email(ADMIN), "staff: everybody's timeline, and the admin"),
)


def end_of(day):
    """The last second of a day, as the moment to load the class for."""
    return clock(day + datetime.timedelta(days=1), 0) - datetime.timedelta(seconds=1)


def demo_people():
    return Profile.objects.filter(id__in=[demo_id("profiles", key) for key, _ in people()])


def demo_courses():
    return Course.objects.filter(id__in=[demo_id("courses", key) for key in courses()])


def strangers():
    """Everybody who is not of the demo class."""
    return Profile.objects.exclude(id__in=demo_people().values("id"))


def loaded_for():
    """The day that the class in the database takes for today; None if it is not there."""
    joined_yesterday = (
        Profile.objects.filter(id=demo_id("profiles", EMPTY)).values_list("created_at", flat=True).first()
    )
    return joined_yesterday and day_of(joined_yesterday) + datetime.timedelta(days=1)


def put_videos():
    """Give the class's videos their files, posters and captions, where they have none or it is gone from the disk."""
    rows = [video for course in courses().values() for lesson in course["lesson"] for video in lesson["video"]]
    found = Video.objects.in_bulk([demo_id("media_files", row["key"]) for row in rows])
    for row in rows:
        key = row["key"]
        if video := found.get(demo_id("media_files", key)):
            parts = [(video.file, ".webm"), (video.poster, ".webp")]
            if row.get("captions"):
                parts.append((video.captions, ".vtt"))
            for stored, suffix in parts:
                if not (stored and stored.storage.exists(stored.name)):
                    with (VIDEOS / f"{key}{suffix}").open("rb") as content:
                        stored.save(content.name, File(content), save=False)
                    video.save(update_fields=[stored.field.name])


def erase():
    """Erase the class, and discard its videos' files."""
    videos = Video.objects.filter(lesson__course__in=demo_courses())
    for field in file_fields(Video):
        for name in videos.values_list(field.name, flat=True).order_by():
            discard(field, name)
    demo_people().delete()
    demo_courses().delete()


def load(now=None, *, replace=False, force=False, progress=lambda done, total: None):
    """Write the class as it is at `now` (default: this moment), in one transaction; return how many rows.

    `replace` deletes the class that is there first. DemoError, and nothing is
    written, if it is there and not to be replaced, or, unless `force`, if the
    database holds other people. `progress` is told rows done and rows in all.
    """
    rows, rounds = build(now or timezone.now())
    batches = [*rows.items(), *((VideoProgress, reports) for reports in rounds)]
    total = sum(len(batch) for _, batch in batches)
    done = 0
    with transaction.atomic():
        if not force and (others := strangers().count()):
            raise DemoError(
                f"This database holds {'a person' if others == 1 else f'{others} people'} from outside the demo class."
                " Load the class into an empty database, or add --force to put it beside them."
            )
        if replace:
            erase()
        elif demo_people().exists() or demo_courses().exists():
            raise DemoError("The demo class is there already.")
        for model, batch in batches:
            if model is VideoProgress:
                # A report adds to what was watched before (VideoProgress says how).
                model.objects.bulk_create(
                    batch,
                    update_conflicts=True,
                    unique_fields=["student", "video"],
                    update_fields=["watched", "watched_at", "position_seconds"],
                )
            else:
                model.objects.bulk_create(batch, batch_size=1000)
            done += len(batch)
            progress(done, total)
        put_videos()
    return total
