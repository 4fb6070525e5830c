"""The pages.  Each view's setup() finds out who may see what: what somebody may not see is a 404."""

from timeline.views.answers import Answer, Inbox, Moment
from timeline.views.conversation import BringBackWords, EditWords, HiddenWords, HideWords
from timeline.views.course import ApplyRule, Catalogue, Completions, CoursePage, Enrol, Leave
from timeline.views.days import EntryPlace, StudentDay, StudentDays, StudentSince
from timeline.views.export import ClassExport, DaysExport, JourneyExport
from timeline.views.goals import Corrections, StudentGoal, StudentGoals
from timeline.views.home import Home
from timeline.views.invitation import CourseInvitation, InvitationPage
from timeline.views.journey import NewInJourney, VideoJourney
from timeline.views.living import (
    AcceptGoal,
    AddMilestone,
    ChangeGoal,
    CorrectPeriod,
    DeclineGoal,
    MakeCurrent,
    MarkMilestone,
    NewGoal,
    PauseGoal,
    ReachGoal,
    RemoveGoal,
    SubmitProof,
    WithdrawGoal,
)
from timeline.views.movement import ClassMovement
from timeline.views.quiz import QuizPage
from timeline.views.story import (
    Community,
    CommunityStory,
    Congratulate,
    GoalStory,
    LinkedStory,
    Sharing,
    StoryPreview,
    community_media,
    linked_media,
    preview_media,
)
from timeline.views.video import VideoPage, answer_seen, new_answers
