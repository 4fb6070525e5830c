"""Notices of what was done, kept until a page shows them to somebody."""

from django.contrib.messages.storage.fallback import FallbackStorage


class Storage(FallbackStorage):
    """Django's, of which nothing is shown, and so nothing used up, in a page that nobody may see."""

    def __len__(self):
        return 0 if self._is_unseen() else super().__len__()

    def __iter__(self):
        return iter(()) if self._is_unseen() else super().__iter__()

    def _is_unseen(self):
        return self.request.method == "HEAD" or is_ahead(self.request)


def is_ahead(request):
    """Whether a browser asks before anybody has gone to the page, so as to have it if they do."""
    return "prefetch" in (request.headers.get("Sec-Purpose") or request.headers.get("Purpose") or "")
