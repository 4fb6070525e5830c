"""Notices of what was done, kept until a page shows them to somebody."""

from django.contrib.messages.storage.fallback import FallbackStorage

from config.prefetch import is_looked_at


class Storage(FallbackStorage):
    """Django's, of which nothing is shown, and so nothing used up, in a page that nobody may see."""

    def __len__(self):
        return super().__len__() if is_looked_at(self.request) else 0

    def __iter__(self):
        return super().__iter__() if is_looked_at(self.request) else iter(())
