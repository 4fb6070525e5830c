"""Whose failed log-ins are counted together: those for one e-mail address from one network address."""

from django.conf import settings

from profiles.models import Profile


def email_address(request, credentials=None):
    """The submitted e-mail address, whatever its spelling and whichever form sent it; None without one."""
    submitted = credentials or getattr(request, "POST", {})
    return Profile.normalize_username(submitted.get("username"))


def network_address(request):
    """Where a request comes from: behind a proxy, the address that the proxy itself saw and added last."""
    if settings.BEHIND_PROXY and (forwarded := request.headers.get("X-Forwarded-For")):
        return forwarded.rpartition(",")[2].strip()
    return request.META.get("REMOTE_ADDR")
