"""What `manage.py check --deploy` checks besides what Django does."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Tags, Warning, register
from django.http.request import validate_host


@register(Tags.security, deploy=True)
def proxy_is_named(app_configs, **options):
    """The server speaks plain HTTP, so if pages are served over HTTPS, a proxy does that."""
    if not settings.SECURE_SSL_REDIRECT or settings.BEHIND_PROXY:
        return []
    return [
        Warning(
            "BEHIND_PROXY is off: the proxy that does HTTPS is not asked where a visitor comes from, so all of them "
            "are one where wrong passwords are counted, and anybody can keep anybody from logging in.",
            hint="Set BEHIND_PROXY=on, and have the proxy set X-Forwarded-Proto and X-Forwarded-For itself.",
            id="config.W001",
        )
    ]


@register(Tags.urls, deploy=True)
def links_in_mails_lead_here(app_configs, **options):
    """Mails that no visitor asks for cannot learn from a request where the site is."""
    if not settings.EMAIL_URL:
        return []
    if not settings.SITE_ADDRESS:
        return [
            Warning(
                "SITE_ADDRESS is not set, and ALLOWED_HOSTS is not one name: nobody is offered news by mail.",
                hint="Set SITE_ADDRESS=https://timeline.example.org, as visitors know it.",
                id="config.W002",
            )
        ]
    found, site = [], urlsplit(settings.SITE_ADDRESS)
    if not validate_host(site.hostname, settings.ALLOWED_HOSTS):
        found.append(
            Warning(
                f"SITE_ADDRESS leads to {site.hostname}, which is not among ALLOWED_HOSTS: links in mails are a Bad "
                "request (400).",
                hint="Name it in ALLOWED_HOSTS, or mend SITE_ADDRESS.",
                id="config.W003",
            )
        )
    if settings.SECURE_SSL_REDIRECT and site.scheme != "https":
        found.append(
            Warning(
                "SITE_ADDRESS begins with http://, but pages are served over HTTPS alone: mail programs that end news "
                "by mail in one click follow no redirection.",
                hint="Let it begin with https://.",
                id="config.W004",
            )
        )
    return found
