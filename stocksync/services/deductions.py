"""The deduction of a marketplace's order from our stock: once, whatever becomes of its acknowledgement."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from inventory import orchestrator
from inventory.orchestrator import InsufficientStock
from stocksync import events
from stocksync.enums import ChannelMode, DiscrepancyKind, Fulfilment, OperationType, RemoteState
from stocksync.locks import lock_order
from stocksync.models import ChannelOrder, ChannelOrderLine, PendingStockOperation
from stocksync.services.discrepancies import close_discrepancies, open_discrepancy
from stocksync.services.owed import owe
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, DomainError
from warehouse.core.order_events import ORDER_CONFIRMED
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish

# Why an order could not be deducted; each is over as soon as it is.
OBSTACLES = (DiscrepancyKind.NO_SKU, DiscrepancyKind.NO_STOCK, DiscrepancyKind.UNREADABLE, DiscrepancyKind.NOT_DEDUCTED, DiscrepancyKind.REFUSED)


@operation(Role.INTEGRATION)
def sync_stock_deduction(order_id: int, *, actor: Actor) -> PendingStockOperation | None:
    """Take an order's goods off our books, once, and owe the marketplace the acknowledgement, which the caller has told (`flows`). All or nothing.

    By `Channel.fulfilment`: this warehouse promises the goods under the order_ref and is asked by order.confirmed to send them; sent by somebody else, they
    leave the books at once, first expired first out. A line without a SKU that we know, without stock, or otherwise impossible opens a Discrepancy instead
    and returns None. A deducted order returns None and stays as it is. Locks the order, then what inventory locks. Raises NotFound; Conflict for an order
    that is cancelled, was given back, or is left alone, or of a channel that is not on.
    """
    order = lock_order(order_id)
    if order.channel.mode != ChannelMode.ON:
        raise Conflict(f"{order.channel} is {order.channel.mode}: switch it on to have its orders deducted.", mode=order.channel.mode)
    if order.left_alone:
        raise Conflict(f"Order {order} is left alone: it was dealt with elsewhere.", order=order.external_id)
    if order.state == RemoteState.CANCELLED:
        raise Conflict(f"Order {order} is cancelled at {order.channel}: there is nothing to deduct.", order=order.external_id)
    if order.reversed_at is not None:
        raise Conflict(f"The goods of order {order} were given back: it is not deducted a second time.", order=order.external_id)
    return deduct(order, actor=actor)


def deduct(order: ChannelOrder, *, actor: Actor) -> PendingStockOperation | None:
    """Deduct a locked order that is to be (see `sync_stock_deduction`)."""
    if order.deducted_at is not None:
        return None
    lines = [line for line in order.lines.all() if line.quantity]
    missing = [line for line in lines if not line.sku]
    if missing or not lines:
        names = ", ".join(line.name or line.offer_id or line.external_id for line in missing)
        detail = f"Lines without a SKU: {names}. Give the offers one, or book it by hand." if lines else "It has no lines."
        _stop(order, DiscrepancyKind.NO_SKU, detail, lines)
        return None
    try:
        with transaction.atomic():
            _take_goods(order, lines, actor)
    except DomainError as error:
        _stop(order, _kind_of(error), error.detail, lines)
        return None
    order.deducted_at, order.fulfilment = timezone.now(), order.channel.fulfilment
    order.save_changes("deducted_at", "fulfilment")
    close_discrepancies(order, *OBSTACLES)
    return owe(order, OperationType.DEDUCTION, order.revision, wanted_there=True, actor=actor)


def _take_goods(order: ChannelOrder, lines: Sequence[ChannelOrderLine], actor: Actor) -> None:
    """Promise or sell the goods of these lines. Raises what inventory refuses with; then nothing of it stands."""
    asked = events.lines_of([(line.sku, line.quantity) for line in lines], order.channel.warehouse.code)
    ordered = orchestrator.resolve_lines(asked)
    # The SKU may name another product since the order was noted.
    moved = []
    for line, known in zip(lines, ordered, strict=True):
        if line.product_id != known.product_id:
            line.product_id = known.product_id
            moved.append(line)
    ChannelOrderLine.objects.bulk_update(moved, ["product"])
    if order.channel.fulfilment == Fulfilment.WAREHOUSE:
        orchestrator.promise_order.inside(order.order_ref, ordered, actor=actor)
        publish([events.of_order(ORDER_CONFIRMED, order, lines=asked)], actor=actor)
    else:
        orchestrator.sell_for_order.inside(order.order_ref, ordered, actor=actor)


def _kind_of(error: DomainError) -> DiscrepancyKind:
    if isinstance(error, InsufficientStock):
        return DiscrepancyKind.NO_STOCK
    return DiscrepancyKind.NO_SKU if isinstance(error, orchestrator.UnknownProduct) else DiscrepancyKind.REFUSED


def _stop(order: ChannelOrder, kind: DiscrepancyKind, detail: str, lines: Sequence[ChannelOrderLine]) -> None:
    """Have a person look at a locked order that can't be deducted; another reason takes the place of the one before."""
    close_discrepancies(order, *(other for other in OBSTACLES if other != kind))
    there = {"status": order.status, "known": order.known_there, "lines": [str(line) for line in lines]}
    open_discrepancy(order, kind, detail, here={"deducted": False}, there=there)
