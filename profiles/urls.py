"""Logging in and out, and one's password: Django's own views under its own names."""

from django.conf import settings
from django.contrib.auth import views
from django.contrib.auth.decorators import login_not_required
from django.urls import path

from profiles.forms import AskForPasswordForm, ChangePasswordForm, ForgottenPasswordForm, LoginForm

password_reset = [
    path("password/forgotten/", views.PasswordResetView.as_view(form_class=AskForPasswordForm), name="password_reset"),
    path("password/forgotten/sent/", views.PasswordResetDoneView.as_view(), name="password_reset_done"),
    path(
        "password/new/<uidb64>/<token>/",
        views.PasswordResetConfirmView.as_view(form_class=ForgottenPasswordForm),
        name="password_reset_confirm",
    ),
    path("password/new/done/", views.PasswordResetCompleteView.as_view(), name="password_reset_complete"),
]

urlpatterns = [
    path("login/", views.LoginView.as_view(form_class=LoginForm, redirect_authenticated_user=True), name="login"),
    path("logout/", login_not_required(views.LogoutView.as_view()), name="logout"),
    path("password/", views.PasswordChangeView.as_view(form_class=ChangePasswordForm), name="password_change"),
    path("password/changed/", views.PasswordChangeDoneView.as_view(), name="password_change_done"),
    *(password_reset if settings.EMAIL_URL else []),
]
