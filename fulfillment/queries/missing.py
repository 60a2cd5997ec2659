"""What of an order is on no task, and how that is said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from fulfillment.enums import PackingStatus, PickingItemStatus, PickingStatus, QualityStatus
from fulfillment.models import MissingGoods, Order, PickingTaskItem, QualityCheck
from warehouse.core.quantities import ZERO, plain

MESSAGE_LENGTH = 200


def on_no_task(order: Order) -> dict[int, Decimal]:
    """By product: what was ordered, less what tasks bring. Open items count as required, closed ones as picked, cancelled tasks not at all. Two statements."""
    open_: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for product_id, quantity in order.lines.values_list("product_id", "quantity"):
        open_[product_id] += quantity
    items = PickingTaskItem.objects.filter(task__order=order).exclude(task__status=PickingStatus.CANCELLED)
    put_back = QualityCheck.objects.filter(order=order, status=QualityStatus.CANCELLED).values("picking_task")
    items = items.exclude(task__packing_task__status=PackingStatus.CANCELLED).exclude(task__in=put_back)
    for product_id, status, required, picked in items.values_list("product_id", "status", "quantity_required", "quantity_picked"):
        open_[product_id] -= required if status == PickingItemStatus.PENDING else picked
    return open_


def said_of_missing(missing: Iterable[MissingGoods]) -> str:
    """What the order system is told of it: "Without 4 of MILK." """
    told = ", ".join(f"{plain(row.quantity)} of {row.product.sku}" for row in missing)
    text = f"Without {told}." if told else ""
    return text if len(text) <= MESSAGE_LENGTH else f"{text[: MESSAGE_LENGTH - 1]}…"
