"""Reading one xAPI statement: from its bytes to the facts that the import uses, or to a reason why not.

Sources: xAPI 1.0.3 / IEEE 9274.1.1 (statements), the xAPI Video Profile 1.0.3
(extensions of watching).  Nothing here touches the database.
"""

import datetime
import hashlib
import json
import math
import re
import uuid
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from courses.models import LONGEST_VIDEO
from profiles.models import YEARS

COURSE_TYPE = "http://adlnet.gov/expapi/activities/course"
VIDEO_TYPE = "https://w3id.org/xapi/video/activity-type/video"
VIDEO_PROFILE = "https://w3id.org/xapi/video"
EXTENSIONS = "https://w3id.org/xapi/video/extensions/"
COMPLETED = "http://adlnet.gov/expapi/verbs/completed"
PROGRESSED = "http://adlnet.gov/expapi/verbs/progressed"
REGISTERED = "http://adlnet.gov/expapi/verbs/registered"
COMMENTED = "http://adlnet.gov/expapi/verbs/commented"

MAX_BYTES = 1_000_000
MAX_DEPTH = 100
MAX_DIGITS = 1_000  # of one number; PostgreSQL's numeric takes more, a sane statement needs fewer

# Never change this: the ids of everything imported hang on it.
NAMESPACE = uuid.UUID("6f0a5a9e-5c1b-5d0e-9d3c-2f3f0b8c7a41")


ERASED = {"objectType": "Agent", "account": {"homePage": "about:erased", "name": "erased"}}


class InvalidStatement(Exception):
    """A statement that cannot be imported; the text says why, to a person."""


def derived_id(kind, *parts):
    """The id that a person, course, lesson, video, … has in every database it is imported into."""
    return uuid.uuid5(NAMESPACE, "\n".join([kind, *map(str, parts)]))


@dataclass(frozen=True)
class Agent:
    """Who acted. `identifier` is unambiguous: "mailto:…", "sha1:…", the openid, or "homePage name"."""

    identifier: str
    name: str | None = None
    email: str | None = None  # lower case; only of an mbox
    account_name: str | None = None

    @property
    def id(self):
        return derived_id("person", self.identifier)

    @property
    def pseudonym(self):
        """What to call someone whose statements do not name them."""
        account = self.account_name or ""
        if _is_uuid(account):
            # The head of a UUIDv7 is the hour in which it was made, which a class has in common.
            return f"Learner {account[-8:] if uuid.UUID(account).version == 7 else account[:8]}"
        if 0 < len(account) <= 40 and "@" not in account:
            return f"Learner {account}"
        return f"Learner {self.id.hex[:8]}"


@dataclass(frozen=True)
class Statement:
    id: uuid.UUID
    agent: Agent
    verb: str
    object: str
    timestamp: datetime.datetime  # UTC
    course: str | None  # IRI of the course that was registered for, else of the parent course
    course_name: str | None
    is_video: bool  # a Video Profile statement about `object`
    video_name: str | None
    length_seconds: int | None  # the video's, rounded up
    says_watching: bool  # carries played-segments, or completes or goes on in the video
    text: str  # the JSON as it came
    hash: bytes  # SHA-256 of the canonical JSON that came
    others: frozenset = frozenset()  # identifiers of the people whom it names beside its actor

    @property
    def course_id(self):
        return self.course and derived_id("course", self.course)

    @property
    def video_id(self):
        return derived_id("video", self.object) if self.is_video else None


def read_statement(raw):
    """The Statement in `raw` (bytes of one JSON object); raises InvalidStatement with a readable reason."""
    value, text = _parse(raw)
    if not isinstance(value, dict):
        raise InvalidStatement("This is JSON, but not an object with the parts of a statement.")
    version = value.get("version")
    if version is not None and not (isinstance(version, str) and re.fullmatch(r"[12]\.0(\.\d+)?", version)):
        raise InvalidStatement(f"Version {_shown(version)} of xAPI is not known; 1.0 and 2.0 are.")
    statement_id = _statement_id(value.get("id"))
    agent = read_agent(value.get("actor"), "actor")
    verb = _iri(_object(value.get("verb"), "verb").get("id"), "verb's id")
    target = _object(value.get("object"), "object")
    timestamp = _timestamp(value.get("timestamp"))

    context = _object(value.get("context", {}), "context")
    result = _object(value.get("result", {}), "result")
    course, course_name = _course(context)
    name = object_of(value)
    is_video, video_name, length, segments = False, None, None, None
    if target.get("objectType", "Activity") == "Activity":
        if verb == REGISTERED and _definition(target, "object").get("type") == COURSE_TYPE:
            course, course_name = name, _name(target, "object")
        is_video = _is_video(target, context, verb)
        if is_video:
            video_name = _name(target, "object")
            length, segments = _watching(context, result)
    return Statement(
        id=statement_id,
        agent=agent,
        verb=verb,
        object=name,
        timestamp=timestamp,
        course=course,
        course_name=course_name,
        is_video=is_video,
        video_name=video_name,
        length_seconds=length,
        says_watching=is_video and verb != COMMENTED and (segments is not None or verb in (COMPLETED, PROGRESSED)),
        text=text,
        hash=canonical_hash(value),
        others=frozenset(_people({key: part for key, part in value.items() if key != "actor"})),
    )


