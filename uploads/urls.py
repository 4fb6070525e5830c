"""The address of an upload; writings keep it (uploads.store.naming)."""

from django.urls import path

from uploads import views

urlpatterns = [
    path("uploads/<uuid:upload>/", views.upload, name="upload"),
]
