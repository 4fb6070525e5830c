"""How every form is drawn: labels above, help and errors beside the field, errors summed up first; and its moments."""

from django import forms
from django.forms.renderers import TemplatesSetting


class FormRenderer(TemplatesSetting):
    form_template_name = "components/form.html"
    field_template_name = "components/field.html"


class AsShown:
    """A field of a moment, which stays as it was if nobody touched it.

    It may lie in the hour that clocks show twice, as they are set back: what a form shows then is no moment to Django.
    """

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
