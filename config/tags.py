"""Tags and filters that every template has without loading them."""

from functools import cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html

register = template.Library()


@register.simple_tag
@cache
def icon(name):
    """A symbol of static/icons.svg; drawn once for each name, as a page may have hundreds."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name)
