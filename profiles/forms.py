"""The forms for logging in and for a password, and the field for what people write."""

from django import forms
from django.contrib.auth.forms import (
    AuthenticationForm,
    PasswordChangeForm,
    PasswordResetForm,
    SetPasswordForm,
    SetPasswordMixin,
)
from django.core.exceptions import ValidationError

from profiles.models import NAME_LIMIT, Profile
from profiles.throttling import may_mail_link
from profiles.writing import name_of, words


class AddressField(forms.EmailField):
    """An e-mail address as Profile keeps it, before it is looked at: without what came along when it was copied."""

    def to_python(self, value):
        return Profile.normalize_username(super().to_python(value)) or ""


class LoginForm(AuthenticationForm):
    username = AddressField(
        label="E-mail address",
        max_length=Profile._meta.get_field("email").max_length,  # django-axes notes down 255
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )

    error_messages = {
        "invalid_login": "This e-mail address and password do not match. Check the capital letters in the password.",
        "inactive": "This account has been closed.",
    }


class SignUpForm(SetPasswordMixin, forms.Form):
    """An account for oneself: who one is, and a password."""

    full_name = forms.CharField(
        label="Full name", max_length=NAME_LIMIT, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = AddressField(
        label="E-mail address",
        max_length=Profile._meta.get_field("email").max_length,
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
        help_text="You log in with it.",
    )
    # Named as django-axes knows them: it must not note them down (AXES_SENSITIVE_PARAMETERS).
    password, password_again = SetPasswordMixin.create_password_fields("Password", "Password, again")
    password_again.help_text = ""

    def clean_full_name(self):
        name = name_of(self.cleaned_data["full_name"])
        if not name:
            raise ValidationError("Write your name in letters.")
        return name

    def clean(self):
        cleaned = super().clean()
        self.validate_passwords("password", "password_again")
        if self.errors.keys() & {"full_name", "email"}:
            return cleaned
        self.person = Profile(full_name=cleaned["full_name"], email=cleaned["email"])
        self.validate_password_for_user(self.person, "password")
        return cleaned


class NewPassword:
    """Django's form for a new password, but what is wrong with it stands beside it, not beside its repetition."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        again = self.fields["new_password2"]
        again.label, again.help_text = "New password, again", ""

    def validate_password_for_user(self, user, password_field_name):
        super().validate_password_for_user(user, "new_password1")


class ChangePasswordForm(NewPassword, PasswordChangeForm):
    pass


class ForgottenPasswordForm(NewPassword, SetPasswordForm):
    pass


class AskForPasswordForm(PasswordResetForm):
    email = AddressField(label="E-mail address", max_length=254, widget=forms.EmailInput({"autocomplete": "email"}))

    def get_users(self, email):
        """Whoever is mailed a link: nobody too often, whoever asks for it; the page says the same each time."""
        return (person for person in super().get_users(email) if may_mail_link(person.email, "password"))


class WordsField(forms.CharField):
    """What somebody writes, `as_kept`: a function of the text that raises ValidationError where it is unfit."""

    widget = forms.Textarea(attrs={"rows": 3})

    def __init__(self, *, as_kept=words, **options):
        super().__init__(**options)
        self.as_kept = as_kept

    def clean(self, value):
        return self.as_kept(self.to_python(value))


class EditForm(forms.Form):
    """Other words for a row, and the `version()` of it that the writer had before their eyes."""

    text = WordsField(label="Your words")
    seen = forms.CharField(required=False, max_length=50, widget=forms.HiddenInput)
