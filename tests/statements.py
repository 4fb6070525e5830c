"""Hand-made xAPI statements for the tests of the import."""

import json
import uuid

VIDEO = "https://w3id.org/xapi/video"
EXTENSIONS = f"{VIDEO}/extensions/"
VERBS = {
    "paused": f"{VIDEO}/verbs/paused",
    "played": f"{VIDEO}/verbs/played",
    "seeked": f"{VIDEO}/verbs/seeked",
    "completed": "http://adlnet.gov/expapi/verbs/completed",
    "interacted": "http://adlnet.gov/expapi/verbs/interacted",
    "progressed": "http://adlnet.gov/expapi/verbs/progressed",
    "registered": "http://adlnet.gov/expapi/verbs/registered",
    "commented": "http://adlnet.gov/expapi/verbs/commented",
}


def account(login, **more):
    return {"account": {"homePage": "https://lms.example", "name": login}, **more}


def mailbox(address, **more):
    return {"mbox": f"mailto:{address}", **more}


def statement(
    number=1,
    *,
    actor="ann",
    verb="paused",
    video="https://lms.example/videos/1",
    course="https://lms.example/courses/1",
    at="2025-03-03T10:00:00Z",
    played=None,
    length=None,
    result=None,
    video_name=None,
    course_name=None,
):
    """A Video Profile statement with the id of that number; `played` is played-segments, in seconds."""
    value = {
        "id": str(uuid.UUID(int=number)),
        "actor": account(actor) if isinstance(actor, str) else actor,
        "verb": {"id": VERBS.get(verb, verb)},
        "object": {"id": video, "definition": {"type": f"{VIDEO}/activity-type/video"}},
        "timestamp": at,
        "context": {"contextActivities": {"category": [{"id": VIDEO}]}, "extensions": {}},
        "result": {"extensions": dict(result or {})},
    }
    if video_name:
        value["object"]["definition"]["name"] = {"en": video_name}
    if course:
        definition = {"type": "http://adlnet.gov/expapi/activities/course"}
        if course_name:
            definition["name"] = {"en": course_name}
        value["context"]["contextActivities"]["parent"] = [{"id": course, "definition": definition}]
    if length is not None:
        value["context"]["extensions"][f"{EXTENSIONS}length"] = length
    if played is not None:
        value["result"]["extensions"][f"{EXTENSIONS}played-segments"] = played
    return value


def lines(statements):
    """The bytes of a file with one statement a line."""
    return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in statements)
