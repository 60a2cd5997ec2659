"""The values that inventory's columns may have, with the groups that rules speak of beside them."""

from django.db.models import TextChoices


class BaseUnit(TextChoices):
    PIECE = "pcs", "pieces"
    KILOGRAM = "kg", "kilograms"
    GRAM = "g", "grams"
    LITRE = "l", "litres"
    MILLILITRE = "ml", "millilitres"
    METRE = "m", "metres"


class Rotation(TextChoices):
    FEFO = "fefo", "first expired, first out"
    FIFO = "fifo", "first in, first out"


class Condition(TextChoices):
    """How a place is kept. Docks, benches and transit have none (an empty string)."""

    AMBIENT = "ambient", "ambient"
    COOL = "cool", "cool"
    CHILLED = "chilled", "chilled"
    FROZEN = "frozen", "frozen"


class Phase(TextChoices):
    SEALED = "sealed", "sealed"
    OPENED = "opened", "opened"
    THAWED = "thawed", "thawed"


class PhaseChange(TextChoices):
    """What may be done to goods that makes them keep for another time."""

    FREEZE = "freeze", "freeze"
    THAW = "thaw", "thaw"
    OPEN = "open", "open"


class BarcodeKind(TextChoices):
    GTIN = "gtin", "GTIN"
    SUPPLIER = "supplier", "supplier's code"
    INTERNAL = "internal", "internal"


class WarehouseKind(TextChoices):
    WAREHOUSE = "warehouse", "warehouse"
    SHOP = "shop", "shop"


class LocationKind(TextChoices):
    RECEIVING = "receiving", "receiving dock"
    STORAGE = "storage", "storage"
    DISPLAY = "display", "display"
    PACKING = "packing", "packing bench"
    SHIPPING = "shipping", "shipping dock"
    QUARANTINE = "quarantine", "quarantine"
    TRANSIT = "transit", "transit"


PICKABLE_KINDS = {LocationKind.STORAGE, LocationKind.DISPLAY}


class BatchStatus(TextChoices):
    AVAILABLE = "available", "available"
    ON_HOLD = "on_hold", "on hold"
    RECALLED = "recalled", "recalled"


class BlockedReason(TextChoices):
    """Why the free goods of a BatchLocation are not for sale; the first that applies, in this order."""

    NONE = "", "none"
    RECALLED = "recalled", "recalled"
    HELD = "held", "on hold"
    PLACE = "place", "the place is not for picking"
    EXPIRED = "expired", "too short dated"


class StockStatus(TextChoices):
    IN_STOCK = "in_stock", "in stock"
    LOW_STOCK = "low_stock", "low"
    OUT_OF_STOCK = "out_of_stock", "out of stock"


class ReservationStatus(TextChoices):
    ACTIVE = "active", "active"
    FULFILLED = "fulfilled", "fulfilled"
    RELEASED = "released", "released"
    EXPIRED = "expired", "expired"


class MovementType(TextChoices):
    RECEIVING = "receiving", "receiving"
    TRANSFER_OUT = "transfer_out", "transfer out"
    TRANSFER_IN = "transfer_in", "transfer in"
    WRITE_OFF = "write_off", "write-off"
    RETURN_TO_STOCK = "return_to_stock", "return to stock"
    ADJUSTMENT = "adjustment", "adjustment"
    RESERVATION = "reservation", "reservation"
    RELEASE = "release", "release"
    PICK = "pick", "pick"
    PUT_BACK = "put_back", "put back"
    SALE = "sale", "sale"
    OFFLINE_SALE = "offline_sale", "offline sale"
    MIX_OUT = "mix_out", "mixed from"
    MIX_IN = "mix_in", "mixed into"
    PHASE_CHANGE = "phase_change", "phase change"


class ReceivingStatus(TextChoices):
    DRAFT = "draft", "draft"
    IN_PROGRESS = "in_progress", "in progress"
    CONFIRMED = "confirmed", "confirmed"
    CANCELLED = "cancelled", "cancelled"


OPEN_RECEIVINGS = {ReceivingStatus.DRAFT, ReceivingStatus.IN_PROGRESS}


class TransferStatus(TextChoices):
    DRAFT = "draft", "draft"
    SENT = "sent", "sent"
    RECEIVED = "received", "received"
    CANCELLED = "cancelled", "cancelled"


class WriteOffStatus(TextChoices):
    DRAFT = "draft", "draft"
    AWAITING_APPROVAL = "awaiting_approval", "awaiting approval"
    CONFIRMED = "confirmed", "confirmed"
    CANCELLED = "cancelled", "cancelled"


