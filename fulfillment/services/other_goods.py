"""Picking other goods than the task asks for: another lot, or the same from another place, with a reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fulfillment.errors import WrongScan
from fulfillment.locks import lock_picking_item
from fulfillment.models import Pick, PickingTaskItem
from fulfillment.services.picks import log_pick, require_left, take_from_shelf
from fulfillment.services.scans import names_goods
from fulfillment.services.totes import confirm_tote
from fulfillment.services.walks import added_stop, require_open, stops_of, write_walk
from inventory import orchestrator
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_reason, take
from warehouse.core.errors import Conflict
from warehouse.core.quantities import parse_quantity
from warehouse.core.transactions import operation

SHOWN = 80


@operation(Role.PICKER)
def pick_other(
    item_id: int,
    quantity: Any,
    *,
    actor: Actor,
    location_scan: str,
    product_scan: str,
    reason: str,
    tote_scan: str = "",
    expected_version: int | None = None,
) -> PickingTaskItem:
    """Take so much of an item from goods that the task does not ask for: another lot of the product, or another place. The promise moves to them first, so
    that what was asked for is free for others; the reason is kept with the promise and the item.

    A part of an item becomes an item of its own. In a batch the tote is confirmed as by `pick_item`. Returns the item that was picked. Locks order, task and
    item, then what inventory locks (ledger `release`, `reservation` and `pick`; event stock.reallocated). Raises WrongScan when the
    scans name no such goods, or more than one lot; ValidationFailed without a reason, or for one that is too long; Surplus; UnfitNow for goods that may not
    leave; InsufficientStock, naming who is promised them, when less of them is free.
    """
    amount = parse_quantity(quantity)
    reason = require_reason(reason)
    locked = lock_picking_item(item_id, expected_version, tote=tote_scan)
    item = locked.item
    require_open(item, actor)
    require_left(item, amount)
    other = _scanned(item, location_scan, product_scan)
    if confirm_tote(locked, tote_scan):
        item.task.save(update_fields=["tote_code"])
    assert item.reservation_item_id is not None
    promise = orchestrator.reallocate_item.inside(item.reservation_item_id, other.pk, reason=reason, actor=actor, quantity=amount)
    where = {"batch_id": other.batch_id, "batch_location_id": other.pk, "location_id": other.location_id}
    stops = stops_of(item.task, item)
    row = _row_for(item, amount, promise.pk, where, stops)
    _pick(row, amount, reason, stops, actor)
    return row


def find_other_goods(item: PickingTaskItem, location_scan: str, product_scan: str = "") -> Any:
    """The goods that the scans name, for showing them before they are picked: a BatchLocation; with the place alone one of those that lie there.

    Raises WrongScan as `pick_other`.
    """
    return _scanned(item, location_scan, product_scan) if product_scan else _place(item, location_scan)[0]


def _place(item: PickingTaskItem, scan: str) -> list[Any]:
    """What lies of the product in the scanned place."""
    found = orchestrator.find_by_scan(scan, warehouse_id=item.task.warehouse_id)
    if found.location_id is None:
        raise WrongScan(f"Scanned {scan.strip()[:SHOWN]!r}: scan the place where you take the goods.", scanned=scan.strip()[:SHOWN])
    rows = orchestrator.get_location_stock(found.location_id).filter(product=item.product_id, warehouse=item.task.warehouse_id)
    there = list(rows)
    if not there:
        raise WrongScan(
            f"By the books no {item.product.sku} lies in {scan.strip()[:SHOWN]}. Move it there first, or have the place counted.",
            scanned=scan.strip()[:SHOWN],
        )
    return there


def _scanned(item: PickingTaskItem, location_scan: str, product_scan: str) -> Any:
    """The goods that the scans name, by place and lot."""
    there = _place(item, location_scan)
    named = [row for row in there if names_goods(product_scan, product=item.product, batch=row.batch, warehouse_id=item.task.warehouse_id)]
    scanned = product_scan.strip()[:SHOWN]
    if not named:
        raise WrongScan(
            f"Scanned {scanned!r}: that is none of the lots of {item.product.sku} in {there[0].location.code}.",
            expected={"lot_number": [row.batch.lot_number for row in there]},
            scanned=scanned,
        )
    others = [row for row in named if row.pk != item.batch_location_id]
    if not others:
        raise Conflict("These are the goods that the task asks for: pick them as usual.", lot_number=item.batch.lot_number)
    if len(others) > 1:
        lots = [row.batch.lot_number for row in others]
        raise WrongScan(
            f"{len(others)} lots of {item.product.sku} lie in {others[0].location.code}: scan the lot, or a code that names it.",
            expected={"lot_number": lots},
            scanned=scanned,
        )
    return others[0]


def _row_for(item: PickingTaskItem, amount: Decimal, promise_id: int, where: dict[str, int], stops: list[PickingTaskItem]) -> PickingTaskItem:
    """The item itself, when other goods are picked for all of it; else a new one for the part."""
    if amount == item.quantity_required:
        item.reservation_item_id = promise_id
        item.batch_id, item.batch_location_id, item.location_id = where["batch_id"], where["batch_location_id"], where["location_id"]
        return item
    item.quantity_required -= amount
    if not item.remaining:
        item.reservation_item_id = None
        take(item, "finish")
    return added_stop(item, stops, amount, promise_id, **where)


def _pick(row: PickingTaskItem, amount: Decimal, reason: str, stops: list[PickingTaskItem], actor: Actor) -> None:
    picked = take_from_shelf(row, amount, actor)
    row.notes = reason
    write_walk(row.task, stops, standing_at=row.location_id)
    assert row.picked_at is not None
    Pick.objects.create(
        item=row,
        batch_location_id=picked.batch_location_id,
        reservation_item_id=picked.item_id,
        quantity=amount,
        picked_by_id=actor.user_id,
        picked_at=row.picked_at,
    )
    log_pick(row, amount)
