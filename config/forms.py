"""How every form is drawn: labels above, help and errors beside the field, errors summed up first."""

from django.forms.renderers import TemplatesSetting


class FormRenderer(TemplatesSetting):
    form_template_name = "components/form.html"
    field_template_name = "components/field.html"
