"""Filters for showing a person."""

from django import template

register = template.Library()


@register.filter
def initials(person):
    """The first letters of the first and last word of a person's name: "Maya Okafor" gives "MO"."""
    words = [word for word in str(person).split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:1] + words[1:][-1:]).upper()
