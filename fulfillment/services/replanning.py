"""Picking tasks follow the promises they stand on: goods were taken from an order, or promised to it from another place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from fulfillment import events
from fulfillment.enums import OPEN_PICKING, PickingItemStatus
from fulfillment.locks import lock_picking_task
from fulfillment.models import Pick, PickingTask, PickingTaskItem
from fulfillment.services.progress import recount
from fulfillment.services.walks import stops_of, write_walk
from inventory import orchestrator
from inventory.orchestrator import ReservedItem
from warehouse.core.actor import Actor
from warehouse.core.documents import cancel, take
from warehouse.core.quantities import ZERO
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish

GOODS_TAKEN = "GOODS_TAKEN"


@operation()
def replan_picking(reservation_ids: Iterable[int], *, actor: Actor) -> int:
    """Make the open picking tasks of these reservations ask for what the reservations hold on the shelves now. Returns how many tasks changed.

    An item whose promise moved goes to the new place, or is split; what could not be promised anew is short (event picking.short) and the order needs
    attention. A task with nothing left to pick, of which nothing was picked, is cancelled (event picking.cancelled). Compares states, so it may be called
    again, late, or for a reservation that fulfilment itself released: then nothing changes. Locks each order with its task, in order of the orders' ids.
    """
    open_ = PickingTask.objects.filter(reservation_id__in=set(reservation_ids), status__in=sorted(OPEN_PICKING))
    return sum(_replan(task_id, actor) for task_id in list(open_.order_by("order_id", "pk").values_list("pk", flat=True)))


@dataclass(slots=True)
class _Change:
    """What became of the promises of one product: the new parts, the items that lost some, and rows that ask for nothing any more.

    `scanned` names the items that something was picked of, though it may be undone: they stay what they were.
    """

    fresh: list[ReservedItem] = field(default_factory=list)
    lost: list[tuple[PickingTaskItem, Decimal]] = field(default_factory=list)
    spare: list[PickingTaskItem] = field(default_factory=list)
    scanned: set[int] = field(default_factory=set)

    @property
    def missing(self) -> Decimal:
        return sum((quantity for _, quantity in self.lost), ZERO) - sum((part.quantity for part in self.fresh), ZERO)


def _replan(task_id: int, actor: Actor) -> bool:
    task = lock_picking_task(task_id)
    if not task.is_open:
        return False
    items = stops_of(task)
    changes = _compare(task, [item for item in items if item.status == PickingItemStatus.PENDING])
    if not changes:
        return False
    shorted: list[PickingTaskItem] = []
    for change in changes:
        shorted += _apply(task, change, items)
    write_walk(task, items)
    publish([events.short(task, item, item.remaining, GOODS_TAKEN) for item in shorted], actor=actor)
    if not any(item.status == PickingItemStatus.PENDING for item in items) and not any(item.quantity_picked for item in items):
        _give_up(task, actor)
    recount(task.order, actor=actor)
    return True


def _compare(task: PickingTask, pending: list[PickingTaskItem]) -> list[_Change]:
    """Where the pending items and the reservation disagree, by product. What was picked lies on the bench and is no item's any more."""
    picks = Pick.objects.filter(item__task=task).values_list("item", "reservation_item_id", "undone_at")
    scanned = {item for item, _, _ in picks}
    on_the_bench = {part for _, part, undone_at in picks if undone_at is None}
    held = {part.id: part for part in orchestrator.get_reserved_items(task.reservation_id) if part.id not in on_the_bench}
    changes: dict[int, _Change] = defaultdict(_Change)
    for item in pending:
        part = held.pop(item.reservation_item_id or 0, None)
        lost = item.remaining - (part.quantity if part is not None else ZERO)
        if lost > 0:
            changes[item.product_id].lost.append((item, lost))
            if item.pk in scanned:
                changes[item.product_id].scanned.add(item.pk)
    for part in held.values():
        changes[part.product_id].fresh.append(part)
    return list(changes.values())


def _apply(task: PickingTask, change: _Change, items: list[PickingTaskItem]) -> list[PickingTaskItem]:
    """Change the rows, in memory; what ends up asking for nothing leaves `items`, or is skipped when scans are kept with it.

    Returns the items that are short now.
    """
    for item, lost in change.lost:
        if lost == item.quantity_required:
            if item.pk in change.scanned:
                item.reservation_item_id, item.notes = None, GOODS_TAKEN
                take(item, "skip")
            else:
                change.spare.append(item)
        else:
            item.quantity_required -= lost
            if not item.remaining:
                item.reservation_item_id = None
                take(item, "finish")
    shorted = []
    if change.missing > 0:  # first, while the rows still name the places where it is missing
        short = _row(task, change, items)
        short.quantity_required, short.reservation_item_id = change.missing, None
        take(short, "fall_short")
        shorted.append(short)
    for part in change.fresh:
        _send(_row(task, change, items), part)
    for row in change.spare:
        items.remove(row)
        row.delete()
    return shorted


def _row(task: PickingTask, change: _Change, items: list[PickingTaskItem]) -> PickingTaskItem:
    """A row to be filled: one that asks for nothing any more, else a new one like the item that lost some."""
    if change.spare:
        return change.spare.pop(0)
    like = change.lost[-1][0] if change.lost else next((item for item in items if item.product_id == change.fresh[0].product_id), items[-1])
    row = PickingTaskItem(
        task=task,
        sequence=max(item.sequence for item in items) + 1,
        product_id=like.product_id,
        batch_id=like.batch_id,
        batch_location_id=like.batch_location_id,
        location=like.location,
        listing_id=like.listing_id,
    )
    items.append(row)
    return row


def _send(row: PickingTaskItem, part: ReservedItem) -> None:
    row.notes = f"instead of {row.location.code}"
    row.product_id, row.batch_id, row.batch_location_id, row.location_id = part.product_id, part.batch_id, part.batch_location_id, part.location_id
    row.quantity_required, row.reservation_item_id = part.quantity, part.id
    row.walk_position = None


def _give_up(task: PickingTask, actor: Actor) -> None:
    """Nobody needs to walk: nothing of it is promised, nothing was picked."""
    cancel(task, GOODS_TAKEN)
    publish([events.of_picking(events.PICKING_CANCELLED, task, reason=GOODS_TAKEN)], actor=actor)