def object_of(value):
    """What identifies the object of a statement (its JSON value): an IRI, or a person's identifier."""
    target = _object(value.get("object"), "object")
    if target.get("objectType", "Activity") == "Activity":
        return _iri(target.get("id"), "object's id")
    return _other_object(target)


def without(value, identifiers):
    """A statement (its JSON value) in which ERASED stands for each of these people, except as its actor."""
    return {key: part if key == "actor" else _without(part, identifiers) for key, part in value.items()}


def _without(value, identifiers):
    if isinstance(value, list):
        return [_without(part, identifiers) for part in value]
    if not isinstance(value, dict):
        return value
    if not identifiers.isdisjoint(_identifiers(value)):
        return ERASED
    return {key: _without(part, identifiers) for key, part in value.items()}


def _people(value):
    """The identifiers of every agent in a JSON value, in extensions too."""
    if isinstance(value, dict):
        yield from _identifiers(value)
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _people(part)


def _identifiers(value):
    """The identifiers of a JSON object as `read_agent` would write them, whatever else is wrong with it."""
    account = value.get("account")
    if isinstance(account, dict) and {type(account.get("homePage")), type(account.get("name"))} == {str}:
        yield f"{account['homePage']} {account['name']}"
    for key, prefix, spelling in (("mbox", "", str.lower), ("mbox_sha1sum", "sha1:", str.lower), ("openid", "", str)):
        if isinstance(value.get(key), str):
            yield prefix + spelling(value[key])


