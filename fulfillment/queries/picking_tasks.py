"""Reading picking tasks."""

from __future__ import annotations

from fulfillment.enums import PickingItemStatus
from fulfillment.models import PickingTaskItem


def next_item(task_id: int) -> PickingTaskItem | None:
    """The next stop of the walk, with product, batch and location; None when every item is done."""
    pending = PickingTaskItem.objects.filter(task=task_id, status=PickingItemStatus.PENDING)
    return pending.select_related("product", "batch", "location").order_by("sequence").first()
