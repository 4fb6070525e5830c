"""Where mail goes."""

import environ


def mailer(url):
    """The entry of MAILERS for a URL such as smtp+tls://user:password@host:587, smtp+ssl://… or consolemail://."""
    parts = environ.Env.email_url_config(url)
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
        },
    }
