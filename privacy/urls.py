"""The addresses of what is held about me."""

from django.urls import path

from privacy import views

urlpatterns = [
    path("my-data/", views.MyData.as_view(), name="my_data"),
    path("my-data/download/", views.Download.as_view(), name="my_data_download"),
    path("my-data/erased/", views.Erased.as_view(), name="account_erased"),
]
