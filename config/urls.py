"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("profiles.urls")),
    path("", include("courses.urls")),
    path("", include("uploads.urls")),
    path("", include("timeline.urls")),
    path("", include("news.urls")),
    path("", include("privacy.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "config.errors.bad_request"
handler404 = "config.errors.not_found"
handler500 = "config.errors.failed"
