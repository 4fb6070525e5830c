"""What no log says.

gunicorn's first process reads this module, and keeps what it imports when it starts workers of a new version of the
site: it therefore needs nothing but the standard library.
"""

import re

# Where a log may have a secret link (config/links.py): in an address, or quoted within another.
SECRET = re.compile(
    r"((?:/|%2F)(?:invitations|shared|news-by-mail(?:/|%2F)(?:confirm|stop)|password(?:/|%2F)new(?:/|%2F)[\w-]+)"
    r"(?:/|%2F))[\w.-]+",
    re.IGNORECASE,
)


def without_secrets(text):
    """A line of a log, without what opens a secret link."""
    return SECRET.sub(r"\1…", text)
