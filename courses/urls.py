"""The addresses of what belongs to a course."""

from django.urls import path

from courses import views

urlpatterns = [
    path("videos/<uuid:video>/file", views.video_file, {"part": "file"}, name="video_file"),
    path("videos/<uuid:video>/poster", views.video_file, {"part": "poster"}, name="video_poster"),
    path("videos/<uuid:video>/captions", views.video_file, {"part": "captions"}, name="video_captions"),
    path("videos/<uuid:video>/watched/", views.watched, name="watched"),
]
