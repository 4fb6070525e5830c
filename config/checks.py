"""What `manage.py check --deploy` asks beside Django's own questions."""

from django.conf import settings
from django.core.checks import Tags, Warning, register


@register(Tags.security, deploy=True)
def proxy_is_named(app_configs, **options):
    """The server speaks plain HTTP: where pages are served over HTTPS, a proxy does that."""
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
