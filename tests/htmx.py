"""What htmx makes of an answer: the page that a person sees after a swap, to be compared with one that is loaded."""

import json

from django.test.html import Element, Parser

VARYING = {"csrfmiddlewaretoken", "id"}  # fields whose value is another in every answer


def loaded(response):
    """A whole page as a tree."""
    return _still(_tree(response.content.decode()))


def swapped(page, response, target, how="outerHTML"):
    """`page` (a tree, changed in place) after htmx put an answer in the place of `target`, an element of it.

    As hx-swap does, `how`: "outerHTML", "innerHTML", or "beforeend" to the end of the target; out-of-band elements go
    where their id is, a <title> becomes the page's.
    """
    answer = _tree(f"<template>{response.content.decode()}</template>")
    for element in list(elements(answer)):
        if attribute(element, "hx-swap-oob"):
            _put(answer, element, [])
            element.attributes = [each for each in element.attributes if each[0] != "hx-swap-oob"]
            _put(page, by_id(page, attribute(element, "id")), [element])
    for title in [child for child in answer.children if isinstance(child, Element) and child.name == "title"]:
        _put(answer, title, [])
        _put(page, next(element for element in elements(page) if element.name == "title"), [title])
    if how == "beforeend":
        target.children.extend(answer.children)
    elif how == "innerHTML":
        target.children = answer.children
    else:
        _put(page, target, answer.children)
    return _still(page)


def said(page, response):
    """`page` after static/js/conversation.js has heard of the event `said`, and drafts.js that words have arrived."""
    event = json.loads(response["HX-Trigger-After-Settle"])["said"]
    for element in elements(page):
        for name in ("sentence", "total"):
            if attribute(element, f"data-{name}") == event["date"]:
                element.children = [event[name]]
        element.attributes = [each for each in element.attributes if each[0] != "data-sent"]
    return page


def fields(form):
    """What a form in a page would send as it stands: {name: value}."""
    sent = {}
    for element in elements(form):
        name = attribute(element, "name")
        if name and element.name == "select":
            options = [each for each in elements(element) if each.name == "option"]
            chosen = next((each for each in options if "selected" in dict(each.attributes)), options[0])
            sent[name] = attribute(chosen, "value")
        elif name and element.name in ("input", "textarea"):
            sent[name] = attribute(element, "value") or "".join(map(str, element.children))
    return sent


def elements(tree):
    """All elements of a tree, itself first, in order."""
    ahead = [tree]
    while ahead:
        element = ahead.pop()
        yield element
        ahead += [child for child in reversed(element.children) if isinstance(child, Element)]


def attribute(element, name):
    return next((value for each, value in element.attributes if each == name), None)


def by_id(tree, name):
    (found,) = (element for element in elements(tree) if attribute(element, "id") == name)
    return found


def by_class(tree, name):
    return [element for element in elements(tree) if name in (attribute(element, "class") or "").split()]


def parent_of(tree, element):
    return next(each for each in elements(tree) if any(child is element for child in each.children))


def _tree(html):
    """What parse_html() makes of it, without its record of places, which compares each element with all its like."""
    parser = Parser()
    parser.element_positions = _Places()
    parser.feed(html)
    parser.close()
    parser.root.finalize()
    children = parser.root.children
    return children[0] if len(children) == 1 and isinstance(children[0], Element) else parser.root


class _Places(dict):
    def __setitem__(self, element, place):
        """Forgets it."""


def _put(tree, target, instead):
    parent = parent_of(tree, target)
    place = next(number for number, child in enumerate(parent.children) if child is target)
    parent.children[place : place + 1] = instead


def _still(tree):
    """Without what differs between any two answers."""
    for element in elements(tree):
        if attribute(element, "name") in VARYING:
            element.attributes = [each for each in element.attributes if each[0] != "value"]
        element.attributes = [each for each in element.attributes if each[0] != "hx-headers"]
    return tree
