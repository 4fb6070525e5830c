"""The addresses of the pages.  /days/ and /goals/ are one's own."""

from django.urls import path

from timeline import views

urlpatterns = [
    path("", views.Home.as_view(), name="home"),
    path("courses/<uuid:course>/", views.CoursePage.as_view(), name="course"),
    path("videos/<uuid:video>/journey/", views.VideoJourney.as_view(), name="video_journey"),
    path("days/", views.StudentDays.as_view(), name="my_days"),
    path("goals/", views.StudentGoals.as_view(), name="my_goals"),
    path("students/<uuid:student>/days/", views.StudentDays.as_view(), name="student_days"),
    path("students/<uuid:student>/days/<str:date>/", views.StudentDay.as_view(), name="student_day"),
    path("students/<uuid:student>/goals/", views.StudentGoals.as_view(), name="student_goals"),
    path("students/<uuid:student>/goals/<uuid:goal>/", views.StudentGoal.as_view(), name="student_goal"),
]
