"""An entry of the timeline as an xAPI statement: verbs, types and extensions by their published IRIs (docs/xapi.md).

Sources: xAPI 1.0.3 / IEEE 9274.1.1 (statements), the ADL vocabulary and Activity
Streams 1.0 (verbs, types), the xAPI Video Profile 1.0.3 (what was watched).
Nothing here touches the database.
"""

import datetime
import json
from typing import NamedTuple

from timeline.kinds import BY_VALUE
from timeline.queries.places import uuid_in
from xapi.statements import (
    COMMENTED,
    COMPLETED,
    COURSE_TYPE,
    EXTENSIONS,
    PROGRESSED,
    REGISTERED,
    VIDEO_PROFILE,
    VIDEO_TYPE,
    derived_id,
)

PLATFORM = "Student Activity Timeline"
LANGUAGE = "en-US"  # of verbs and names
ADL = "http://adlnet.gov/expapi"
STREAMS = "http://activitystrea.ms/schema/1.0"
TIN_CAN = "http://id.tincanapi.com/activitytype"
# Types of writings, by medium.
MEDIA_TYPES = {
    None: f"{STREAMS}/note",
    "audio": f"{STREAMS}/audio",
    "image": f"{STREAMS}/image",
    "video": f"{STREAMS}/video",
    "document": f"{STREAMS}/file",
}
MESSAGE_TYPE = "https://w3id.org/xapi/acrossx/activities/message"


class Stated(NamedTuple):
    """How a kind becomes a statement: its verb, and which method of Statements makes the object (`_a_video`, …)."""

    verb: str
    display: str
    object: str


# fmt: off
STATED = {
    "video_progress": Stated(PROGRESSED, "progressed", "video"),
    "video_completion": Stated(COMPLETED, "completed", "video"),
    "text_reflection": Stated(COMMENTED, "commented", "video"),
    "voice_reflection": Stated(COMMENTED, "commented", "video"),
    "screenshot_reflection": Stated(COMMENTED, "commented", "video"),
    "loom_reflection": Stated(COMMENTED, "commented", "video"),
    "quiz_attempt": Stated(f"{ADL}/verbs/attempted", "attempted", "quiz"),
    "quiz_completion": Stated(f"{ADL}/verbs/passed", "passed", "quiz"),
    "course_enrollment": Stated(REGISTERED, "registered", "course"),
    "course_completion": Stated(COMPLETED, "completed", "course"),
    "lesson_completion": Stated(COMPLETED, "completed", "lesson"),
    "checkpoint_reached": Stated(f"{ADL}/verbs/experienced", "experienced", "checkpoint"),
    "daily_note": Stated(f"{STREAMS}/author", "authored", "writing"),
    "success_proof": Stated(f"{STREAMS}/submit", "submitted", "writing"),
    "goal_milestone": Stated(COMPLETED, "completed", "milestone"),
    "goal_completion": Stated(COMPLETED, "completed", "goal"),
    "instructor_message": Stated(f"{STREAMS}/receive", "received", "message"),
}
# fmt: on
OF_NO_VIDEO = Stated(f"{STREAMS}/author", "authored", "writing")  # a reflection on none
PAUSED = Stated(f"{VIDEO_PROFILE}/verbs/paused", "paused", "video")
COMPLETES = {
    *("video_completion", "course_completion", "lesson_completion"),
    *("quiz_completion", "goal_milestone", "goal_completion"),
}


