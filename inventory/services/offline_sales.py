"""Sales at a till: goods leave at once, first expired first, and may be taken from promises that somebody named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.utils import timezone

from inventory import events
from inventory.enums import DocumentType, MovementType, ReservationStatus
from inventory.locks import lock_reservations
from inventory.models import OfflineSale, Product, Reservation, Warehouse
from inventory.models.stock import StockKey
from inventory.queries.offline_sales import SaleConflict, SaleLine, find_sale, require_products, sale_conflict, summed
from inventory.queries.promises import HeldItem, items_of_reservations
from inventory.queries.stock import require_site
from inventory.services.promises import plan_lines, release_held, set_status
from inventory.stock import fefo
from inventory.stock.candidates import read_candidates
from inventory.stock.gate import Gate, lock_stock
from inventory.stock.post import Entry, Header, post
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, TransitionRefused, ValidationFailed
from warehouse.core.quantities import ZERO, plain
from warehouse.core.transactions import lost_race_on, operation

# The same receipt sent twice at once: the second one starts again and finds the first one's sale.
lost_race_on(["offline_sale_once_per_receipt"])

REASON = "OFFLINE_SALE_PRIORITY"
# With the site before it, it fits into an order reference.
LONGEST_RECEIPT = 70


@operation(Role.INTEGRATION, Role.SELLER)
def check_offline_sale_conflict(warehouse_id: int, lines: Sequence[SaleLine], *, actor: Actor) -> SaleConflict:
    """Ask before a sale: is all of it for sale, and if not, which active reservations hold the goods that are missing?

    The same product twice is summed. Changes nothing and locks nothing; a moment later it may be otherwise.
    """
    require_site(warehouse_id, actor)
    asked = summed(lines)
    return sale_conflict(warehouse_id, asked, require_products(asked))


@operation(Role.INTEGRATION, Role.SELLER)
def process_offline_sale(
    *,
    warehouse_id: int,
    lines: Sequence[SaleLine],
    receipt_number: str,
    actor: Actor,
    reservation_ids_to_release: Sequence[int] = (),
) -> OfflineSale:
    """Sell over the counter: all lines or none, by FEFO from what is fit and free (goods too short dated to ship are not sold at a till either).

    The receipt number is the idempotency key: the same receipt with the same lines answers the first sale, with others it is a Conflict.

    Where goods are missing, the named reservations give way in the order they are named, until there is enough: each one needed loses all that it holds
    of the missing product here, and nothing else (reason OFFLINE_SALE_PRIORITY, whether it was a checkout or a confirmed order). What is named but not
    needed stays untouched.

    Writes the sale first (the second of two equal receipts waits there), takes the gates of the products, then the reservations. Ledger `release` per
    reservation and `offline_sale`; events stock.released, inventory.released, inventory.reservation.released, stock.sold, stock.changed. The statements
    do not grow with the lines. Raises InsufficientStock with every short line, TransitionRefused for a reservation whose picking has started.
    """
    site = require_site(warehouse_id, actor)
    asked = summed(lines)
    products = require_products(asked)
    sale, is_new = _claim(site, receipt_number, _written(asked, products), actor)
    if not is_new:
        return sale
    keys = [StockKey(warehouse_id, product) for product in asked]
    gate = lock_stock(keys)
    wanted = {key: fefo.Wanted(warehouse_id, key.product_id, asked[key.product_id]) for key in keys}
    candidates = read_candidates(keys)
    if _seize(gate, asked, candidates, reservation_ids_to_release, warehouse_id, actor):
        candidates = read_candidates(keys)
    plan = plan_lines(wanted, gate, candidates, timezone.now())
    entries = [Entry(a.candidate.batch_location_id, MovementType.OFFLINE_SALE, -a.quantity, ZERO) for a in plan.allocations]
    header = Header(actor=actor, fact=events.STOCK_SOLD, document_type=DocumentType.OFFLINE_SALE, document_id=sale.pk, order_ref=sale.order_ref)
    post(entries, header)
    return sale


def _claim(site: Warehouse, receipt_number: str, lines: list[dict[str, Any]], actor: Actor) -> tuple[OfflineSale, bool]:
    """The sale of this receipt, and whether it is ours to make."""
    receipt = receipt_number.strip()
    if not receipt or len(receipt) > LONGEST_RECEIPT or not receipt.isprintable():
        raise ValidationFailed(
            f"A receipt number has 1 to {LONGEST_RECEIPT} printable characters.", errors=[{"field": "receipt_number", "code": "invalid"}]
        )
    sale = find_sale(site.pk, receipt)
    if sale is None:
        order_ref = f"till:{site.code}:{receipt}"
        sale = OfflineSale(warehouse=site, receipt_number=receipt, order_ref=order_ref, lines=lines, sold_by_id=actor.user_id)
        sale.save(force_insert=True)
        return sale, True
    if sale.lines != lines:
        raise Conflict(f"Receipt {receipt} was booked with other lines. Give this sale a number of its own.", booked=sale.lines, asked=lines)
    return sale, False


def _written(asked: dict[int, Decimal], products: dict[int, Product]) -> list[dict[str, Any]]:
    """The lines as the sale keeps them: the order in which a till lists its goods does not count."""
    return [{"product": pk, "sku": products[pk].sku, "quantity": plain(asked[pk])} for pk in sorted(asked)]


def _seize(
    gate: Gate, asked: dict[int, Decimal], candidates: Sequence[fefo.Candidate], named: Sequence[int], warehouse_id: int, actor: Actor
) -> bool:
    """Behind the gates: take from the named reservations what is missing. Returns whether something was released."""
    if not named:
        return False
    reservations = lock_reservations(named)
    elsewhere = [pk for pk in named if reservations[pk].warehouse_id != warehouse_id]
    if elsewhere:
        raise ValidationFailed(f"These reservations are of another warehouse: {elsewhere}.", reservations=elsewhere)
    missing = _missing(gate, asked, candidates)
    if not missing:
        return False
    held: dict[int, list[HeldItem]] = defaultdict(list)
    for item in items_of_reservations(named):
        if item.product_id in missing:
            held[item.reservation_id].append(item)
    released = False
    for pk in dict.fromkeys(named):
        needed = [item for item in held[pk] if missing[item.product_id] > 0]
        if needed:
            _require_not_started(reservations[pk])
        items = [item for item in needed if _fit(item, gate)]
        if items:
            _release(gate, reservations[pk], items, actor)
            for item in items:
                missing[item.product_id] -= item.held
            released = True
    return released


def _missing(gate: Gate, asked: dict[int, Decimal], candidates: Sequence[fefo.Candidate]) -> dict[int, Decimal]:
    """How much of each product is short of what may be sold now; what is not short is left out."""
    free: dict[int, Decimal] = defaultdict(Decimal)
    now = timezone.now()
    for candidate in candidates:
        key = StockKey(candidate.warehouse_id, candidate.product_id)
        if fefo.unfit(candidate, now, gate[key].min_remaining_days) is None:
            free[candidate.product_id] += candidate.free
    return {product: quantity - free[product] for product, quantity in asked.items() if quantity > free[product]}


def _fit(item: HeldItem, gate: Gate) -> bool:
    """Whether a till could sell it once it is free; what is held or expired helps nobody."""
    return fefo.unfit(item, timezone.now(), gate[item.key].min_remaining_days) is None


def _require_not_started(reservation: Reservation) -> None:
    if reservation.started_at is not None:
        raise TransitionRefused(
            f"{reservation} is being picked: it does not give way to a till. Short or cancel its task first, or name another.",
            errors=[{"reservation": reservation.pk, "order_ref": reservation.order_ref}],
        )


def _release(gate: Gate, reservation: Reservation, items: list[HeldItem], actor: Actor) -> None:
    release_held(gate, reservation, items, REASON, actor)
    if not items_of_reservations([reservation.pk]):
        set_status(reservation, ReservationStatus.RELEASED, REASON)
    else:
        reservation.save_changes()