def canonical_hash(value):
    """SHA-256 of the JSON with sorted keys, no spaces, UTF-8: equal contents have equal hashes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


def read_agent(value, where):
    """The Agent of an actor; exactly one of the four inverse functional identifiers of xAPI names it."""
    value = _object(value, where)
    kind = value.get("objectType", "Agent")
    if kind == "Group":
        raise InvalidStatement(f"The {where} is a group; only one person's activity can be imported.")
    if kind != "Agent":
        raise InvalidStatement(f"The {where} is a {_shown(kind)}, not an Agent.")
    identifiers = [key for key in ("mbox", "mbox_sha1sum", "openid", "account") if key in value]
    if not identifiers:
        raise InvalidStatement(f"The {where} has no identifier: an mbox, mbox_sha1sum, openid or account.")
    if len(identifiers) > 1:
        raise InvalidStatement(f"The {where} has {len(identifiers)} identifiers ({', '.join(identifiers)}), not one.")
    name = value.get("name")
    if name is not None and not isinstance(name, str):
        raise InvalidStatement(f"The {where}'s name is not text.")
    name = (name or "").strip() or None
    key, identifier = identifiers[0], value[identifiers[0]]
    if key == "account":
        account = _object(identifier, f"{where}'s account")
        login = account.get("name")
        if not isinstance(login, str) or not login.strip():
            raise InvalidStatement(f"The {where}'s account has no name.")
        home = _iri(account.get("homePage"), f"{where}'s account's homePage")
        return Agent(f"{home} {login}", name=name, account_name=login)
    if not isinstance(identifier, str):
        raise InvalidStatement(f"The {where}'s {key} is not text.")
    if key == "mbox":
        if not re.fullmatch(r"mailto:[^@\s]+@[^@\s]+", identifier, re.IGNORECASE):
            raise InvalidStatement(f"The {where}'s mbox {_shown(identifier)} is not a mailto: address.")
        identifier = identifier.lower()
        return Agent(identifier, name=name, email=identifier.removeprefix("mailto:"))
    if key == "mbox_sha1sum":
        if not re.fullmatch(r"[0-9a-fA-F]{40}", identifier):
            raise InvalidStatement(f"The {where}'s mbox_sha1sum is not 40 hexadecimal digits.")
        return Agent(f"sha1:{identifier.lower()}", name=name)
    return Agent(_iri(identifier, f"{where}'s openid"), name=name)


def read_segments(text):
    """`played-segments` as whole seconds: a list of half-open (start, end), halves rounded to even.

    A last segment without an end is where the player stood when it reported; it
    says nothing of what was watched.
    """
    segments = []
    parts = text.split("[,]") if text else []
    for number, part in enumerate(parts, start=1):
        ends = part.split("[.]")
        if len(ends) == 1 and number == len(parts):
            _position(ends[0])
            continue
        if len(ends) != 2:
            raise InvalidStatement(f'Played segment {_shown(part)} is not "start[.]end".')
        start, end = map(_position, ends)
        if end < start:
            raise InvalidStatement(f"Played segment {part} is reversed: it ends before it starts.")
        segments.append((round(start), round(end)))
    return segments


def _parse(raw):
    if len(raw) > MAX_BYTES:
        raise InvalidStatement(f"It is longer than {MAX_BYTES:,} bytes.")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidStatement(f"It is not UTF-8: byte {error.start + 1} is wrong.") from None
    depth = deepest = 0
    if text.count("{") + text.count("[") > MAX_DEPTH:
        for bracket in re.findall(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text, re.DOTALL):
            depth += (bracket in "{[") - (bracket in "}]")
            deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            raise InvalidStatement(f"It is nested more than {MAX_DEPTH} levels deep.")
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidStatement(
            f"It is not JSON: {error.msg.removesuffix(' at')} at character {error.pos + 1}."
        ) from None
    if "\\u" in text:
        _refuse_unstorable(value)
    return value, text


def _json_object(pairs):
    value = dict(pairs)
    if len(value) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise InvalidStatement(f"The key {_shown(twice)} stands twice in one object.")
    return value


def _json_float(digits):
    if len(digits) <= MAX_DIGITS:
        value, exponent = float(digits), int(digits.lower().partition("e")[2] or 0)
        lost = value == 0 and re.match(r"-?[0.]*[1-9]", digits)
        # The exponent of a zero counts, too: PostgreSQL refuses 0e-99999.
        if not lost and math.isfinite(value) and abs(exponent) <= MAX_DIGITS:
            return value
    raise InvalidStatement(f"The number {_shown(digits)} is out of range.")


def _json_int(digits):
    if len(digits) > MAX_DIGITS:
        raise InvalidStatement(f"The number {_shown(digits)} is out of range.")
    return int(digits)


def _json_constant(name):
    raise InvalidStatement(f"It is not JSON: {name} is not a number.")


_decoder = json.JSONDecoder(
    object_pairs_hook=_json_object,
    parse_float=_json_float,
    parse_int=_json_int,
    parse_constant=_json_constant,
)


def _refuse_unstorable(value):
    """PostgreSQL's jsonb has no NUL character and no half of a surrogate pair."""
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidStatement("It has a NUL character (\\u0000), which the database cannot keep.")
        if re.search("[\ud800-\udfff]", value):
            raise InvalidStatement("It has half a character (a lone surrogate such as \\ud800).")
    elif isinstance(value, dict):
        for key, part in value.items():
            _refuse_unstorable(key)
            _refuse_unstorable(part)
    elif isinstance(value, list):
        for part in value:
            _refuse_unstorable(part)


def _shown(value):
    """A short quotation of bad input for a message."""
    text = value if isinstance(value, str) else json.dumps(value)
    return f'"{text[:60]}…"' if len(text) > 60 else f'"{text}"'


def _object(value, where):
    if value is None:
        raise InvalidStatement(f"It has no {where}.")
    if not isinstance(value, dict):
        raise InvalidStatement(f"The {where} is not an object.")
    return value


def _iri(value, where):
    if value is None:
        raise InvalidStatement(f"The {where} is missing.")
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f]+", value):
        raise InvalidStatement(f"The {where} {_shown(value)} is not an IRI.")
    return value


def _is_uuid(text):
    return bool(re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text))


def _statement_id(value):
    if value is None:
        raise InvalidStatement("It has no id.")
    if not isinstance(value, str) or not _is_uuid(value):
        raise InvalidStatement(f"Its id {_shown(value)} is not a UUID.")
    return uuid.UUID(value)


