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


class DocumentType(TextChoices):
    """What a ledger line names as the paper behind it."""

    NONE = "", "none"
    RECEIVING = "receiving", "receiving"
    RESERVATION = "reservation", "reservation"
    PICKING_TASK = "picking_task", "picking task"
    PACKING_TASK = "packing_task", "packing task"
    PUT_BACK = "put_back", "put-back"
