"""Goods that are not where they should be: other goods are promised, and the place is to be counted."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from fulfillment import events
from fulfillment.enums import PickingItemStatus
from fulfillment.locks import lock_picking_item
from fulfillment.models import PickingTask, PickingTaskItem
from fulfillment.services.progress import recount
from fulfillment.services.walks import added_stop, require_open, stops_of, write_walk
from inventory import orchestrator
from inventory.orchestrator import ShortPart
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_reason, take
from warehouse.core.errors import Conflict
from warehouse.core.quantities import plain
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish

SHORT, SKIPPED, CLOSED = "PICKING_SHORT", "PICKING_SKIPPED", "PICKING_CLOSED"


@operation(Role.PICKER)
def short_item(item_id: int, *, actor: Actor, notes: str = "", expected_version: int | None = None) -> PickingTaskItem:
    """There is less on the shelf than the item asks for: what is missing is promised from the next sellable goods, as new items of the same task.

    No place where goods of the product were missed on this walk is offered again. The place is asked to be counted (not where its goods may not leave:
    then they are there). What can't be promised anew is released; the order goes on with less, and needs attention. Locks order, task and item, then what
    inventory locks. Events picking.short, stock.reallocated, inventory.count.requested; for what is released inventory.released, order.needs_attention.
    Raises PromiseMoved when other goods are promised instead by now.
    """
    notes = require_reason(notes, needed=False, field="notes")
    item = lock_picking_item(item_id, expected_version).item
    require_open(item, actor)
    assert item.reservation_item_id is not None
    missed = item.remaining
    part = orchestrator.reallocate_short.inside(item.reservation_item_id, missed, reason=SHORT, actor=actor, avoid=_missed_before(item))
    item.reservation_item_id = None
    item.notes = notes or item.notes
    take(item, "fall_short")
    _send_on(item, part)
    if not part.unfit:
        reason = f"{item.task}: {plain(missed)} of {item.product.sku} missing"
        orchestrator.request_count.inside(item.location_id, item.product_id, reason=reason, actor=actor)
    publish([events.short(item.task, item, missed, SHORT, missing=part.missing)], actor=actor)
    if part.missing:
        recount(item.task.order, actor=actor)
    return item


@operation(Role.PICKER)
def skip_item(item_id: int, *, actor: Actor, notes: str = "", expected_version: int | None = None) -> PickingTaskItem:
    """The item will not be picked at all; final. Its promise is released, the order goes without it and needs attention.

    Raises Conflict when some of it was picked: that is short. Locks order, task and item, then what inventory locks. Events picking.short,
    inventory.released, order.needs_attention.
    """
    notes = require_reason(notes, needed=False, field="notes")
    item = lock_picking_item(item_id, expected_version).item
    require_open(item, actor)
    if item.quantity_picked:
        raise Conflict(f"{plain(item.quantity_picked)} of it were picked already: report it short instead.", picked=str(item.quantity_picked))
    assert item.reservation_item_id is not None
    missed = item.remaining
    orchestrator.release_items.inside(item.task.reservation_id, {item.reservation_item_id: missed}, reason=SKIPPED, actor=actor, for_order=True)
    item.reservation_item_id = None
    item.notes = notes or item.notes
    take(item, "skip")
    item.task.picked_items += 1
    item.save(update_fields=["status", "reservation_item_id", "notes"])
    item.task.save_changes("picked_items")
    publish([events.short(item.task, item, missed, SKIPPED)], actor=actor)
    recount(item.task.order, actor=actor)
    return item


def close_short(task: PickingTask, left: Sequence[PickingTaskItem], reason: str, *, actor: Actor) -> None:
    """Give up what is left of a locked task: its promises are released, its items are short. The caller saves the task and recounts the order.

    Events picking.short for each item, inventory.released. The number of statements does not grow with the items.
    """
    quantities: dict[int, Decimal] = {item.reservation_item_id: item.remaining for item in left if item.reservation_item_id is not None}
    orchestrator.release_items.inside(task.reservation_id, quantities, reason=reason, actor=actor, for_order=True)
    told = [events.short(task, item, item.remaining, CLOSED) for item in left]
    for item in left:
        item.reservation_item_id, item.notes = None, reason
        take(item, "fall_short")
    PickingTaskItem.objects.bulk_update(left, ["status", "reservation_item_id", "notes"])
    task.picked_items += len(left)
    publish(told, actor=actor)


def _missed_before(item: PickingTaskItem) -> list[int]:
    """Where goods of the product were missed on this walk."""
    short = PickingTaskItem.objects.filter(task=item.task, product=item.product_id, status=PickingItemStatus.SHORT)
    return list(short.values_list("batch_location_id", flat=True))


def _send_on(item: PickingTaskItem, part: ShortPart) -> None:
    """Save the short item, and a stop for each part of what was missing that lies elsewhere."""
    stops = stops_of(item.task, item)
    for moved in part.moved:
        where = {"batch_id": moved.batch_id, "batch_location_id": moved.batch_location_id, "location_id": moved.location_id}
        added_stop(item, stops, moved.quantity, moved.id, **where).notes = f"instead of {item.location.code}"
    write_walk(item.task, stops, standing_at=item.location_id)
