"""Goods that were sold under an order and never left their places: back onto the books, where they lie."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone

from inventory import events
from inventory.enums import MovementType
from inventory.errors import MoreThanShipped
from inventory.locks import lock_returns_of, share_batches, share_locations, share_products
from inventory.models import BatchLocation, Location, PastClock, Product
from inventory.queries.returns import Shipped, SoldFrom, balance_of, places_sold_from, shipped_under, sold_from
from inventory.stock.gate import lock_stock
from inventory.stock.place import blocked_reason, clock_of, lives_of, require_welcome
from inventory.stock.post import Entry, Header, block, post
from inventory.stock.shelf_life import Clock, Lives, as_decimal, poured
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_reason
from warehouse.core.errors import NotFound
from warehouse.core.quantities import ZERO, plain, require_step
from warehouse.core.transactions import operation

_JUDGED = ["consumed_fraction", "clock_started_at", "clock_condition", "not_after", "frozen_at", "effective_expires_at", "received_at"]


@dataclass(frozen=True, slots=True)
class CameBack:
    """So much of a batch that is on the books again in the place it was sold from; `blocked_reason` says why it is not for sale there, if it is not."""

    product_id: int
    batch_id: int
    batch_location_id: int
    warehouse_id: int
    quantity: Decimal
    blocked_reason: str


@operation(Role.INTEGRATION)
def return_sold(order_ref: str, quantities: Mapping[int, Decimal] | None, *, reason: str, actor: Actor) -> list[CameBack]:
    """Take back what was sold under an order that somebody else was to send, and did not: to the very batches and places it was sold from.

    `quantities` by product, what was sold last first; None for all that is still out, which may be nothing: twice is once. What came back before, and what
    stands in open returns of the order, is not out any more.

    The goods come back whatever has become of their place or batch, and are for sale only if these are. They lay there all the time, so their clock has run
    on; where other goods of the batch were brought meanwhile, all of them have the worse of both clocks.

    Takes the lock of the order's returns, the products FOR KEY SHARE, the batches FOR SHARE, the gates, then the places FOR SHARE: who calls it inside an
    operation that takes gates (`sell_for_order` does) calls it before them. Ledger `return_to_stock` without a document; events stock.received,
    stock.changed. The number of statements does not grow with the lines. Raises MoreThanShipped naming every product of which less is out;
    ValidationFailed without a reason or off a product's step; PlaceNotAllowed when a place is kept in another condition by now, in which the goods may not
    live: bring these back by a return.
    """
    reason = require_reason(reason)
    lock_returns_of(order_ref)
    shipped = shipped_under(order_ref)
    products = share_products({row.product_id for row in shipped} | set(quantities or ()))
    asked = _all_out(shipped) if quantities is None else _judged(order_ref, quantities, shipped, products)
    parts = _newest_first(order_ref, asked, shipped)
    if not parts:
        return []
    share_batches({sold.batch_id for sold, _ in parts})
    lock_stock({sold.key for sold, _ in parts})
    reasons = _prepare(order_ref, [sold for sold, _ in parts], actor)
    header = Header(actor=actor, fact=events.STOCK_RECEIVED, order_ref=order_ref, reason=reason)
    post([Entry(sold.batch_location_id, MovementType.RETURN_TO_STOCK, quantity, ZERO) for sold, quantity in parts], header)
    return [
        CameBack(sold.product_id, sold.batch_id, sold.batch_location_id, sold.warehouse_id, quantity, reasons[sold.batch_location_id])
        for sold, quantity in parts
    ]


def _all_out(shipped: Iterable[Shipped]) -> dict[int, Decimal]:
    out: dict[int, Decimal] = defaultdict(Decimal)
    for row in shipped:
        out[row.product_id] += max(row.free, ZERO)
    return out


def _judged(order_ref: str, quantities: Mapping[int, Decimal], shipped: Sequence[Shipped], products: Mapping[int, Product]) -> Mapping[int, Decimal]:
    out = _all_out(shipped)
    faults: list[dict[str, Any]] = []
    for product_id, quantity in quantities.items():
        product = products.get(product_id)
        if product is None:
            raise NotFound(f"There is no product {product_id}.", product=product_id)
        require_step(quantity, product.quantity_step, sku=product.sku, zero_allowed=False)
        if quantity > out.get(product_id, ZERO):
            mine = [row for row in shipped if row.product_id == product_id]
            free = sum((max(row.free, ZERO) for row in mine), ZERO)
            faults.append({"sku": product.sku, "asked": plain(quantity), "may_come_back": plain(free), **balance_of(mine)})
    if faults:
        raise MoreThanShipped(f"More than was sold under {order_ref} and is still out", faults)
    return quantities


def _newest_first(order_ref: str, asked: Mapping[int, Decimal], shipped: Iterable[Shipped]) -> list[tuple[SoldFrom, Decimal]]:
    """How much goes back to which place: what was sold last first, of each batch no more than is out."""
    if not any(asked.values()):
        return []
    missing = dict(asked)
    out = {row.batch_id: row.free for row in shipped}
    parts: dict[int, tuple[SoldFrom, Decimal]] = {}
    for sold in sold_from(order_ref):
        part = min(sold.out, missing.get(sold.product_id, ZERO), out[sold.batch_id])
        if part > 0:
            missing[sold.product_id] -= part
            out[sold.batch_id] -= part
            before = parts[sold.batch_location_id][1] if sold.batch_location_id in parts else ZERO
            parts[sold.batch_location_id] = sold, before + part
    return list(parts.values())


def _prepare(order_ref: str, parts: Sequence[SoldFrom], actor: Actor) -> dict[int, str]:
    """Judge the places of these goods as if they had lain there all the time, behind the gates; returns why they are not for sale, by BatchLocation.

    What lies in an empty place is judged by nobody: its batch may have been held, its place closed, its product's rules changed since.
    """
    now = timezone.now()
    places = share_locations({sold.location_id for sold in parts})
    wanted = {sold.batch_location_id for sold in parts}
    rows: dict[int, BatchLocation] = {}
    held: dict[int, list[BatchLocation | PastClock]] = defaultdict(list)
    for row, keeper in places_sold_from(order_ref, {sold.batch_id for sold in parts}):
        if row.pk in wanted:
            rows[row.pk] = row
            held[row.pk].append(keeper)
    lives = lives_of({row.batch_id: row.batch for row in rows.values()}.values())
    require_welcome([(row, places[row.location_id]) for row in rows.values()], lives)
    changed, reasons = [], {}
    for row in rows.values():
        clock = _clock(row, held[row.pk], lives[row.batch_id], places[row.location_id])
        expires_at = clock.effective(lives[row.batch_id])
        if clock != clock_of(row) or expires_at != row.effective_expires_at:
            _set_clock(row, clock, lives[row.batch_id], held[row.pk])
            changed.append(row)
        reasons[row.pk] = str(blocked_reason(row.batch, places[row.location_id], expires_at, now))
    BatchLocation.objects.bulk_update(changed, _JUDGED)
    block({pk: why for pk, why in reasons.items() if why != rows[pk].blocked_reason}, Header(actor=actor))
    return reasons


def _clock(row: BatchLocation, held: Iterable[BatchLocation | PastClock], lives: Lives, place: Location) -> Clock:
    """The clock of the goods and of what lies in their place, which is the same one unless the place was emptied and filled by others meanwhile."""
    now = timezone.now()
    clocks = [clock_of(keeper).moved(lives, now, place.condition) for keeper in dict.fromkeys([row, *held])]
    if len(clocks) == 1:
        return clocks[0]
    return poured([(clock.charged(lives, now), lives) for clock in clocks])[0]


def _set_clock(row: BatchLocation, clock: Clock, lives: Lives, held: Iterable[BatchLocation | PastClock]) -> None:
    row.consumed_fraction, row.clock_started_at, row.clock_condition = as_decimal(clock.fraction), clock.started_at, clock.condition
    row.not_after, row.frozen_at, row.effective_expires_at = clock.not_after, clock.frozen_at, clock.effective(lives)
    row.received_at = min(row.received_at, *(keeper.received_at for keeper in held))
