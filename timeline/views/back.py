"""Where a form leads back to."""

from urllib.parse import urlsplit

from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


def same_site(request, address):
    """The path, query and anchor of `address` if it leads within this site, else ""."""
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure()):
        return ""
    rest = urlsplit(address)._replace(scheme="", netloc="").geturl()
    # A path that begins with two slashes would be another site's name by now.
    return rest if url_has_allowed_host_and_scheme(rest, None) else ""


def where_from(request):
    """The address to go back to: `next` of the address or form, else the page that led here; "" if none is known."""
    asked = request.POST.get("next") or request.GET.get("next")
    if asked is not None:
        return same_site(request, asked)
    referer = same_site(request, request.headers.get("Referer"))
    path = urlsplit(referer).path
    return "" if path in (request.path, reverse("login")) else referer


def with_anchor(address, anchor):
    """`address` at an element of its page, if it does not name one already."""
    return address if "#" in address else f"{address}#{anchor}"