def _timestamp(value):
    if value is None:
        raise InvalidStatement("It has no timestamp.")
    try:
        moment = datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidStatement(f"Its timestamp {_shown(value)} is not an ISO 8601 date and time.") from None
    if moment.tzinfo is None:
        raise InvalidStatement(f"Its timestamp {_shown(value)} has no time zone.")
    if not YEARS[0] < moment.year < YEARS[-1]:  # a day's margin for the zone
        raise InvalidStatement(f"Its timestamp {_shown(value)} lies outside the years {YEARS[1]} to {YEARS[-2]}.")
    return moment.astimezone(datetime.UTC)


def _other_object(target):
    """The identifier of an object that is no activity; such statements are kept and mean nothing here."""
    kind = target["objectType"]
    if kind == "StatementRef":
        return f"urn:uuid:{_statement_id(target.get('id'))}"
    if kind == "Agent":
        return read_agent(target, "object").identifier
    raise InvalidStatement(f"Its object is a {_shown(kind)}, which has no id to keep it by.")


def _activities(context, role):
    activities = _object(context.get("contextActivities", {}), "contextActivities").get(role, [])
    activities = activities if isinstance(activities, list) else [activities]  # xAPI 1.0 allows one alone
    return [_object(activity, f"{role} activity") for activity in activities]


def _definition(activity, where):
    return _object(activity.get("definition", {}), f"{where}'s definition")


def _course(context):
    """IRI and name of the first parent that is a course."""
    for activity in _activities(context, "parent"):
        if _definition(activity, "parent activity").get("type") == COURSE_TYPE:
            return _iri(activity.get("id"), "parent course's id"), _name(activity, "parent course")
    return None, None


def _name(activity, where):
    """One name out of the definition's language map: English if there is one, then the first tag by alphabet."""
    names = _definition(activity, where).get("name", {})
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise InvalidStatement(f'The {where}\'s name is not a language map such as {{"en": "Introduction"}}.')
    names = {tag.lower(): name.strip() for tag, name in sorted(names.items()) if name.strip()}
    for tag in ("en-us", "en", "en-gb"):
        if tag in names:
            return names[tag]
    return min(names.items(), key=lambda item: (not item[0].startswith("en-"), item[0]))[1] if names else None


def _is_video(target, context, verb):
    kind = _definition(target, "object").get("type")
    if kind is not None:
        return kind == VIDEO_TYPE
    return verb.startswith(f"{VIDEO_PROFILE}/verbs/") or any(
        activity.get("id") == VIDEO_PROFILE for activity in _activities(context, "category")
    )


def _watching(context, result):
    """The video's length (whole seconds, rounded up) and the played segments, each None if not given."""
    ours = _object(result.get("extensions", {}), "result's extensions")
    theirs = _object(context.get("extensions", {}), "context's extensions")
    lengths = [_number(part, "length") for part in (ours, theirs) if part.get(f"{EXTENSIONS}length") is not None]
    if any(not 0 < length <= LONGEST_VIDEO for length in lengths):
        raise InvalidStatement(f"The video's length must be more than 0 and at most {LONGEST_VIDEO:,} seconds.")
    length = math.ceil(max(lengths)) if lengths else None

    played = ours.get(f"{EXTENSIONS}played-segments")
    if played is not None and not isinstance(played, str):
        raise InvalidStatement('Its played-segments are not text such as "0[.]12.5".')
    segments = read_segments(played) if played is not None else None
    if length is not None:
        ends = [end for _, end in segments or []]
        times = [
            round(_number(ours, name)) for name in ("time", "time-from", "time-to") if f"{EXTENSIONS}{name}" in ours
        ]
        furthest = max([*ends, *times], default=0)
        if furthest > length:
            raise InvalidStatement(f"It speaks of second {furthest} of a video that it says is {length} seconds long.")
    return length, segments


def _number(extensions, name):
    value = extensions[f"{EXTENSIONS}{name}"]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidStatement(f"Its {name} {_shown(value)} is not a number.")
    return Decimal(str(value))


def _position(text):
    """A position in a video, in seconds; the decimal as written, so that halves are exact."""
    if not re.fullmatch(r"\d{1,9}(\.\d{1,50})?([eE]-?\d{1,2})?", text, re.ASCII):
        raise InvalidStatement(f"{_shown(text)} in its played-segments is not a number of seconds.")
    return Decimal(text)
