from django.apps import AppConfig


class SiteConfig(AppConfig):
    """The site itself: commands and pages that stand above the apps."""

    name = "warehouse"
    label = "site"
