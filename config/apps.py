"""Django's admin, with the site of `config.admin` in place of its own."""

from django.contrib.admin import apps


class AdminConfig(apps.AdminConfig):
    default_site = "config.admin.Site"
