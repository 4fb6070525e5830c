"""People who are not logged in, or no longer have an account, are sent to the log-in page."""

from urllib.parse import urlsplit

from django.contrib.auth import middleware
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError
from django.http import HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from profiles.models import Profile


class LoginRequiredMiddleware(middleware.LoginRequiredMiddleware):
    """Sends htmx there with the whole page, and back to it; else the log-in would be put into a part of that page.

    The log-in page is told by `refused=1` that something was sent and not taken; it leads back to where that was
    written, as where it was sent to may be no page.  So does whoever erases their account while they send something
    else: what is written then refers to nobody, or is not there to be changed.
    """

    def process_exception(self, request, exception):
        if not isinstance(exception, IntegrityError | ObjectDoesNotExist) or not request.user.is_authenticated:
            return None
        if Profile.objects.filter(pk=request.user.pk).exists():
            return None
        return self.handle_no_permission(request, request.resolver_match.func)

    def handle_no_permission(self, request, view_func):
        is_refused = request.method not in ("GET", "HEAD", "OPTIONS")
        if not request.htmx and not is_refused:
            return super().handle_no_permission(request, view_func)
        page = _page_of_htmx(request) if request.htmx else _came_from(request)
        log_in = resolve_url(self.get_login_url(view_func))
        address = redirect_to_login(page, log_in, self.get_redirect_field_name(view_func)).url
        if is_refused:
            address += "&refused=1"
        return HttpResponseClientRedirect(address) if request.htmx else HttpResponseRedirect(address)


def _page_of_htmx(request):
    """The page of ours in which htmx asked for something, without its host; "/" if that is not known."""
    try:
        return request.htmx.current_url_abs_path or "/"
    except ValueError:  # no browser's, which only has addresses that can be read
        return "/"


def _came_from(request):
    """The page of ours from which a form was sent, without its host; where it was sent to, if that is not known."""
    page = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(page, request.get_host(), require_https=request.is_secure()):
        return request.get_full_path()
    return urlsplit(page)._replace(scheme="", netloc="").geturl()
