"""Who is not logged in is sent to the log-in page."""

from django.contrib.auth import middleware
from django.contrib.auth.views import redirect_to_login
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect


class LoginRequiredMiddleware(middleware.LoginRequiredMiddleware):
    """Sends htmx there with the whole page, and back to it; else the log-in would be put into a part of that page."""

    def handle_no_permission(self, request, view_func):
        if not request.htmx:
            return super().handle_no_permission(request, view_func)
        page = request.htmx.current_url_abs_path or "/"
        log_in = resolve_url(self.get_login_url(view_func))
        response = redirect_to_login(page, log_in, self.get_redirect_field_name(view_func))
        return HttpResponseClientRedirect(response.url)
