"""How often somebody wants news by mail."""

from django import forms

from news.models import HowOften


class ChoiceForm(forms.Form):
    how_often = forms.ChoiceField(label="How often", choices=HowOften, widget=forms.RadioSelect)
