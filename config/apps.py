"""Django's admin, with the site of `config.admin` in place of its own, and the checks of `config.checks`."""

from django.contrib.admin import apps


class AdminConfig(apps.AdminConfig):
    default_site = "config.admin.Site"

    def ready(self):
        super().ready()
        import config.checks  # noqa: F401
