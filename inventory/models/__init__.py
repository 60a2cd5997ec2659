from inventory.models.alerts import Alert, AlertMessage
from inventory.models.audits import Audit, AuditLine
from inventory.models.batches import Batch, BatchLocation
from inventory.models.count_requests import CountRequest
from inventory.models.locations import Location
from inventory.models.mixed_batches import BatchComponent, MixedBatch
from inventory.models.movements import Movement
from inventory.models.offline_sales import OfflineSale
from inventory.models.past_clocks import PastClock
from inventory.models.pricing import Discount, MarkdownStep, PriceChange
from inventory.models.products import Barcode, Product, ShelfLife
from inventory.models.receiving import Receiving, ReceivingItem
from inventory.models.reservations import Reservation, ReservationItem
from inventory.models.returns import Return, ReturnItem
from inventory.models.sellers import Seller
from inventory.models.stock import Stock
from inventory.models.storefronts import Storefront, StorefrontProduct
from inventory.models.suppliers import Supplier
from inventory.models.transfers import Transfer, TransferItem
from inventory.models.warehouses import Warehouse
from inventory.models.write_offs import WriteOff, WriteOffItem

__all__ = [
    "Alert",
    "AlertMessage",
    "Audit",
    "AuditLine",
    "Barcode",
    "Batch",
    "BatchComponent",
    "BatchLocation",
    "CountRequest",
    "Discount",
    "Location",
    "MarkdownStep",
    "MixedBatch",
    "Movement",
    "OfflineSale",
    "PastClock",
    "PriceChange",
    "Product",
    "Receiving",
    "ReceivingItem",
    "Reservation",
    "ReservationItem",
    "Return",
    "ReturnItem",
    "Seller",
    "ShelfLife",
    "Stock",
    "Storefront",
    "StorefrontProduct",
    "Supplier",
    "Transfer",
    "TransferItem",
    "Warehouse",
    "WriteOff",
    "WriteOffItem",
]
