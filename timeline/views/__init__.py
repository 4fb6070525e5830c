"""The pages.  Each view's setup() resolves who may see what: what one may not see is a 404."""

from timeline.views.course import CoursePage
from timeline.views.export import JourneyExport
from timeline.views.home import Home
from timeline.views.journey import VideoJourney
from timeline.views.student import StudentDay, StudentDays, StudentGoal, StudentGoals

__all__ = [
    "CoursePage",
    "Home",
    "JourneyExport",
    "StudentDay",
    "StudentDays",
    "StudentGoal",
    "StudentGoals",
    "VideoJourney",
]
