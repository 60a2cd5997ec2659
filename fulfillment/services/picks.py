"""What a picker does with one item: pick it, or put it off. See `shorts` for what is not there, `other_goods` for what is picked instead."""

from __future__ import annotations

import logging
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from fulfillment.enums import PickingItemStatus
from fulfillment.errors import Surplus, WrongScan
from fulfillment.locks import lock_picking_item
from fulfillment.models import PickingTaskItem
from fulfillment.queries.picking_batches import remaining_stops
from fulfillment.services.scans import names_goods, names_place
from fulfillment.services.totes import confirm_tote
from fulfillment.services.walks import require_open
from inventory import orchestrator
from inventory.orchestrator import DocumentType, PickedItem
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_reason, take
from warehouse.core.errors import Conflict
from warehouse.core.quantities import parse_quantity, plain
from warehouse.core.transactions import operation

logger = logging.getLogger(__name__)


@operation(Role.PICKER)
def pick_item(
    item_id: int,
    quantity: Any,
    *,
    actor: Actor,
    location_scan: str,
    product_scan: str,
    tote_scan: str = "",
    notes: str = "",
    expected_version: int | None = None,
) -> PickingTaskItem:
    """Take goods of an item, all of it or a part, from the shelf to the bench: goods and promise move together (ledger `pick`).

    The scans are checked: the location by code or barcode; the goods by SKU, barcode, lot or a GS1 code; in a batch also the tote they were put into (see
    `totes`; the first one at a position is bound to the task). Locks order, task and item, then what inventory locks; `expected_version` is the task's. Raises
    WrongScan with what was expected, Surplus, TransitionRefused for a closed task, UnfitNow for goods that may not leave (report them short).
    """
    amount = parse_quantity(quantity)
    notes = require_reason(notes, needed=False, field="notes")
    locked = lock_picking_item(item_id, expected_version, barcode=product_scan.strip(), tote=tote_scan)
    item = locked.item
    require_open(item, actor)
    _check_location(item, location_scan)
    if not locked.knows_barcode and not names_goods(product_scan, product=item.product, batch=item.batch, warehouse_id=item.task.warehouse_id):
        raise WrongScan(
            f"Scanned {product_scan.strip()[:80]!r}: that is not {item.product}, {item.batch}.",
            expected={"sku": item.product.sku, "lot_number": item.batch.lot_number},
            scanned=product_scan.strip()[:80],
        )
    require_left(item, amount)
    confirm_tote(locked, tote_scan)
    picked = take_from_shelf(item, amount, actor)
    item.notes = notes or item.notes
    if not item.remaining:
        item.task.picked_items += 1
    _write_pick(item, picked, amount, actor)
    log_pick(item, amount)
    return item


@operation(Role.PICKER)
def defer_item(item_id: int, *, actor: Actor, expected_version: int | None = None) -> PickingTaskItem:
    """Put an item off to the end of the walk, in a batch to the end of its walk; it stays promised. Locks order, task and item. Raises Conflict when nothing
    else is left to pick before it."""
    item = lock_picking_item(item_id, expected_version).item
    require_open(item, actor)
    walk = remaining_stops(item.task.picking_batch_id) if item.task.picking_batch_id else item.task.items.filter(status=PickingItemStatus.PENDING)
    if not walk.exclude(pk=item.pk).exists():
        raise Conflict(f"{item.product.sku} in {item.location.code} is all that is left: pick it, or report it short.", item=item.pk)
    item.deferred_at = timezone.now()
    item.sequence = item.task.items.aggregate(last=Max("sequence"))["last"] + 1
    item.save(update_fields=["sequence", "deferred_at"])
    item.task.save_changes()
    return item


def require_left(item: PickingTaskItem, amount: Decimal) -> None:
    """Raise Surplus for more than the item still asks for."""
    if amount > item.remaining:
        raise Surplus(
            f"Only {plain(item.remaining)} of {item.product.sku} are still to be picked here, not {plain(amount)}.",
            missing=str(item.remaining),
            given=str(amount),
        )


def take_from_shelf(item: PickingTaskItem, amount: Decimal, actor: Actor) -> PickedItem:
    """So much of a locked item goes from the shelf to the bench with its promise. The caller saves the item, its task's counts and the scan."""
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
    if not item.remaining:
        take(item, "finish")
    return picked


def log_pick(item: PickingTaskItem, quantity: Decimal) -> None:
    """Say that so much of a saved item was picked, once it is committed."""
    if logger.isEnabledFor(logging.DEBUG):
        fields = {
            "order_id": item.task.order_id,
            "picking_task_id": item.task_id,
            "item_id": item.pk,
            "batch_id": item.batch_id,
            "quantity": plain(quantity),
            "remaining": plain(item.remaining),
        }
        transaction.on_commit(partial(logger.debug, "item picked", extra=fields))


def _check_location(item: PickingTaskItem, scan: str) -> None:
    if not names_place(scan, item.location):
        raise WrongScan(
            f"Scanned {scan.strip()[:80]!r}: go to {item.location.code}.",
            expected={"location": item.location.code, "barcode": item.location.barcode},
            scanned=scan.strip()[:80],
        )


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
    UPDATE fulfillment_pickingtask SET picked_items = %(done)s, tote_code = %(tote)s, version = %(version)s, updated_at = %(now)s WHERE id = %(task)s
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
        "tote": item.task.tote_code,
        "version": item.task.version,
        "task": item.task_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_PICK, parameters)
