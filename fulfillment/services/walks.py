"""The stops of a walk: who may change them, in which order they come, and stops that are added to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from fulfillment.enums import PickingItemStatus, PickingStatus
from fulfillment.models import PickingTask, PickingTaskItem
from fulfillment.services.batch_walks import place_stops
from fulfillment.services.planning import plan_walk
from fulfillment.services.workers import require_worker
from inventory import orchestrator
from warehouse.core.actor import Actor
from warehouse.core.errors import TransitionRefused

# Sequences are unique within a task at every moment: those that change step aside first.
ASIDE = 1_000_000
NEVER = datetime.min.replace(tzinfo=UTC)

_WRITTEN = [
    "product", "batch", "batch_location", "location", "quantity_required", "quantity_picked", "reservation_item_id", "status", "notes", "sequence",
    "picked_at", "deferred_at", "walk_position",
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


def begin_walk(task: PickingTask) -> None:
    """Put the pending stops of a locked task into the order in which its warehouse wants them walked, and note how long that walk is; the caller saves the
    task. Five statements at most, whatever the number of stops.

    Only now, not when the order is taken in: docs/decisions/routes-at-start.md.
    """
    stops = list(task.items.filter(status=PickingItemStatus.PENDING).order_by("sequence"))
    plan = plan_walk(task.warehouse_id, [stop.location_id for stop in stops])
    task.route_method, task.route_length, task.shortest_length = plan.method, plan.length, plan.shortest
    walked = [stops[index] for index in plan.order]
    if walked != stops:
        sequences = [stop.sequence for stop in stops]
        _step_aside(stops)
        PickingTaskItem.objects.bulk_update(stops, ["sequence"])
        _number(walked, sequences)


def write_walk(task: PickingTask, stops: Sequence[PickingTaskItem], *, standing_at: int | None = None) -> None:
    """Save the stops of a locked task, the pending ones in walking order, and its counts. A number of statements that does not grow with them.

    Of a walk that has begun the rest is planned anew, from where the picker is `standing_at`, else from the place of the last scan; what was put off comes last.
    In a batch that is walked, stops that have no place in its walk yet get one, and that alone counts.
    """
    pending = [stop for stop in stops if stop.status == PickingItemStatus.PENDING]
    sequences = sorted(stop.sequence for stop in pending)
    if task.status != PickingStatus.IN_PROGRESS:
        walked = _as_taken_in(pending)
    elif task.picking_batch_id is None:
        walked = _rest_of_walk(task, stops, standing_at)
    else:
        walked = sorted(pending, key=lambda stop: stop.sequence)
        place_stops(task, stops, standing=standing_at)
    _step_aside(pending)
    PickingTaskItem.objects.bulk_update([stop for stop in stops if stop.pk is not None], _WRITTEN)
    PickingTaskItem.objects.bulk_create(stop for stop in stops if stop.pk is None)
    _number(walked, sequences)
    task.total_items = len(stops)
    task.picked_items = len(stops) - len(pending)
    task.save_changes("total_items", "picked_items")


def _rest_of_walk(task: PickingTask, stops: Sequence[PickingTaskItem], standing_at: int | None) -> list[PickingTaskItem]:
    scanned = [stop for stop in stops if stop.picked_at is not None]
    last = max(scanned, key=lambda stop: stop.picked_at or NEVER).location_id if scanned else None
    ahead = [stop for stop in stops if stop.status == PickingItemStatus.PENDING]
    ahead.sort(key=lambda stop: stop.sequence)
    now = [stop for stop in ahead if stop.deferred_at is None]
    plan = plan_walk(task.warehouse_id, [stop.location_id for stop in now], standing_at=standing_at or last)
    return [now[index] for index in plan.order] + sorted((stop for stop in ahead if stop.deferred_at), key=lambda stop: stop.deferred_at or NEVER)


def _as_taken_in(pending: Sequence[PickingTaskItem]) -> list[PickingTaskItem]:
    places = orchestrator.places_of(stop.location_id for stop in pending)
    return sorted(pending, key=lambda stop: (stop.deferred_at or NEVER, places[stop.location_id].walk, stop.sequence))


def _step_aside(stops: Sequence[PickingTaskItem]) -> None:
    for stop in stops:
        stop.sequence += ASIDE


def _number(walked: Sequence[PickingTaskItem], sequences: Sequence[int]) -> None:
    for stop, sequence in zip(walked, sequences, strict=True):
        stop.sequence = sequence
    PickingTaskItem.objects.bulk_update(walked, ["sequence"])
