"""Whose failed log-ins are counted together: those for one e-mail address from one network address."""

import contextlib
import ipaddress
from urllib.parse import urlsplit

from django.conf import settings

from profiles.models import Profile


def email_address(request, credentials=None):
    """The submitted e-mail address, whatever its spelling and whichever form sent it; None without one."""
    submitted = credentials or getattr(request, "POST", {})
    return Profile.normalize_username(submitted.get("username"))


def network_address(request):
    """Where a request comes from: behind a proxy, the address that the proxy itself saw and added last."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.BEHIND_PROXY else ""
    return _ip_address(forwarded.rpartition(",")[2]) or _ip_address(request.META.get("REMOTE_ADDR", ""))


def _ip_address(text):
    """The IP address in `text` as the database takes it, without a port or a zone; None if there is none."""
    text = text.strip()
    for read in (str, lambda text: urlsplit(f"//{text}").hostname):
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(read(text))).partition("%")[0]
    return None
