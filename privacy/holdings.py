"""What the system holds about a person, found by walking every reference to a profile (docs/decisions/0035)."""

from dataclasses import dataclass, field
from functools import cache

from axes.models import AccessAttempt
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import CASCADE, DB_CASCADE, ForeignObjectRel, Q, QuerySet
from django.utils.text import capfirst

from goals.models import GoalMessage
from profiles.models import Profile
from uploads.models import Upload
from uploads.store import naming

# Whose rows are a person's own though the database does not delete them with the profile: it derives them.
DERIVED = {"timeline.Activity.student"}

# Rows of others in which something is of this person: how it is called, and the columns that are of them.
IN_ROWS_OF_OTHERS = {
    "courses.Enrollment.completion_set_by": (
        "Courses that you completed for a student by hand",
        ("id", "student_id", "course_id", "completed_at", "completion_note"),
    ),
    "courses.LessonCompletion.set_by": (
        "Lessons that you completed for a student by hand",
        ("id", "student_id", "lesson_id", "completed_at", "note"),
    ),
    "goals.GoalCorrection.author": (
        "Corrections that you made to a student's goals",
        ("id", "student_id", "goal_id", "created_at", "before", "after", "reason"),
    ),
    "goals.GoalMessage.author": (
        "Messages that you wrote to students",
        (
            *("id", "student_id", "goal_id", "content", "media_url", "media_type", "media_duration_seconds"),
            *("created_at", "edited_at", "hidden_at"),
        ),
    ),
    "goals.GoalProposal.author": (
        "Goals that you proposed to students",
        ("id", "student_id", "title", "measure", "target_date", "created_at"),
    ),
    "reflections.Reflection.responded_by": (
        "Your answers to students",
        ("id", "student_id", "instructor_response", "responded_at", "response_edited_at"),
    ),
    "uploads.Upload.owner": (
        "Voice memos and pictures that you sent to students",
        ("id", "student_id", "file", "media_type", "content_type", "bytes", "duration_seconds", "created_at"),
    ),
}

# References that lead to nothing of this person's, and why.
EXCEPTIONS = {
    "goals.ConversationVisit.student": "tells when somebody else read; it is that person's (and goes with either)",
    "timeline.Activity.responded_by": "repeats reflections.responded_by",
}

# Columns that are told to nobody.
WITHHELD = {
    "profiles.Profile": {"password"},
    "profiles.Session": {"session_key", "session_data"},  # whoever has them is logged in
    "news.NewsByMail": {"link"},  # whoever has it says that the mailbox is theirs
    "xapi.Statement": {"hash"},  # of the statement, which is there
}

# Of columns that hold lists of JSON objects, the keys that are told: which answers are right is the author's, who may
# let the quiz be taken again.
TOLD_KEYS = {"courses.QuizAttempt": {"questions": ("id", "kind", "prompt", "choices")}}

# What each table is called, in the order in which they are told.
TITLES = {
    "profiles.Profile": "Your account: name, e-mail address, when it was made and last used",
    "profiles.Session": "Browsers in which you are or were logged in",
    "news.NewsByMail": "Whether news is mailed to you, how often, and to which address",
    "courses.Enrollment": "Courses in which you enrolled, and when you completed or left them",
    "courses.LessonCompletion": "Lessons that you completed",
    "courses.VideoProgress": "What you watched in videos",
    "courses.CheckpointReached": "Checkpoints that you reached in videos",
    "courses.QuizAttempt": "Your attempts at quizzes, with answers and scores",
    "reflections.Reflection": "Your reflections, and the answers to them",
    "goals.DailyNote": "Your daily notes",
    "goals.GoalMessage": "Messages that instructors wrote to you",
    "goals.ConversationVisit": "When you last read a goal conversation",
    "goals.Goal": "Your goals",
    "goals.GoalPeriod": "When which goal was your current one",
    "goals.GoalMilestone": "Milestones of your goals",
    "goals.SuccessProof": "Your success proofs",
    "goals.GoalProposal": "Goals that instructors proposed to you",
    "goals.GoalCorrection": "Corrections of when a goal was your current one",
    "goals.SharedStory": "Stories of goals that you share, what of them and with whom",
    "goals.Congratulation": "Congratulations that you gave, and those on your stories",
    "uploads.Upload": "Your voice memos, pictures and documents, and what instructors sent you",
    "timeline.Activity": "The entries of your timeline, which are made from the rest",
    "xapi.Agent": "The identifiers under which your viewing data was imported",
    "xapi.Statement": "Your imported viewing data (xAPI statements)",
    "xapi.Pending": "Imported viewing data waiting to be processed",
    "xapi.Written": "What the import last made of it",
    "courses.CourseInstructor": "Courses that you teach",
    "courses.Invitation": "Invitation links to courses that you made",
    "admin.LogEntry": "What you did in the admin",
}


