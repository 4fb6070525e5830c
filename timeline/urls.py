"""The addresses of the pages.  /days/ and /goals/ are the reader's own."""

import datetime

from django.urls import path, register_converter

from timeline import views
from timeline.words import WORDS


class DayConverter:
    """A day in an address: 2026-03-15, and no other spelling of it."""

    regex = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value):
        return datetime.date.fromisoformat(value)  # a ValueError means that the address is none

    def to_url(self, value):
        return str(value)


class WordsConverter:
    """A table of what people write."""

    regex = "|".join(WORDS)

    def to_python(self, value):
        return value

    to_url = to_python


register_converter(DayConverter, "day")
register_converter(WordsConverter, "words")

urlpatterns = [
    path("", views.Home.as_view(), name="home"),
    path("courses/", views.Catalogue.as_view(), name="catalogue"),
    path("courses/<uuid:course>/", views.CoursePage.as_view(), name="course"),
    path("courses/<uuid:course>/class.csv", views.ClassExport.as_view(), name="class_export"),
    path("courses/<uuid:course>/movement/", views.ClassMovement.as_view(), name="class_movement"),
    path("courses/<uuid:course>/enrol/", views.Enrol.as_view(), name="enrol"),
    path("courses/<uuid:course>/invitation/", views.CourseInvitation.as_view(), name="course_invitation"),
    path("courses/<uuid:course>/leave/", views.Leave.as_view(), name="leave"),
    path("courses/<uuid:course>/rule/", views.ApplyRule.as_view(), name="apply_rule"),
    path("courses/<uuid:course>/students/<uuid:student>/", views.Completions.as_view(), name="completions"),
    path("invitations/<str:token>/", views.InvitationPage.as_view(), name="invitation"),
    path("quizzes/<uuid:quiz>/", views.QuizPage.as_view(), name="quiz"),
    path("videos/<uuid:video>/", views.VideoPage.as_view(), name="video"),
    path("videos/<uuid:video>/answers/new/", views.new_answers, name="new_answers"),
    path("reflections/<uuid:reflection>/seen/", views.answer_seen, name="answer_seen"),
    path("videos/<uuid:video>/journey/", views.VideoJourney.as_view(), name="video_journey"),
    path("videos/<uuid:video>/journey.csv", views.JourneyExport.as_view(), name="journey_export"),
    path("videos/<uuid:video>/moments/<int:second>/", views.Moment.as_view(), name="moment"),
    path("reflections/<uuid:reflection>/answer/", views.Answer.as_view(), name="answer"),
    path("inbox/", views.Inbox.as_view(), name="inbox"),
    path("videos/<uuid:video>/journey/new/", views.NewInJourney.as_view(), name="video_journey_new"),
    path("days/", views.StudentDays.as_view(), name="my_days"),
    path("days/<day:date>/", views.StudentDay.as_view(), name="my_day"),
    path("days/hidden/", views.HiddenWords.as_view(), name="hidden_words"),
    path("<words:table>/<uuid:row>/edit/", views.EditWords.as_view(), name="edit_words"),
    path("<words:table>/<uuid:row>/hide/", views.HideWords.as_view(), name="hide_words"),
    path("<words:table>/<uuid:row>/bring-back/", views.BringBackWords.as_view(), name="bring_back_words"),
    path("goals/", views.StudentGoals.as_view(), name="my_goals"),
    path("students/<uuid:student>/days/", views.StudentDays.as_view(), name="student_days"),
    path("students/<uuid:student>/days.csv", views.DaysExport.as_view(), name="days_export"),
    path("students/<uuid:student>/days/<day:date>/", views.StudentDay.as_view(), name="student_day"),
    path("students/<uuid:student>/since/", views.StudentSince.as_view(), name="student_since"),
    path("entries/<uuid:entry>/", views.EntryPlace.as_view(), name="entry"),
    path("students/<uuid:student>/goals/", views.StudentGoals.as_view(), name="student_goals"),
    path("students/<uuid:student>/goals/new/", views.NewGoal.as_view(), name="new_goal"),
    path("students/<uuid:student>/goals/corrections/", views.Corrections.as_view(), name="goal_corrections"),
    path("students/<uuid:student>/goals/<uuid:goal>/", views.StudentGoal.as_view(), name="student_goal"),
    path("students/<uuid:student>/goals/<uuid:goal>/current/", views.MakeCurrent.as_view(), name="make_current"),
    path("students/<uuid:student>/goals/<uuid:goal>/reached/", views.ReachGoal.as_view(), name="reach_goal"),
    path("students/<uuid:student>/goals/<uuid:goal>/pause/", views.PauseGoal.as_view(), name="pause_goal"),
    path("students/<uuid:student>/goals/<uuid:goal>/change/", views.ChangeGoal.as_view(), name="change_goal"),
    path("students/<uuid:student>/goals/<uuid:goal>/remove/", views.RemoveGoal.as_view(), name="remove_goal"),
    path("students/<uuid:student>/goals/<uuid:goal>/proof/", views.SubmitProof.as_view(), name="submit_proof"),
    path("students/<uuid:student>/goals/<uuid:goal>/milestones/", views.AddMilestone.as_view(), name="add_milestone"),
    path("milestones/<uuid:milestone>/", views.MarkMilestone.as_view(), name="mark_milestone"),
    path("proposals/<uuid:proposal>/accept/", views.AcceptGoal.as_view(), name="accept_goal"),
    path("proposals/<uuid:proposal>/decline/", views.DeclineGoal.as_view(), name="decline_goal"),
    path("proposals/<uuid:proposal>/withdraw/", views.WithdrawGoal.as_view(), name="withdraw_goal"),
    path("periods/<uuid:period>/correct/", views.CorrectPeriod.as_view(), name="correct_period"),
    path("students/<uuid:student>/goals/<uuid:goal>/story/", views.GoalStory.as_view(), name="goal_story"),
    path("students/<uuid:student>/goals/<uuid:goal>/story/sharing/", views.Sharing.as_view(), name="share_story"),
    path(
        "students/<uuid:student>/goals/<uuid:goal>/story/preview/", views.StoryPreview.as_view(), name="preview_story"
    ),
    path("students/<uuid:student>/goals/<uuid:goal>/story/preview/media/<uuid:upload>/", views.preview_media),
    path("community/", views.Community.as_view(), name="community"),
    path("community/<uuid:shared>/", views.CommunityStory.as_view(), name="community_story"),
    path("community/<uuid:shared>/congratulate/", views.Congratulate.as_view(), name="congratulate"),
    path("community/<uuid:shared>/media/<uuid:upload>/", views.community_media, name="community_media"),
    path("shared/<str:token>/", views.LinkedStory.as_view(), name="shared_story"),
    path("shared/<str:token>/media/<uuid:upload>/", views.linked_media, name="linked_media"),
]
