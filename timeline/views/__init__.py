"""The pages.  Each view's setup() resolves who may see what: what one may not see is a 404."""

from timeline.views.answers import Answer, Inbox, Moment
from timeline.views.course import CoursePage
from timeline.views.export import JourneyExport
from timeline.views.home import Home
from timeline.views.journey import VideoJourney
from timeline.views.student import StudentDay, StudentDays, StudentGoal, StudentGoals

__all__ = [
    "Answer",
    "CoursePage",
    "Home",
    "Inbox",
    "JourneyExport",
    "Moment",
    "StudentDay",
    "StudentDays",
    "StudentGoal",
    "StudentGoals",
    "VideoJourney",
]
