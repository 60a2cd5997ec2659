from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "warehouse.outbox"
    label = "outbox"
