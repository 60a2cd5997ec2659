"""The back office of fulfilment: one file per noun. Importing the package registers all of them."""

from fulfillment.admin import (
    box_types,
    disagreements,
    orders,
    packing_tasks,
    picking_batches,
    picking_tasks,
    printers,
    providers,
    put_backs,
    quality_checks,
    quality_rules,
    shipments,
    walk_settings,
    waves,
)

__all__ = [
    "box_types",
    "disagreements",
    "orders",
    "packing_tasks",
    "picking_batches",
    "picking_tasks",
    "printers",
    "providers",
    "put_backs",
    "quality_checks",
    "quality_rules",
    "shipments",
    "walk_settings",
    "waves",
]
