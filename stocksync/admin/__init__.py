"""The back office of stock synchronisation: one file per noun. Importing the package registers all of them."""

from stocksync.admin import channels, discrepancies, levels, logs, operations, orders, reports

__all__ = ["channels", "discrepancies", "levels", "logs", "operations", "orders", "reports"]