class Statements:
    """Makes statements of a `site` ("https://learn.example.org"), whose address begins every IRI.

    People appear by their ids alone, with `names` also by their names.  Without
    `words`, what people wrote is left out, and the titles of goals and milestones.
    `known` is what timeline.queries.statement_pages() says of the things that a
    row refers to: {(name, id): row}.
    """

    def __init__(self, site, *, names=False, words=False):
        self.site, self.names, self.words = site, names, words

    def of(self, entry, known):
        """The statement of a timeline.queries.Told, as a dict."""
        stated = STATED[entry.activity_type]
        if stated.object == "video" and entry.video_id is None:
            stated = OF_NO_VIDEO
        kind = BY_VALUE[entry.activity_type]
        about, parents = getattr(self, f"_a_{stated.object}")(entry, known)
        activities = {"category": [_activity(f"{self.site}/kinds/{kind.value}", None, kind.label)]}
        if parents:
            activities["parent"] = parents
        if entry.goal_id and kind.group != "goals":
            activities["grouping"] = [self._goal(entry, known)]
        if about["id"] != self._address(entry):
            activities["other"] = [self._entry(entry)]
        context = {"contextActivities": activities, "platform": PLATFORM}
        if author := uuid_in(entry.metadata, "author_id"):
            context["instructor"] = self._agent(author, known)
        if kind.value in ("video_progress", "video_completion") and (video := known.get(("video", entry.video_id))):
            context["extensions"] = {f"{EXTENSIONS}length": video.duration_seconds}
        return self._statement(entry, entry.created_at, stated, about, self._result(entry), context, known)

    def of_watching(self, watched, known):
        """The statement of a timeline.queries.Watched: what of a video was played when its player last stopped."""
        length = watched.duration_seconds
        # What lies beyond the end was watched before the video became shorter.
        segments = [(start, min(end, length)) for start, end in watched.watched if start < length]
        about, parents = self._a_video(watched, known)
        context = {
            "contextActivities": {"parent": parents, "category": [{"id": VIDEO_PROFILE}]},
            "platform": PLATFORM,
            "extensions": {
                f"{EXTENSIONS}session-id": str(watched.id),
                f"{EXTENSIONS}length": length,
                f"{EXTENSIONS}completion-threshold": float(watched.completion_threshold),
            },
        }
        extensions = {
            f"{EXTENSIONS}time": min(watched.position_seconds, length),
            f"{EXTENSIONS}progress": round(sum(end - start for start, end in segments) / length, 3),
            f"{EXTENSIONS}played-segments": "[,]".join(f"{start}[.]{end}" for start, end in segments),
        }
        return self._statement(watched, watched.watched_at, PAUSED, about, {"extensions": extensions}, context, known)

    def _statement(self, row, at, stated, about, result, context, known):
        value = {
            "actor": self._agent(row.student_id, known),
            "verb": {"id": stated.verb, "display": {LANGUAGE: stated.display}},
            "object": about,
            "timestamp": at.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z"),
            "context": context,
        }
        if result:
            value["result"] = result
        return {"id": statement_id(value)} | value

    def _agent(self, person, known):
        agent = {"objectType": "Agent", "account": {"homePage": self.site, "name": str(person)}}
        if self.names and (found := known.get(("person", person))) and found.full_name:
            agent["name"] = found.full_name
        return agent

    def _result(self, entry):
        kind, facts = entry.activity_type, entry.metadata
        result, extensions = {}, {}
        if (score := facts.get("score")) is not None:
            result["score"] = {"scaled": round(score / 100, 4), "raw": score, "min": 0, "max": 100}
            result["success"] = facts["passed"]
        if kind in COMPLETES or score is not None:
            result["completion"] = True
        if entry.took is not None:
            result["duration"] = duration(entry.took.total_seconds())
        elif entry.media_duration_seconds is not None:
            result["duration"] = duration(entry.media_duration_seconds)
        if self.words and entry.content and kind not in ("goal_milestone", "instructor_message"):
            result["response"] = entry.content
        # A completion stands at the last second that was watched, which moves on.
        if entry.video_id and kind != "video_completion":
            extensions[f"{EXTENSIONS}time"] = entry.video_timestamp_seconds
        if "percent" in facts:
            extensions[f"{EXTENSIONS}progress"] = facts["percent"] / 100
        return result | ({"extensions": extensions} if extensions else {})

    # The objects, each with its parents.  Of the parents a course is the first: warehouses look there.

    def _a_video(self, entry, known):
        return self._video(entry, known), self._places(entry, known)

    def _a_quiz(self, entry, known):
        video = [self._video(entry, known)] if entry.video_id else []
        quiz = f"{self.site}/quizzes/{entry.quiz_id}/"
        about = _activity(quiz, f"{ADL}/activities/assessment", _title(known, "quiz", entry.quiz_id))
        return about, [*self._places(entry, known), *video]

    def _a_course(self, entry, known):
        return self._course(entry, known), []

    def _a_lesson(self, entry, known):
        *course, lesson = self._places(entry, known)
        return lesson, course

    def _a_checkpoint(self, entry, known):
        second = f"{self.site}/videos/{entry.video_id}/?t={entry.video_timestamp_seconds}"
        title = _title(known, "checkpoint", uuid_in(entry.metadata, "checkpoint_id"))
        about = _activity(second, f"{TIN_CAN}/step", title)
        return about, [*self._places(entry, known), self._video(entry, known)]

    def _a_writing(self, entry, known):
        proves = entry.activity_type == "success_proof"
        return self._entry(entry), [self._goal(entry, known)] if proves else []

    def _a_milestone(self, entry, known):
        about = _activity(self._address(entry), f"{TIN_CAN}/step", self.words and entry.content)
        return about, [self._goal(entry, known)]

    def _a_goal(self, entry, known):
        return self._goal(entry, known), []

    def _a_message(self, entry, known):
        about = _activity(self._address(entry), MESSAGE_TYPE, str(BY_VALUE[entry.activity_type]))
        if self.words and entry.content:
            about["definition"]["description"] = {"und": entry.content}
        return about, []

    def _places(self, entry, known):
        lesson = f"{self.site}/lessons/{entry.lesson_id}/"
        return [self._course(entry, known)] * bool(entry.course_id) + [
            _activity(lesson, f"{ADL}/activities/lesson", _title(known, "lesson", entry.lesson_id))
        ] * bool(entry.lesson_id)

    def _course(self, entry, known):
        course = f"{self.site}/courses/{entry.course_id}/"
        return _activity(course, COURSE_TYPE, _title(known, "course", entry.course_id))

    def _video(self, entry, known):
        video = f"{self.site}/videos/{entry.video_id}/"
        return _activity(video, VIDEO_TYPE, _title(known, "video", entry.video_id))

    def _goal(self, entry, known):
        goal = f"{self.site}/students/{entry.student_id}/goals/{entry.goal_id}/"
        return _activity(goal, f"{TIN_CAN}/goal", self.words and _title(known, "goal", entry.goal_id))

    def _entry(self, entry):
        """The entry itself, as a thing: a note, a memo, …; of what was not written, without a type."""
        kind = BY_VALUE[entry.activity_type]
        written = kind.group == "reflections" or STATED[kind.value].object == "writing"
        return _activity(self._address(entry), MEDIA_TYPES[entry.media_type] if written else None, kind.label)

    def _address(self, entry):
        return f"{self.site}/entries/{entry.id}/"


def statement_id(value):
    """The id of a statement (a dict without one): a UUIDv5 of what it says.

    Names of activities and the display of verbs are not part of a statement
    (xAPI 1.0.3, 2.3.1): something that is renamed keeps its statements.
    """
    return str(derived_id("statement", json.dumps(_said(value), sort_keys=True, separators=(",", ":"))))


def _said(value):
    if isinstance(value, dict):
        return {key: _said(part) for key, part in value.items() if key not in ("definition", "display")}
    return [_said(part) for part in value] if isinstance(value, list) else value


def duration(seconds):
    """Seconds as a duration of ISO 8601, to the hundredth, which is as far as xAPI compares them: 42.5 → "PT42.5S"."""
    return f"PT{f'{seconds:.2f}'.rstrip('0').rstrip('.')}S"


def _activity(iri, kind, name):
    definition = ({"type": kind} if kind else {}) | ({"name": {LANGUAGE: name}} if name else {})
    return {"id": iri} | ({"definition": definition} if definition else {})


def _title(known, name, pk):
    row = known.get((name, pk))
    return row and row.title