OPEN_WRITE_OFFS = {WriteOffStatus.DRAFT, WriteOffStatus.AWAITING_APPROVAL}


class WriteOffReason(TextChoices):
    EXPIRED = "expired", "expired"
    DAMAGED = "damaged", "damaged"
    QUALITY_ISSUE = "quality_issue", "quality issue"
    LOST = "lost", "lost"
    LOST_IN_TRANSIT = "lost_in_transit", "lost in transit"
    THEFT = "theft", "theft"
    SAMPLE = "sample", "sample"
    OTHER = "other", "other (say what)"


class WriteOffOrigin(TextChoices):
    """Who made the paper: a person, the job for what has expired, or another document."""

    MANUAL = "manual", "by hand"
    EXPIRY = "expiry", "the expiry job"
    RETURN = "return", "a return"
    TRANSFER = "transfer", "a transfer"


class ReturnStatus(TextChoices):
    DRAFT = "draft", "draft"
    INSPECTED = "inspected", "inspected"
    COMPLETED = "completed", "completed"
    CANCELLED = "cancelled", "cancelled"


OPEN_RETURNS = {ReturnStatus.DRAFT, ReturnStatus.INSPECTED}


class ReturnDecision(TextChoices):
    RETURN_TO_SHELF = "return_to_shelf", "back to the shelf"
    RETURN_WITH_DISCOUNT = "return_with_discount", "back at a discount"
    WRITE_OFF = "write_off", "write off"


class ReturnCondition(TextChoices):
    """How returned goods looked to the one who inspected them."""

    INTACT = "intact", "intact"
    OPENED = "opened", "opened"
    DAMAGED = "damaged", "damaged"
    SPOILED = "spoiled", "spoiled"


class AuditStatus(TextChoices):
    DRAFT = "draft", "draft"
    IN_PROGRESS = "in_progress", "in progress"
    COMPLETED = "completed", "completed"
    CANCELLED = "cancelled", "cancelled"


class AuditScope(TextChoices):
    """What an audit counts; `cycle` is what moved most since it was last counted."""

    WAREHOUSE = "warehouse", "the whole warehouse"
    ZONE = "zone", "a zone"
    LOCATIONS = "locations", "places"
    PRODUCTS = "products", "products"
    CYCLE = "cycle", "what moved most"


class AuditLineStatus(TextChoices):
    PENDING = "pending", "to be counted"
    COUNTED = "counted", "counted"
    RECOUNT = "recount", "to be counted again"


class Uncounted(TextChoices):
    """What a completed audit makes of the lines that nobody counted."""

    UNTOUCHED = "untouched", "left as they are"
    ZERO = "zero", "nothing is there"


class DiscountKind(TextChoices):
    PERCENT = "percent", "percent"
    FIXED = "fixed", "amount"


class DiscountReason(TextChoices):
    RETURNED_ITEM = "returned_item", "returned item"
    EXPIRING_SOON = "expiring_soon", "expiring soon"
    MANUAL = "manual", "manual"


class PriceField(TextChoices):
    """Which figure of a storefront's page a change of price is about."""

    PURCHASE = "purchase_price", "purchase price"
    PRICE = "price", "price"
    EFFECTIVE = "effective_price", "price after discounts"


class AlertKind(TextChoices):
    EXPIRING = "expiring", "expiring soon"
    EXPIRED = "expired", "expired"
    LOW_STOCK = "low_stock", "low stock"
    OUT_OF_STOCK = "out_of_stock", "out of stock"
    RESERVATION_OVERDUE = "reservation_overdue", "reservation overdue"


class Severity(TextChoices):
    INFO = "info", "info"
    WARNING = "warning", "warning"
    CRITICAL = "critical", "critical"


class DocumentType(TextChoices):
    """What a ledger line names as the paper behind it."""

    NONE = "", "none"
    RECEIVING = "receiving", "receiving"
    TRANSFER = "transfer", "transfer"
    WRITE_OFF = "write_off", "write-off"
    RETURN = "return", "return"
    AUDIT = "audit", "audit"
    OFFLINE_SALE = "offline_sale", "offline sale"
    MIXED_BATCH = "mixed_batch", "mixed batch"
    RESERVATION = "reservation", "reservation"
    PICKING_TASK = "picking_task", "picking task"
    PACKING_TASK = "packing_task", "packing task"
    QUALITY_CHECK = "quality_check", "quality check"
    PUT_BACK = "put_back", "put-back"
