"""The back office of fulfilment: one file per noun. Importing the package registers all of them."""

from fulfillment.admin import box_types, orders, packing_tasks, picking_tasks, providers, put_backs, shipments

__all__ = ["box_types", "orders", "packing_tasks", "picking_tasks", "providers", "put_backs", "shipments"]
