"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("profiles.urls")),
    path("admin/", admin.site.urls),
]
