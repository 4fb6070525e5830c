"""How somebody confirms that their account is to be erased."""

from django import forms
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError


class EraseForm(forms.Form):
    """One's password; wrong ones are counted as at the log-in."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="To confirm that it is you, and that you want the account deleted for good.",
    )

    def __init__(self, *args, request, **options):
        super().__init__(*args, **options)
        self.request = request

    def clean_password(self):
        password = self.cleaned_data["password"]
        user = self.request.user
        if authenticate(self.request, username=user.email, password=password) != user:
            raise ValidationError("That is not your password. Nothing was deleted.")
        return password
