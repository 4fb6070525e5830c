"""Which failed log-ins are counted together: those for one e-mail address from one network address.

New accounts, and links that are mailed, are counted beside them.
"""

import contextlib
import ipaddress
from urllib.parse import urlsplit

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import authenticate
from django.db import transaction
from django.shortcuts import resolve_url
from django.utils import timezone
from django.utils.crypto import salted_hmac

from profiles.models import Profile

MOST_NEW_ACCOUNTS = 200  # from one network address in a quarter of an hour: a lecture hall may have only one
MOST_LINKS = 3  # mailed to one address for one purpose in a quarter of an hour
NEW_ACCOUNTS = "(new accounts)"  # what they are counted under, among wrong passwords; no e-mail address is like it


def email_address(request, credentials=None):
    """The submitted e-mail address, whatever its spelling and whichever form sent it; None without one."""
    submitted = credentials or getattr(request, "POST", {})
    return Profile.normalize_username(submitted.get("username"))


def network_address(request):
    """Where a request comes from: behind a proxy, the address that the proxy itself saw and added last."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.BEHIND_PROXY else ""
    return _ip_address(forwarded.rpartition(",")[2]) or _ip_address(request.META.get("REMOTE_ADDR", ""))


def _ip_address(text):
    """The IP address in `text` as the database takes it, without a port or a zone; None if there is none.

    Of IPv6 the first 64 bits: whoever has one such address has all that begin so.
    """
    text = text.strip()
    for read in (str, lambda text: urlsplit(f"//{text}").hostname):
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address((read(text) or "").partition("%")[0])
            address = getattr(address, "ipv4_mapped", None) or address
            if address.version == 6:
                address = ipaddress.ip_network((address, 64), strict=False).network_address
            return str(address)
    return None


def log_in_of(request, email, password):
    """The person whose e-mail address and password these are, or None, counted as at the log-in."""
    AxesProxyHandler.update_request(request)
    request.axes_path_info = resolve_url(settings.LOGIN_URL)  # it is noted down, and this page's may be a secret link
    return authenticate(request, username=email, password=password)


def may_make_account(request):
    """Whether one more account may be made from where a request comes from, as which it then counts."""
    return _may_once_more(NEW_ACCOUNTS, network_address(request) or "0.0.0.0", MOST_NEW_ACCOUNTS)


def may_mail_link(email, purpose):
    """Whether one more link may be mailed to an address for a purpose, a word, as which it then counts.

    Whoever erases their account and makes it anew asks as before; the address itself is not noted down.
    """
    address = salted_hmac("profiles.throttling", email, algorithm="sha256").hexdigest()
    return _may_once_more(f"({purpose}) {address}", "0.0.0.0", MOST_LINKS)


def _may_once_more(username, ip_address, most):
    """Whether something may be done once more within a quarter of an hour, as which it then counts.

    Kept beside wrong passwords, for as long, and forgotten with them.
    """
    now = timezone.now()
    blank = dict.fromkeys(("get_data", "post_data", "http_accept", "path_info"), "")
    with transaction.atomic():
        counted, _ = AccessAttempt.objects.select_for_update().get_or_create(
            username=username,
            ip_address=ip_address,
            user_agent="",
            defaults=blank | {"failures_since_start": 0},
        )
        if counted.attempt_time <= now - settings.AXES_COOLOFF_TIME:
            counted.attempt_time, counted.failures_since_start = now, 0
        if counted.failures_since_start >= most:
            return False
        counted.failures_since_start += 1
        counted.save()
    return True
