"""How every form is drawn: labels above, help and errors beside the field, errors summed up first; fields of time."""

from django import forms
from django.core.exceptions import ValidationError
from django.forms.renderers import TemplatesSetting
from django.utils import timezone
from django.utils.formats import date_format


class FormRenderer(TemplatesSetting):
    form_template_name = "components/form.html"
    field_template_name = "components/field.html"


def by_the_clock(refused):
    """The moment of a time that Django refuses as clocks show it twice, when they are set back: the first of the two.

    ValidationError of one that they never show, when they are put forward, and of whatever else was refused.
    """
    if getattr(refused, "code", None) != "ambiguous_timezone":
        raise refused
    shown = refused.params["datetime"]
    first, second = (shown.replace(tzinfo=timezone.get_current_timezone(), fold=fold) for fold in (0, 1))
    if first.utcoffset() < second.utcoffset():
        when = f"{date_format(shown, 'g:i a')} on {date_format(shown, 'j F Y')}"
        raise ValidationError(f"It never was {when}: clocks were put forward. Choose another time.")
    return first


class AsShown:
    """A field of a moment, which stays as it was if nobody touched it.

    It may lie in the hour that clocks show twice, as they are set back: what a form shows then is no moment to Django.
    """

    def clean(self, value):
        try:
            return super().clean(value)
        except ValidationError as refused:
            return by_the_clock(refused)

    def shown(self, moment):
        return self.widget.format_value(self.prepare_value(moment))

    def has_changed(self, initial, data):
        return data != self.shown(initial) and super().has_changed(initial, data)

    def _clean_bound_field(self, bound):
        is_untouched = bound.initial and bound.data == self.shown(bound.initial)
        return bound.initial if is_untouched else super()._clean_bound_field(bound)


class MomentField(AsShown, forms.DateTimeField):
    pass


class SplitMomentField(AsShown, forms.SplitDateTimeField):
    """A day and a time, in a field each."""

    def shown(self, moment):
        if isinstance(moment, list):  # what a hidden field says that was shown
            return moment
        parts = zip(self.widget.widgets, self.widget.decompress(moment), strict=True)
        return [widget.format_value(part) for widget, part in parts]
