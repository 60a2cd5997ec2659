from inventory.models.batches import Batch, BatchLocation
from inventory.models.locations import Location
from inventory.models.movements import Movement
from inventory.models.products import Barcode, Product, ShelfLife
from inventory.models.receiving import Receiving, ReceivingItem
from inventory.models.reservations import Reservation, ReservationItem
from inventory.models.sellers import Seller
from inventory.models.stock import Stock
from inventory.models.storefronts import Storefront, StorefrontProduct
from inventory.models.suppliers import Supplier
from inventory.models.warehouses import Warehouse

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
