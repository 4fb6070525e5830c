"""What all pages share."""

import uuid

from django.http import Http404, HttpResponse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.functional import cached_property
from django.views.generic import TemplateView

from config.prefetch import is_ahead

SEARCH_LIMIT = 200  # characters of what is searched for


class Page(TemplateView):
    """A page at one URL; to htmx, the fragment of it (a partialdef of its template) that it asked for.

    A request's HX-Target names the fragment; the first of `fragments` is the default, and without any it gets the page.
    """

    fragments = ("entries",)
    extra_context = {"search_limit": SEARCH_LIMIT}
    varies_with = ("HX-Request", "HX-Target", "HX-Boosted")
    caching = {"private": True}  # what a browser may keep of it, as patch_cache_control() takes it
    notes_reading = False  # whether a GET of it notes down that somebody has read

    def dispatch(self, request, *args, **kwargs):
        if is_ahead(request) and self.notes_reading:
            # A browser that is refused asks again when somebody goes there; one that had the page would not.
            return HttpResponse(status=403, headers={"Cache-Control": "no-store"})
        return super().dispatch(request, *args, **kwargs)

    def get(self, request, *args, **kwargs):
        # The address is read in setup(); it is not the template's business.
        return self.render_to_response(self.get_context_data())

    @cached_property
    def fragment(self):
        """The name of the fragment that is asked for; None for the whole page."""
        htmx = self.request.htmx
        if not htmx or htmx.history_restore_request:
            return None
        if htmx.target in self.fragments:
            return htmx.target
        return None if htmx.boosted or not self.fragments else self.fragments[0]

    def get_template_names(self):
        return [f"{self.template_name}#{self.fragment}" if self.fragment else self.template_name]

    def render_to_response(self, context, **options):
        response = super().render_to_response(context, **options)
        patch_vary_headers(response, self.varies_with)
        patch_cache_control(response, **self.caching)
        return response


class ForHtmx:
    """A view whose answer to htmx is another than to a browser."""

    def dispatch(self, request, *args, **kwargs):
        response = super().dispatch(request, *args, **kwargs)
        patch_vary_headers(response, ["HX-Request"])
        patch_cache_control(response, private=True)
        return response


def kept_secret(response):
    """So that neither another site nor a search engine learns of the address.

    Not "no-referrer": by that, browsers send forms without saying from where, and a reader could not log out.
    """
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def uuid_asked(text):
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Http404("There is nobody with that id.") from error


def text_asked(request, name):
    """A text of the query string, without what PostgreSQL cannot hold; at most SEARCH_LIMIT characters."""
    return request.GET.get(name, "").replace("\0", "").strip()[:SEARCH_LIMIT]
