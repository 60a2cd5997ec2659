from django.apps import AppConfig


class StocksyncConfig(AppConfig):
    name = "stocksync"
    verbose_name = "Stock synchronisation"

    def ready(self) -> None:
        from stocksync.queries.channels import is_channel
        from warehouse.core.order_events import TAKEN_SOURCES

        TAKEN_SOURCES.append(is_channel)
