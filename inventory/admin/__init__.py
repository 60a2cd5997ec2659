"""The back office of inventory: one file per noun. Importing the package registers all of them."""

from inventory.admin import (
    batches,
    locations,
    movements,
    products,
    receiving,
    reservations,
    returns,
    sellers,
    stock,
    storefronts,
    suppliers,
    warehouses,
)

__all__ = [
    "batches",
    "locations",
    "movements",
    "products",
    "receiving",
    "reservations",
    "returns",
    "sellers",
    "stock",
    "storefronts",
    "suppliers",
    "warehouses",
]
