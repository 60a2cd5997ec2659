"""The stops of a walk: who may change them, in which order they come, and stops that are added to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from fulfillment.enums import PickingItemStatus, PickingStatus
from fulfillment.models import PickingTask, PickingTaskItem
from fulfillment.services.workers import require_worker
from inventory import orchestrator
from warehouse.core.actor import Actor
from warehouse.core.errors import TransitionRefused

# Sequences are unique within a task at every moment: those that change step aside first.
ASIDE = 1_000_000
NEVER = datetime.min.replace(tzinfo=UTC)

_WRITTEN = [
    "product", "batch", "batch_location", "location", "quantity_required", "quantity_picked", "reservation_item_id", "status", "notes", "sequence",
    "picked_at", "deferred_at",
]  # fmt: skip


def require_walking(task: PickingTask, actor: Actor) -> None:
    """Raise TransitionRefused unless the task is being picked, PermissionDenied when somebody else picks it."""
    if task.status != PickingStatus.IN_PROGRESS:
        raise TransitionRefused(f"{task} is {task.get_status_display()}: nothing can be picked now.", status=task.status, asked="pick")
    require_worker(task, actor)


def require_open(item: PickingTaskItem, actor: Actor) -> None:
    """As `require_walking`; and raise TransitionRefused for an item that is done."""
    require_walking(item.task, actor)
    if item.status != PickingItemStatus.PENDING:
        raise TransitionRefused(f"Item {item.sequence} of {item.task} is {item.get_status_display()} already.", status=item.status, asked="pick")


def stops_of(task: PickingTask, item: PickingTaskItem | None = None) -> list[PickingTaskItem]:
    """All stops of a locked task in their order; `item` stands for its own row."""
    rows = list(task.items.select_related("location").order_by("sequence"))
    return [item if item is not None and row.pk == item.pk else row for row in rows]


def added_stop(
    item: PickingTaskItem, stops: list[PickingTaskItem], quantity: Decimal, reservation_item_id: int, **where: int | None
) -> PickingTaskItem:
    """A new stop for a part of what `item` asks for, last of `stops`; `where` says which goods, by the names of the columns."""
    names = ("product_id", "batch_id", "batch_location_id", "location_id")
    row = PickingTaskItem(
        task=item.task,
        sequence=max(stop.sequence for stop in stops) + 1,
        listing_id=item.listing_id,
        quantity_required=quantity,
        reservation_item_id=reservation_item_id,
        **{name: where.get(name) or getattr(item, name) for name in names},
    )
    stops.append(row)
    return row


def write_walk(task: PickingTask, stops: Sequence[PickingTaskItem], *, standing_at: int | None = None) -> None:
    """Save the stops of a locked task, the pending ones in walking order, and its counts. A number of statements that does not grow with them.

    Someone `standing_at` a location goes on from there: what lies behind comes after what lies ahead, and what was put off comes last.
    """
    places = orchestrator.places_of([*(stop.location_id for stop in stops), *([standing_at] if standing_at else [])])
    here = places[standing_at].walk if standing_at else (-1, "")
    pending = [stop for stop in stops if stop.status == PickingItemStatus.PENDING]
    sequences = sorted(stop.sequence for stop in pending)

    def order(stop: PickingTaskItem) -> tuple[datetime, bool, tuple[int, str], int]:
        walk = places[stop.location_id].walk
        return stop.deferred_at or NEVER, walk < here, walk, stop.sequence

    final = {id(stop): sequence for stop, sequence in zip(sorted(pending, key=order), sequences, strict=True)}
    for stop in pending:
        stop.sequence += ASIDE
    PickingTaskItem.objects.bulk_update([stop for stop in stops if stop.pk is not None], _WRITTEN)
    PickingTaskItem.objects.bulk_create(stop for stop in stops if stop.pk is None)
    for stop in pending:
        stop.sequence = final[id(stop)]
    PickingTaskItem.objects.bulk_update(pending, ["sequence"])
    task.total_items = len(stops)
    task.picked_items = len(stops) - len(pending)
    task.save_changes("total_items", "picked_items")
