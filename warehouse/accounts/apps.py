from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "warehouse.accounts"
    label = "accounts"
