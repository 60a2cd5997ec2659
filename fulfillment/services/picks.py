"""What a picker does with one item: pick it, report it short, skip it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from fulfillment import events
from fulfillment.enums import PickingItemStatus, PickingStatus
from fulfillment.errors import Surplus, WrongScan
from fulfillment.locks import lock_picking_item
from fulfillment.models import PickingTaskItem
from fulfillment.services.scans import names_goods, names_place
from fulfillment.services.workers import require_worker
from inventory import orchestrator
from inventory.orchestrator import DocumentType, PickedItem
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import take
from warehouse.core.errors import Conflict, TransitionRefused
from warehouse.core.quantities import parse_quantity, plain
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish


@operation(Role.PICKER)
def pick_item(
    item_id: int, quantity: Any, *, actor: Actor, location_scan: str, product_scan: str, notes: str = "", expected_version: int | None = None
) -> PickingTaskItem:
    """Take goods of an item, all of it or a part, from the shelf to the bench: goods and promise move together (ledger `pick`).

    Both scans are checked: the location by code or barcode; the goods by SKU, barcode, lot or a GS1 code. Locks order, task and item, then what
    inventory locks; `expected_version` is the task's. Raises WrongScan with what was expected, Surplus, TransitionRefused for a closed task, UnfitNow
    for goods that may not leave (report them short).
    """
    amount = parse_quantity(quantity)
    item, knows_barcode = lock_picking_item(item_id, expected_version, barcode=product_scan.strip())
    _require_open(item, actor)
    _check_location(item, location_scan)
    if not knows_barcode and not names_goods(product_scan, product=item.product, batch=item.batch, warehouse_id=item.task.warehouse_id):
        raise WrongScan(
            f"Scanned {product_scan.strip()[:80]!r}: that is not {item.product}, {item.batch}.",
            expected={"sku": item.product.sku, "lot_number": item.batch.lot_number},
            scanned=product_scan.strip()[:80],
        )
    if amount > item.remaining:
        raise Surplus(
            f"Only {plain(item.remaining)} of {item.product.sku} are still to be picked here, not {plain(amount)}.",
            missing=str(item.remaining),
            given=str(amount),
        )
    assert item.reservation_item_id is not None
    assert item.task.packing_location_id is not None
    picked = orchestrator.pick_reserved.inside(
        item.reservation_item_id,
        amount,
        warehouse_id=item.task.warehouse_id,
        product_id=item.product_id,
        to_location_id=item.task.packing_location_id,
        document_type=DocumentType.PICKING_TASK,
        document_id=item.task_id,
        actor=actor,
    )
    item.quantity_picked += amount
    item.reservation_item_id = picked.remaining_item_id
    item.picked_at = timezone.now()
    item.notes = notes[:200] or item.notes
    if not item.remaining:
        _done(item, "finish")
    _write_pick(item, picked, amount, actor)
    return item


@operation(Role.PICKER)
def short_item(item_id: int, *, actor: Actor, notes: str = "", expected_version: int | None = None) -> PickingTaskItem:
    """There is less on the shelf than the item asks for: what is missing is released, and the order goes on with less.

    Locks order, task and item, then what inventory locks. Events picking.short, inventory.released.
    """
    return _give_up(item_id, "fall_short", "PICKING_SHORT", actor, notes, expected_version)


@operation(Role.PICKER)
def skip_item(item_id: int, *, actor: Actor, notes: str = "", expected_version: int | None = None) -> PickingTaskItem:
    """The item will not be picked at all; final. Its promise is released. Raises Conflict when some of it was picked: that is short.

    Locks order, task and item, then what inventory locks. Events picking.short, inventory.released.
    """
    return _give_up(item_id, "skip", "PICKING_SKIPPED", actor, notes, expected_version)


def _give_up(item_id: int, transition: str, reason: str, actor: Actor, notes: str, expected_version: int | None) -> PickingTaskItem:
    item, _ = lock_picking_item(item_id, expected_version)
    _require_open(item, actor)
    if transition == "skip" and item.quantity_picked:
        raise Conflict(f"{plain(item.quantity_picked)} of it were picked already: report it short instead.", picked=str(item.quantity_picked))
    assert item.reservation_item_id is not None
    missing: Decimal = item.remaining
    orchestrator.release_items.inside(item.task.reservation_id, {item.reservation_item_id: missing}, reason=reason, actor=actor, for_order=True)
    item.reservation_item_id = None
    item.notes = notes[:200] or item.notes
    _done(item, transition)
    _save(item)
    publish([events.short(item.task, item, missing, reason)], actor=actor)
    return item


def _require_open(item: PickingTaskItem, actor: Actor) -> None:
    task = item.task
    if task.status != PickingStatus.IN_PROGRESS:
        raise TransitionRefused(f"{task} is {task.get_status_display()}: nothing can be picked now.", status=task.status, asked="pick")
    require_worker(task, actor)
    if item.status != PickingItemStatus.PENDING:
        raise TransitionRefused(f"Item {item.sequence} of {task} is {item.get_status_display()} already.", status=item.status, asked="pick")


def _check_location(item: PickingTaskItem, scan: str) -> None:
    if not names_place(scan, item.location):
        raise WrongScan(
            f"Scanned {scan.strip()[:80]!r}: go to {item.location.code}.",
            expected={"location": item.location.code, "barcode": item.location.barcode},
            scanned=scan.strip()[:80],
        )


def _done(item: PickingTaskItem, transition: str) -> None:
    take(item, transition)
    item.task.picked_items += 1


def _save(item: PickingTaskItem) -> None:
    item.save(update_fields=["status", "reservation_item_id", "notes"])
    item.task.save_changes("picked_items")


# The scan, the item and the task: three rows in one statement, because a picker waits for it.
_WRITE_PICK = """
    WITH pick AS (
        INSERT INTO fulfillment_pick (item_id, batch_location_id, reservation_item_id, quantity, picked_by_id, picked_at)
        VALUES (%(item)s, %(bench)s, %(promise)s, %(quantity)s, %(user)s, %(now)s)
    ), item AS (
        UPDATE fulfillment_pickingtaskitem
        SET quantity_picked = %(picked)s, reservation_item_id = %(remaining)s, status = %(status)s, picked_at = %(now)s, notes = %(notes)s
        WHERE id = %(item)s
    )
    UPDATE fulfillment_pickingtask SET picked_items = %(done)s, version = %(version)s, updated_at = %(now)s WHERE id = %(task)s
"""


def _write_pick(item: PickingTaskItem, picked: PickedItem, quantity: Decimal, actor: Actor) -> None:
    item.task.version += 1
    parameters: dict[str, Any] = {
        "item": item.pk,
        "bench": picked.batch_location_id,
        "promise": picked.item_id,
        "quantity": quantity,
        "user": actor.user_id,
        "now": item.picked_at,
        "picked": item.quantity_picked,
        "remaining": item.reservation_item_id,
        "status": str(item.status),
        "notes": item.notes,
        "done": item.task.picked_items,
        "version": item.task.version,
        "task": item.task_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_PICK, parameters)
