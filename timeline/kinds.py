"""The seventeen kinds of activity: the name, icon and template of each."""

from dataclasses import dataclass

from courses.models import TENTHS

GROUPS = {
    "watching": "Watching",
    "reflections": "Reflections",
    "quizzes": "Quizzes",
    "courses": "Courses",
    "notes": "Notes and messages",
    "goals": "Goals",
}


@dataclass(frozen=True)
class Kind:
    """One value of `student_activity_timeline.activity_type`."""

    value: str
    group: str  # a key of GROUPS
    icon: str  # a symbol of static/icons.svg
    template: str  # shows the body of an entry, in templates/timeline/entries/; "" where the title says all
    label: str  # the title of one entry
    noun: str  # "1 reflection"
    nouns: str  # "2 reflections"
    did_one: str  # in a day's sentence: "wrote a reflection"
    did_many: str  # "wrote {} reflections"

    def __str__(self):
        return self.label

    @property
    def body(self):
        return f"timeline/entries/{self.template}"


# In the order of the plan.
# fmt: off
KINDS = tuple(
    Kind(*fields)
    for fields in (
        ("video_progress", "watching", "play", "", "Watched part of a video",
         "step through a video", "steps through videos", "watched part of a video", "watched some video"),
        ("video_completion", "watching", "play-check", "", "Watched a video",
         "video watched", "videos watched", "watched a video", "watched {} videos"),
        ("text_reflection", "reflections", "quote", "reflection.html", "Reflection",
         "reflection", "reflections", "wrote a reflection", "wrote {} reflections"),
        ("voice_reflection", "reflections", "microphone", "reflection.html", "Voice memo",
         "voice memo", "voice memos", "recorded a voice memo", "recorded {} voice memos"),
        ("screenshot_reflection", "reflections", "image", "reflection.html", "Screenshot",
         "screenshot", "screenshots", "took a screenshot", "took {} screenshots"),
        ("loom_reflection", "reflections", "camera", "reflection.html", "Loom video",
         "Loom video", "Loom videos", "shared a Loom video", "shared {} Loom videos"),
        ("quiz_attempt", "quizzes", "question", "quiz.html", "Quiz attempt",
         "quiz attempt", "quiz attempts", "took a quiz", "made {} quiz attempts"),
        ("quiz_completion", "quizzes", "question-check", "quiz.html", "Quiz passed",
         "quiz passed", "quiz attempts passed", "passed a quiz", "passed {} quiz attempts"),
        ("course_enrollment", "courses", "door", "", "Enrolled",
         "enrolment", "enrolments", "enrolled in a course", "enrolled in {} courses"),
        ("course_completion", "courses", "cap", "", "Course completed",
         "course completed", "courses completed", "completed a course", "completed {} courses"),
        ("lesson_completion", "courses", "book-check", "", "Lesson completed",
         "lesson completed", "lessons completed", "completed a lesson", "completed {} lessons"),
        ("checkpoint_reached", "watching", "flag", "checkpoint.html", "Checkpoint reached",
         "checkpoint", "checkpoints", "reached a checkpoint", "reached {} checkpoints"),
        ("daily_note", "notes", "note", "writing.html", "Daily note",
         "daily note", "daily notes", "wrote a daily note", "wrote {} daily notes"),
        ("success_proof", "goals", "medal", "writing.html", "Success proof",
         "success proof", "success proofs", "submitted success proof", "submitted {} success proofs"),
        ("goal_milestone", "goals", "mountain", "writing.html", "Milestone reached",
         "milestone", "milestones", "reached a milestone", "reached {} milestones"),
        ("goal_completion", "goals", "trophy", "goal.html", "Goal reached",
         "goal reached", "goals reached", "reached a goal", "reached {} goals"),
        ("instructor_message", "notes", "speech", "writing.html", "Message",
         "message", "messages", "received a message", "received {} messages"),
    )
)
# fmt: on

# What every student leaves at the same seconds of a video: counted for everyone, listed for one.
COUNTED = ("video_progress", "checkpoint_reached")

# What a student receives is not what they do.
RECEIVED = ("instructor_message",)

BY_VALUE = {kind.value: kind for kind in KINDS}


# The groups whose entries are at a second of a video, if they name one; no other source gives an entry a video.
IN_VIDEO = ("watching", "reflections", "quizzes")


def of_groups(groups):
    """The `activity_type`s of the named groups, in the order of the plan."""
    return [kind.value for kind in KINDS if kind.group in groups]


def done(counts):
    """The part of {activity_type: number} that the student did."""
    return {kind: number for kind, number in counts.items() if kind not in RECEIVED}


def phrases(counts):
    """What happened, in words by kind: {"video_completion": 3} → [(its Kind, "watched 3 videos")].

    `counts` maps activity_type to a number of entries.  Beside videos that
    were finished, steps through videos are mentioned, behind them, only where
    they are more than those can have: so many are certainly of others.  Of quizzes no number can
    tell whether what was passed is what was begun on these days, nor whether
    it was the same quiz again: so no phrase says either.
    """
    counts, told = dict(counts), KINDS
    if finished := counts.get("video_completion"):
        counts["video_progress"] = max(counts.get("video_progress", 0) - TENTHS * finished, 0)
        told = sorted(KINDS, key=lambda kind: kind.value != "video_completion")
    return [(kind, _did(kind, counts)) for kind in told if counts.get(kind.value)]


def _did(kind, counts):
    one, many = kind.did_one, kind.did_many
    if kind.value == "video_progress" and counts.get("video_completion"):
        return "watched part of another" if counts[kind.value] <= TENTHS else "watched parts of others"
    if kind.value == "quiz_completion" and counts.get("quiz_attempt"):
        one, many = "passed one", "passed {}"  # of quizzes or attempts, which the phrase before this one names
    number = counts[kind.value]
    return one if number == 1 else many.format(f"{number:,}")


def sentence(counts):
    """`phrases(counts)` as one sentence: "Watched 3 videos and wrote a daily note."; "" if nothing happened."""
    words = [phrase for _, phrase in phrases(counts)]
    if not words:
        return ""
    *others, last = words
    text = f"{', '.join(others)} and {last}" if others else last
    return f"{text[0].upper()}{text[1:]}."
