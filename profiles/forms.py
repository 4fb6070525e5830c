"""The log-in form."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm

from profiles.models import Profile


class LoginForm(AuthenticationForm):
    username = forms.EmailField(
        label="E-mail address",
        max_length=Profile._meta.get_field("email").max_length,  # django-axes notes down 255
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )

    error_messages = {
        "invalid_login": "This e-mail address and password do not belong together. Mind capitals in the password.",
        "inactive": "This account has been closed.",
    }

    def clean_username(self):
        return Profile.normalize_username(self.cleaned_data["username"])
