from django.apps import AppConfig


class StocksyncConfig(AppConfig):
    name = "stocksync"
    verbose_name = "Stock synchronisation"
