"""The addresses of news by mail.  It can be ended even while no mail is set up."""

from django.urls import path

from news import views
from news.choosing import is_offered

offered = [
    path("news-by-mail/", views.Choice.as_view(), name="news_by_mail"),
    path("news-by-mail/confirm/<str:token>/", views.Confirm.as_view(), name="confirm_news"),
]

urlpatterns = [
    path("news-by-mail/stop/<str:token>/", views.Stop.as_view(), name="stop_news"),
    *(offered if is_offered() else []),
]
