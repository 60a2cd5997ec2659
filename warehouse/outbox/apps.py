from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class OutboxConfig(AppConfig):
    name = "warehouse.outbox"
    label = "outbox"

    def ready(self) -> None:
        """Find what the apps do on events: each registers it in its own `subscribers.py`."""
        autodiscover_modules("subscribers")
