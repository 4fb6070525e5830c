"""The mail server, and where links in mails lead."""

import re

import environ
from django.core.exceptions import ImproperlyConfigured

PATIENCE = 20  # seconds that a mail server may take for each answer


def mailer(url):
    """The entry of MAILERS for a URL: smtp+tls://user:password@host:587, smtp+ssl://…, consolemail:// or filemail:///….

    A filemail's path is absolute: a file there is a mail.
    """
    parts = environ.Env.email_url_config(url)
    if directory := parts["EMAIL_FILE_PATH"]:
        return {"BACKEND": parts["EMAIL_BACKEND"], "OPTIONS": {"file_path": f"/{directory}"}}
    if not parts["EMAIL_HOST"]:
        return {"BACKEND": parts["EMAIL_BACKEND"]}
    return {
        "BACKEND": parts["EMAIL_BACKEND"],
        "OPTIONS": {
            "host": parts["EMAIL_HOST"],
            "port": parts["EMAIL_PORT"],
            "username": parts["EMAIL_HOST_USER"],
            "password": parts["EMAIL_HOST_PASSWORD"],
            "use_tls": parts.get("EMAIL_USE_TLS", False),
            "use_ssl": parts.get("EMAIL_USE_SSL", False),
            "timeout": PATIENCE,
        },
    }


def site_address(given, hosts, local_port=None):
    """The site's address without a slash at its end: the one `given`, or else the site's one name.

    "" if it has several names, or patterns.
    """
    given = given.rstrip("/")
    if given and not re.fullmatch(r"https?://[\w.-]+(:\d+)?", given, re.ASCII):
        raise ImproperlyConfigured(
            "SITE_ADDRESS is the site's address and no more, as in https://timeline.example.org."
        )
    if given or local_port:
        return given or f"http://127.0.0.1:{local_port}"
    [host, *others] = hosts
    return "" if others or not re.fullmatch(r"\w[\w.-]*", host, re.ASCII) else f"https://{host}"
