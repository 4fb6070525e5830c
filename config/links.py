"""Secret links, which open something for whoever has them, and the links in mails."""

import uuid

from django.conf import settings
from django.core import signing
from django.http import Http404
from django.urls import reverse


class LeadsNowhere(Http404):
    """The page is one that a secret link opened; the message says why it may not, and how to get another."""


class SecretLinks:
    """Addresses made of random bits in the database and SECRET_KEY: whoever reads the database alone has none."""

    def __init__(self, salt):
        self.signer = signing.Signer(sep=".", salt=salt)

    def token(self, link):
        """What the address for the bits of a UUID ends with; None for None."""
        return link and self.signer.sign(link.hex)

    def link_of(self, token):
        """The UUID from which a token was made; None if it is not one of ours."""
        try:
            return uuid.UUID(hex=self.signer.unsign(token))
        except (signing.BadSignature, ValueError):
            return None


def absolute(name, *args):
    """The address of a page, for mails: the site's own, whatever host a request named."""
    return settings.SITE_ADDRESS + reverse(name, args=args)