@dataclass(frozen=True)
class Holding:
    """Rows of one table that are, or tell of, one person.

    `columns` are those that may be told, and `keys` what of a column that
    holds a list of JSON objects, if not all; `stays` says that the rows are of
    others, and so outlive the account, without the person's name.
    """

    name: str  # of the file in an export
    title: str
    rows: QuerySet
    columns: tuple[str, ...]
    stays: bool = False
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)


def references():
    """Every ForeignKey to a profile, of every table."""
    return [
        field
        for model in apps.get_models()
        if not model._meta.proxy
        for field in model._meta.local_concrete_fields
        if field.is_relation and field.related_model._meta.concrete_model is Profile
    ]


def label(field):
    return f"{field.model._meta.label}.{field.name}"


def owns(reference):
    """Whether rows are of the person whom a ForeignKey to a profile names."""
    goes = reference.remote_field.on_delete in (DB_CASCADE, CASCADE)
    return (goes and label(reference) not in EXCEPTIONS) or label(reference) in DERIVED


@cache
def own_lookups():
    """{model: lookups of a profile} of the rows that are a person's own: what hangs on what is theirs, is theirs."""
    found = {Profile: ["pk"]}
    for reference in filter(owns, references()):
        found.setdefault(reference.model, []).append(reference.name)
    pending = [model for model in found if model is not Profile]
    while pending:
        parent = pending.pop()
        for relation in parent._meta.get_fields(include_hidden=True):
            if not isinstance(relation, ForeignObjectRel) or relation.on_delete not in (DB_CASCADE, CASCADE):
                continue
            child = relation.related_model
            if child not in found and not child._meta.proxy:
                found[child] = [f"{relation.field.name}__{lookup}" for lookup in found[parent]]
                pending.append(child)
    return found


def own_rows(model, person):
    """The rows of `model` that are a person's own, as a queryset."""
    return model._base_manager.filter(_any(own_lookups()[model], person))


def _shown(model, person):
    """A condition on own rows: not what others wrote to them and took back, as on every page (uploads.access)."""
    if model is GoalMessage:
        return Q(hidden_at__isnull=True)
    if model is Upload:
        return Q(owner=person.pk) | naming(hidden_at=None)
    return Q()


def _any(lookups, person):
    theirs = Q()
    for lookup in lookups:
        theirs |= Q(**{lookup: person.pk})
    return theirs


def holdings(person):
    """Everything that is held about a profile, as Holdings: what is theirs, then what is in rows of others."""
    found = []
    order = {name: place for place, name in enumerate(TITLES)}
    for model in sorted(own_lookups(), key=lambda model: order.get(model._meta.label, len(order))):
        name = model._meta.label
        told = tuple(
            column.attname for column in model._meta.local_concrete_fields if column.name not in WITHHELD.get(name, ())
        )
        title = TITLES.get(name) or capfirst(model._meta.verbose_name_plural)
        rows = own_rows(model, person).filter(_shown(model, person))
        found.append(Holding(model._meta.db_table, title, rows, told, keys=TOLD_KEYS.get(name, {})))
    found += [log_ins_of(person), log_about(person)]
    for reference in references():
        if title_and_columns := IN_ROWS_OF_OTHERS.get(label(reference)):
            title, columns = title_and_columns
            model = reference.model
            rows = model._base_manager.filter(**{reference.name: person.pk})
            if model in own_lookups():
                rows = rows.exclude(_any(own_lookups()[model], person))
            found.append(Holding(f"{model._meta.db_table}_by_you", title, rows, columns, stays=True))
    return found


def log_ins_of(person):
    return Holding(
        AccessAttempt._meta.db_table,
        "Wrong passwords that were tried for your e-mail address",
        AccessAttempt.objects.filter(username=person.email or ""),
        ("attempt_time", "ip_address", "user_agent", "path_info", "failures_since_start"),
    )


def log_about(person):
    """What staff did to the account in the admin, without who they were."""
    return Holding(
        f"{LogEntry._meta.db_table}_about_you",
        "What was changed in your account by administrators",
        LogEntry.objects.filter(content_type__in=account_types(), object_id=str(person.pk)),
        ("action_time", "action_flag", "object_repr", "change_message"),
    )


def account_types():
    """The content types under which the admin's log names a profile."""
    models = [model for model in apps.get_models() if model._meta.concrete_model is Profile]
    return ContentType.objects.get_for_models(*models, for_concrete_models=False).values()
