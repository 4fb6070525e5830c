"""The seventeen kinds of activity: how each is called, drawn and shown.

`value` is `student_activity_timeline.activity_type`; the order is the plan's.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    value: str
    label: str
    plural: str  # "2 reflections"
    icon: str  # the symbol's name in static/icons.svg
    group: str  # a key of GROUPS
    template: str  # shows one entry's body


GROUPS = {
    "watching": "Watching",
    "reflections": "Reflections",
    "quizzes": "Quizzes",
    "courses": "Courses",
    "notes": "Notes and messages",
    "goals": "Goals",
}

KINDS = (
    Kind(
        "video_progress",
        "Watched part of a video",
        "steps through a video",
        "play",
        "watching",
        "entries/progress.html",
    ),
    Kind("video_completion", "Watched a video", "videos watched", "play-check", "watching", "entries/video.html"),
    Kind("text_reflection", "Reflection", "reflections", "quote", "reflections", "entries/reflection.html"),
    Kind("voice_reflection", "Voice memo", "voice memos", "microphone", "reflections", "entries/reflection.html"),
    Kind("screenshot_reflection", "Screenshot", "screenshots", "image", "reflections", "entries/reflection.html"),
    Kind("loom_reflection", "Loom video", "Loom videos", "camera", "reflections", "entries/reflection.html"),
    Kind("quiz_attempt", "Quiz attempt", "quiz attempts", "question", "quizzes", "entries/quiz.html"),
    Kind("quiz_completion", "Quiz passed", "quizzes passed", "question-check", "quizzes", "entries/quiz.html"),
    Kind("course_enrollment", "Enrolled", "enrolments", "door", "courses", "entries/course.html"),
    Kind("course_completion", "Course completed", "courses completed", "cap", "courses", "entries/course.html"),
    Kind("lesson_completion", "Lesson completed", "lessons completed", "book-check", "courses", "entries/course.html"),
    Kind(
        "checkpoint_reached", "Checkpoint reached", "checkpoints reached", "flag", "watching", "entries/checkpoint.html"
    ),
    Kind("daily_note", "Daily note", "daily notes", "note", "notes", "entries/writing.html"),
    Kind("success_proof", "Success proof", "success proofs", "medal", "goals", "entries/writing.html"),
    Kind("goal_milestone", "Milestone reached", "milestones reached", "mountain", "goals", "entries/goal.html"),
    Kind("goal_completion", "Goal reached", "goals reached", "trophy", "goals", "entries/goal.html"),
    Kind("instructor_message", "Instructor's message", "messages", "speech", "notes", "entries/writing.html"),
)

BY_VALUE = {kind.value: kind for kind in KINDS}
