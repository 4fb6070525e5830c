"""The addresses of the pages.  /days/ and /goals/ are one's own."""

import datetime

from django.urls import path, register_converter

from timeline import views


class DayConverter:
    """A day in an address: 2026-03-15, and no other spelling of it."""

    regex = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value):
        return datetime.date.fromisoformat(value)  # a ValueError means that the address is none

    def to_url(self, value):
        return str(value)


register_converter(DayConverter, "day")

urlpatterns = [
    path("", views.Home.as_view(), name="home"),
    path("courses/<uuid:course>/", views.CoursePage.as_view(), name="course"),
    path("videos/<uuid:video>/journey/", views.VideoJourney.as_view(), name="video_journey"),
    path("videos/<uuid:video>/journey.csv", views.JourneyExport.as_view(), name="journey_export"),
    path("videos/<uuid:video>/moments/<int:second>/", views.Moment.as_view(), name="moment"),
    path("reflections/<uuid:reflection>/answer/", views.Answer.as_view(), name="answer"),
    path("inbox/", views.Inbox.as_view(), name="inbox"),
    path("videos/<uuid:video>/journey/new/", views.NewInJourney.as_view(), name="video_journey_new"),
    path("days/", views.StudentDays.as_view(), name="my_days"),
    path("goals/", views.StudentGoals.as_view(), name="my_goals"),
    path("students/<uuid:student>/days/", views.StudentDays.as_view(), name="student_days"),
    path("students/<uuid:student>/days.csv", views.DaysExport.as_view(), name="days_export"),
    path("students/<uuid:student>/days/<day:date>/", views.StudentDay.as_view(), name="student_day"),
    path("students/<uuid:student>/since/", views.StudentSince.as_view(), name="student_since"),
    path("entries/<uuid:entry>/", views.EntryPlace.as_view(), name="entry"),
    path("students/<uuid:student>/goals/", views.StudentGoals.as_view(), name="student_goals"),
    path("students/<uuid:student>/goals/<uuid:goal>/", views.StudentGoal.as_view(), name="student_goal"),
]
