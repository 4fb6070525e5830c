"""Secret links: addresses that open something for whoever was given them."""

import re
import uuid

from django.core import signing

# Where a log may have one: in an address, or quoted within another.
SECRET = re.compile(r"((?:/|%2F)(?:invitations|shared)(?:/|%2F))[\w.-]+", re.IGNORECASE)


class SecretLinks:
    """Addresses made with SECRET_KEY of random bits that the database keeps: whoever reads the database has none."""

    def __init__(self, salt):
        self.signer = signing.Signer(sep=".", salt=salt)

    def token(self, link):
        """What the address for the bits of a UUID ends with; None for None."""
        return link and self.signer.sign(link.hex)

    def link_of(self, token):
        """The UUID of which a token was made; None if it is no token of ours."""
        try:
            return uuid.UUID(hex=self.signer.unsign(token))
        except (signing.BadSignature, ValueError):
            return None


def without_secrets(text):
    """A line of a log, without what opens a secret link."""
    return SECRET.sub(r"\1…", text)
