"""The values that fulfilment's columns may have, with the groups that rules speak of beside them."""

from django.db.models import TextChoices

from warehouse.core import order_events

# Orders of the order system, whether its stream or its REST call brought them; it is told how they fare.
SOURCE_LISTINGS = order_events.SOURCE_LISTINGS


class Priority(TextChoices):
    LOW = "low", "low"
    NORMAL = "normal", "normal"
    HIGH = "high", "high"
    URGENT = "urgent", "urgent"


class OrderStatus(TextChoices):
    ACCEPTED = "accepted", "accepted"
    PICKING = "picking", "picking"
    PACKING = "packing", "packing"
    READY_FOR_SHIPMENT = "ready_for_shipment", "ready for shipment"
    SHIPPED = "shipped", "shipped"
    REJECTED = "rejected", "rejected"
    NEEDS_ATTENTION = "needs_attention", "needs attention"
    CANCELLED = "cancelled", "cancelled"


# Nothing more happens to them by itself, or perhaps not.
ORDERS_FOR_A_PERSON = {OrderStatus.REJECTED, OrderStatus.NEEDS_ATTENTION}

OPEN_ORDERS = {OrderStatus.ACCEPTED, OrderStatus.PICKING, OrderStatus.PACKING, OrderStatus.READY_FOR_SHIPMENT, OrderStatus.NEEDS_ATTENTION}


class PickingStatus(TextChoices):
    PENDING = "pending", "pending"
    ASSIGNED = "assigned", "assigned"
    IN_PROGRESS = "in_progress", "in progress"
    COMPLETED = "completed", "completed"
    CANCELLED = "cancelled", "cancelled"


OPEN_PICKING = {PickingStatus.PENDING, PickingStatus.ASSIGNED, PickingStatus.IN_PROGRESS}


class RouteMethod(TextChoices):
    """How the order of the stops of a walk is found. The first is what places themselves say (`pick_sequence`), the rest are those of `fulfillment.routing`."""

    SEQUENCE = "sequence", "pick sequence of the places"
    EXACT = "exact", "shortest walk"
    S_SHAPE = "s_shape", "S-shape"
    RETURN = "return", "return"
    MIDPOINT = "midpoint", "midpoint"
    LARGEST_GAP = "largest_gap", "largest gap"


class BatchingMethod(TextChoices):
    """How orders are put together into walks: those of `fulfillment.routing.batching`."""

    FCFS = "fcfs", "first come, first served"
    SEED = "seed", "seed"
    SAVINGS = "savings", "savings"


class WaveStatus(TextChoices):
    PENDING = "pending", "planned"
    IN_PROGRESS = "in_progress", "released"
    COMPLETED = "completed", "completed"
    CANCELLED = "cancelled", "cancelled"


OPEN_WAVES = {WaveStatus.PENDING, WaveStatus.IN_PROGRESS}


class PickingItemStatus(TextChoices):
    PENDING = "pending", "pending"
    PICKED = "picked", "picked"
    SHORT = "short", "short"
    SKIPPED = "skipped", "skipped"


class PackingStatus(TextChoices):
    PENDING = "pending", "pending"
    IN_PROGRESS = "in_progress", "in progress"
    PACKED = "packed", "packed"
    SHIPPED = "shipped", "shipped"
    CANCELLED = "cancelled", "cancelled"


OPEN_PACKING = {PackingStatus.PENDING, PackingStatus.IN_PROGRESS, PackingStatus.PACKED}


class PackingItemStatus(TextChoices):
    PENDING = "pending", "pending"
    FULLY_PACKED = "fully_packed", "fully packed"


class PackagingType(TextChoices):
    BOX = "box", "box"
    BAG = "bag", "bag"
    ENVELOPE = "envelope", "envelope"
    PALLET = "pallet", "pallet"
    CUSTOM = "custom", "custom"


class ShipmentStatus(TextChoices):
    REQUESTED = "requested", "requested"
    CREATED = "created", "created"
    HANDED_OVER = "handed_over", "handed over"
    DELIVERED = "delivered", "delivered"
    RETURNED = "returned", "returned"
    CANCELLED = "cancelled", "cancelled"
    VOID_REQUESTED = "void_requested", "void requested"
    VOIDED = "voided", "voided"


# Shipments about which a worker has something to say to the carrier.
OWED_SHIPMENTS = {ShipmentStatus.REQUESTED, ShipmentStatus.VOID_REQUESTED}

# A package has at most one shipment in these states.
LIVING_SHIPMENTS = {ShipmentStatus.REQUESTED, ShipmentStatus.CREATED, ShipmentStatus.HANDED_OVER, ShipmentStatus.DELIVERED, ShipmentStatus.RETURNED}


class PutBackStatus(TextChoices):
    PENDING = "pending", "pending"
    DONE = "done", "done"


class QualityStatus(TextChoices):
    PENDING = "pending", "to be checked"
    IN_PROGRESS = "in_progress", "being checked"
    PASSED = "passed", "passed"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"


OPEN_QUALITY = {QualityStatus.PENDING, QualityStatus.IN_PROGRESS}


class QualityDecision(TextChoices):
    """What becomes of goods that failed; they lie in quarantine by then."""

    REPICK = "repick", "pick others"
    WRITE_OFF = "write_off", "write off and pick others"
    HOLD = "hold", "hold the lot and pick others"


class LabelFormat(TextChoices):
    ZPL = "zpl", "ZPL"
    PDF = "pdf", "PDF"
    PNG = "png", "PNG"


class LabelKind(TextChoices):
    SHIPPING = "shipping", "shipping label"
    RETURN = "return", "return label"


class PrintStatus(TextChoices):
    QUEUED = "queued", "queued"
    SENDING = "sending", "being sent"
    PRINTED = "printed", "sent to the printer"
    FAILED = "failed", "failed"


class DisagreementKind(TextChoices):
    """What the order system says of an order and what we say, where no rule settles it."""

    NOT_TAKEN_IN = "not_taken_in", "can't be taken in"
    UNREADABLE = "unreadable", "can't be read there"
    GONE_ALREADY = "gone_already", "cancelled there, gone here"
    CANCELLED_HERE = "cancelled_here", "cancelled here, wanted there"
    CLOSED_THERE = "closed_there", "closed there, open here"
    UNKNOWN_THERE = "unknown_there", "not known there"
