"""The pages.  Each view's setup() resolves who may see what: what one may not see is a 404."""

from timeline.views.answers import Answer, Inbox, Moment
from timeline.views.conversation import BringBackWords, EditWords, HiddenWords, HideWords
from timeline.views.course import ApplyRule, Catalogue, Completions, CoursePage, Enrol, Leave
from timeline.views.days import EntryPlace, StudentDay, StudentDays, StudentSince
from timeline.views.export import DaysExport, JourneyExport
from timeline.views.home import Home
from timeline.views.journey import NewInJourney, VideoJourney
from timeline.views.movement import ClassMovement
from timeline.views.quiz import QuizPage
from timeline.views.student import StudentGoal, StudentGoals
from timeline.views.video import VideoPage, answer_seen

__all__ = [
    "Answer",
    "ApplyRule",
    "BringBackWords",
    "Catalogue",
    "ClassMovement",
    "Completions",
    "CoursePage",
    "DaysExport",
    "EditWords",
    "Enrol",
    "EntryPlace",
    "HiddenWords",
    "HideWords",
    "Home",
    "Inbox",
    "JourneyExport",
    "Leave",
    "Moment",
    "NewInJourney",
    "QuizPage",
    "StudentDay",
    "StudentDays",
    "StudentGoal",
    "StudentGoals",
    "StudentSince",
    "VideoJourney",
    "VideoPage",
    "answer_seen",
]
