from inventory.models.batches import Batch, BatchLocation
from inventory.models.catalog import Barcode, Product, ShelfLife, Storefront, StorefrontProduct, Supplier
from inventory.models.locations import Location, Seller, Warehouse
from inventory.models.movements import Movement
from inventory.models.receiving import Receiving, ReceivingItem
from inventory.models.reservations import Reservation, ReservationItem
from inventory.models.stock import Stock

__all__ = [
    "Barcode",
    "Batch",
    "BatchLocation",
    "Location",
    "Movement",
    "Product",
    "Receiving",
    "ReceivingItem",
    "Reservation",
    "ReservationItem",
    "Seller",
    "ShelfLife",
    "Stock",
    "Storefront",
    "StorefrontProduct",
    "Supplier",
    "Warehouse",
]
