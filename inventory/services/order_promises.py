"""The promise to a whole order: from one warehouse or several, taking over what its checkout had reserved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from inventory import events
from inventory.enums import BlockedReason, DocumentType, MovementType, ReservationStatus
from inventory.errors import InsufficientStock, Shortage
from inventory.locks import lock_reservations
from inventory.models import Reservation, ReservationItem, Stock, Warehouse
from inventory.queries.order_lines import OrderedLine
from inventory.queries.promises import HeldItem, Reserved, as_reserved, held_items
from inventory.services.promises import (
    listings_in,
    plan_lines,
    promise,
    release_held,
    reserved_events,
    set_status,
    start_again_if_promised,
)
from inventory.stock import fefo, sourcing
from inventory.stock.candidates import read_candidates
from inventory.stock.gate import Gate, StockKey, lock_stock
from inventory.stock.post import Entry, Header, post
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.quantities import ZERO
from warehouse.core.transactions import StartAgain, operation

NOT_ORDERED = "NOT_IN_THE_CONFIRMED_ORDER"
NOT_FIT = "NOT_FIT_AT_SHIP_TIME"

# A checkout and its order are minutes apart: what is not worth a word in the explanation.
LATER = timedelta(hours=12)

Amounts = dict[StockKey, Decimal]


@dataclass(frozen=True, slots=True)
class _Terms:
    """When an order ships, and how many days must be left of each product then."""

    ship_at: datetime
    days: Mapping[int, int]


@operation(Role.INTEGRATION)
def promise_order(
    order_ref: str,
    lines: Sequence[OrderedLine],
    *,
    actor: Actor,
    ship_at: datetime | None = None,
    reservation_ref: str = "",
    changed: bool = False,
) -> list[Reserved]:
    """Promise a confirmed order: every line, or nothing. One reservation per warehouse, without a time limit.

    Lines that name no warehouse come from the fewest that cover them, by priority; the gates of all that may serve are taken in one statement and the
    choice is made behind them. What a checkout has reserved (under `order_ref`, or `reservation_ref`) is adopted, as far as it is still fit for `ship_at`:
    only the difference is reserved or released. The remaining days that the checkout asked for hold for the order too, and without a `ship_at` of the
    order the checkout's. The same lines again are answered with what was promised then; others are a Conflict, unless they are the order's from now on
    (`changed`): then its promise is adopted as a checkout's is. Writes the ledger and the events of reserving and releasing. Raises InsufficientStock with
    every short line.
    """
    if not lines:
        raise ValidationFailed("There is no line to reserve.")
    refs = {order_ref, reservation_ref} - {""}
    before = held_items(order_refs=refs)
    named = {StockKey(line.warehouse_id, line.product_id) for line in lines if line.warehouse_id is not None}
    warehouses = _warehouses(lines)
    possible = {StockKey(warehouse, product) for warehouse, products in warehouses.items() for product in products}
    gate = lock_stock(named | possible | {item.key for item in before})
    candidates = read_candidates(named | possible)
    held = before
    if before:
        lock_reservations({item.reservation_id for item in before})
        held = held_items(order_refs=refs)
        if held != before:
            raise StartAgain
        if not changed and any(item.confirmed for item in held):
            return _confirmed_before(order_ref, lines, held)
    terms = _terms(lines, held, ship_at)
    held, unfit = _fit_and_unfit(held, gate, terms)
    wanted = _where(lines, list(warehouses), _sellable(candidates, gate, held, terms), held)
    try:
        if not before:
            return _promise_all(order_ref, wanted, gate, candidates, terms, actor, lines)
        _adopt(order_ref, wanted, gate, candidates, terms, actor, lines, held, unfit)
    except InsufficientStock as error:
        if not before:
            start_again_if_promised(refs)
        raise InsufficientStock(_of_the_order(error.shortages, wanted, lines)) from None
    return as_reserved(held_items(order_refs=[order_ref]))


def _confirmed_before(order_ref: str, lines: Sequence[OrderedLine], held: Sequence[HeldItem]) -> list[Reserved]:
    """The same order again: what it was promised then. Raises Conflict for another order, or for other lines."""
    have: Amounts = defaultdict(Decimal)
    of_products: dict[int, Decimal] = defaultdict(Decimal)
    for item in held:
        have[item.key] += item.held
        of_products[item.product_id] += item.held
    named: Amounts = defaultdict(Decimal)
    asked: dict[int, Decimal] = defaultdict(Decimal)
    for line in lines:
        asked[line.product_id] += line.quantity
        if line.warehouse_id is not None:
            named[StockKey(line.warehouse_id, line.product_id)] += line.quantity
    mine = {item.id for item in held_items(order_refs=[order_ref])}
    equal = of_products == asked and all(have[key] >= quantity for key, quantity in named.items())
    if not equal or mine != {item.id for item in held}:
        raise Conflict("What is promised under this reference belongs to a confirmed order, and is not what is asked now.", order_ref=order_ref)
    return as_reserved(held)


def _of_the_order(shortages: Iterable[Shortage], wanted: Amounts, lines: Iterable[OrderedLine]) -> list[Shortage]:
    """The shortages in terms of the order: what it holds already counts; a product that may come from anywhere is short once, over all warehouses."""
    anywhere = {line.product_id for line in lines if line.warehouse_id is None}
    result: dict[tuple[int | None, int], Shortage] = {}
    for short in shortages:
        key = StockKey(short.warehouse_id or 0, short.product_id)
        place = None if short.product_id in anywhere else short.warehouse_id
        asked, lacking, skipped = wanted[key], short.asked - short.available, short.skipped
        if place is None:
            asked = sum((quantity for other, quantity in wanted.items() if other.product_id == short.product_id), ZERO)
        before = result.get((place, short.product_id))
        if before is not None:
            lacking, skipped = lacking + before.asked - before.available, before.skipped + skipped
        result[place, short.product_id] = replace(short, warehouse_id=place, asked=asked, available=asked - lacking, skipped=skipped)
    return list(result.values())


def _warehouses(lines: Iterable[OrderedLine]) -> dict[int, set[int]]:
    """The active warehouses that have some of what may come from anywhere, in order of priority, with the products they have. Read without locks."""
    anywhere = {line.product_id for line in lines if line.warehouse_id is None}
    if not anywhere:
        return {}
    rows = Stock.objects.filter(product__in=anywhere, quantity__gt=0, warehouse__is_active=True).order_by("warehouse__priority", "warehouse_id")
    result: dict[int, set[int]] = defaultdict(set)
    for warehouse, product in rows.values_list("warehouse_id", "product_id"):
        result[warehouse].add(product)
    return result


def _terms(lines: Iterable[OrderedLine], held: Sequence[HeldItem], ship_at: datetime | None) -> _Terms:
    days: dict[int, int] = defaultdict(int)
    for product, least in [*((line.product_id, line.min_remaining_days) for line in lines), *((i.product_id, i.min_remaining_days) for i in held)]:
        days[product] = max(days[product], least)
    return _Terms(ship_at or max([timezone.now(), *(item.ship_at for item in held if item.ship_at is not None)]), days)


def _fit_and_unfit(held: Iterable[HeldItem], gate: Gate, terms: _Terms) -> tuple[list[HeldItem], list[HeldItem]]:
    """What is held that may ship then, and what may not. What was picked already lies on a bench, and that is no reason."""
    fit: list[HeldItem] = []
    unfit: list[HeldItem] = []
    for item in held:
        standing = "" if item.blocked_reason == BlockedReason.PLACE else item.blocked_reason
        judged = item._replace(blocked_reason=standing)
        reason = fefo.unfit(judged, terms.ship_at, max(terms.days[item.product_id], gate[item.key].min_remaining_days))
        (fit if reason is None else unfit).append(item)
    return fit, unfit


def _sellable(candidates: Iterable[fefo.Candidate], gate: Gate, held: Iterable[HeldItem], terms: _Terms) -> dict[tuple[int, int], Decimal]:
    """What may be promised to this order, by (warehouse, product): what is sellable, and what it holds already."""
    result: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    for candidate in candidates:
        key = StockKey(candidate.warehouse_id, candidate.product_id)
        if fefo.unfit(candidate, terms.ship_at, max(terms.days[candidate.product_id], gate[key].min_remaining_days)) is None:
            result[key] += candidate.free
    for item in held:
        result[item.key] += item.held
    return result


def _where(lines: Sequence[OrderedLine], warehouses: Sequence[int], sellable: Mapping[tuple[int, int], Decimal], held: Iterable[HeldItem]) -> Amounts:
    """How much of each product from each warehouse."""
    result: Amounts = defaultdict(Decimal)
    anywhere: dict[int, Decimal] = defaultdict(Decimal)
    for line in lines:
        if line.warehouse_id is None:
            anywhere[line.product_id] += line.quantity
        else:
            result[StockKey(line.warehouse_id, line.product_id)] += line.quantity
    if anywhere:
        left = {key: quantity - result.get(StockKey(*key), ZERO) for key, quantity in sellable.items()}
        used = frozenset({key.warehouse_id for key in result} | {item.warehouse_id for item in held})
        nowhere = list(warehouses) or _fallback()
        for key, quantity in sourcing.choose(anywhere, left, nowhere, used).items():
            result[StockKey(*key)] += quantity
    return result


def _fallback() -> list[int]:
    """The warehouse that a shortage is reported for when none has any of it."""
    first = Warehouse.objects.filter(is_active=True).order_by("priority", "pk").values_list("pk", flat=True).first()
    if first is None:
        raise ValidationFailed("There is no active warehouse.")
    return [first]


def _plan(wanted: Amounts, gate: Gate, candidates: Iterable[fefo.Candidate], terms: _Terms) -> fefo.Plan:
    asked = {key: fefo.Wanted(key.warehouse_id, key.product_id, quantity, terms.days[key.product_id]) for key, quantity in sorted(wanted.items())}
    return plan_lines(asked, gate, candidates, terms.ship_at)


def _of_warehouse(plan: fefo.Plan, warehouse: int) -> fefo.Plan:
    allocations = [allocation for allocation in plan.allocations if allocation.candidate.warehouse_id == warehouse]
    return fefo.Plan(allocations, [], [line for line in plan.explanation if line["warehouse"] == warehouse])


def _promise_all(
    order_ref: str, wanted: Amounts, gate: Gate, candidates: list[fefo.Candidate], terms: _Terms, actor: Actor, lines: Sequence[OrderedLine]
) -> list[Reserved]:
    plan = _plan(wanted, gate, candidates, terms)
    names = listings_in(lines)
    return [
        promise(order_ref, warehouse, _of_warehouse(plan, warehouse), gate, actor=actor, listings=names, confirmed=True)
        for warehouse in sorted({key.warehouse_id for key in wanted})
    ]


def _adopt(
    order_ref: str,
    wanted: Amounts,
    gate: Gate,
    candidates: list[fefo.Candidate],
    terms: _Terms,
    actor: Actor,
    lines: Sequence[OrderedLine],
    held: Sequence[HeldItem],
    unfit: Sequence[HeldItem],
) -> None:
    """Make the reservations that exist into what the order wants: reserve what is missing, release what is too much or unfit, lift the limit."""
    have: Amounts = defaultdict(Decimal)
    for item in held:
        have[item.key] += item.held
    missing = {key: quantity - have[key] for key, quantity in wanted.items() if quantity > have[key]}
    plan = _plan(missing, gate, candidates, terms) if missing else fefo.Plan()
    ids = {item.reservation_id for item in (*held, *unfit)}
    reservations = {r.warehouse_id: r for r in Reservation.objects.filter(pk__in=ids)}
    if len(reservations) < len(ids):
        raise Conflict(f"{order_ref} has two reservations in one warehouse. Release one of them.", order_ref=order_ref)
    for warehouse, reservation in reservations.items():
        mine = [item for item in held if item.reservation_id == reservation.pk]
        release_held(gate, reservation, _surplus(mine, wanted), NOT_ORDERED, actor)
        release_held(gate, reservation, [item for item in unfit if item.reservation_id == reservation.pk], NOT_FIT, actor)
        if any(key.warehouse_id == warehouse for key in wanted):
            reservation.explanation = [*reservation.explanation, *_stricter(mine, terms)]
            _add(reservation, order_ref, _of_warehouse(plan, warehouse), mine, gate, actor, lines)
        else:
            set_status(reservation, ReservationStatus.RELEASED, NOT_ORDERED)
    for warehouse in sorted({key.warehouse_id for key in missing} - set(reservations)):
        promise(order_ref, warehouse, _of_warehouse(plan, warehouse), gate, actor=actor, listings=listings_in(lines), confirmed=True)


def _stricter(held: Iterable[HeldItem], terms: _Terms) -> list[dict[str, Any]]:
    """What the order asks of goods that it takes over, where that is more than their checkout asked."""
    more = {
        item.product_id: item.warehouse_id
        for item in held
        if terms.days[item.product_id] > item.min_remaining_days or item.ship_at is None or terms.ship_at > item.ship_at + LATER
    }
    asked = {"adopted": True, "ship_at": terms.ship_at.isoformat(), "taken": [], "skipped": []}
    return [{"warehouse": warehouse, "product": product, "min_remaining_days": terms.days[product], **asked} for product, warehouse in more.items()]


def _surplus(items: Sequence[HeldItem], wanted: Amounts) -> list[HeldItem]:
    """What the order does not want of these items; the last promised goes first, so that what stays leaves in FEFO order."""
    left = dict(wanted)
    result = []
    for item in items:
        kept = min(item.held, left.get(item.key, ZERO))
        left[item.key] = left.get(item.key, ZERO) - kept
        if item.held > kept:
            result.append(item._replace(held=item.held - kept))
    return result


def _add(
    reservation: Reservation,
    order_ref: str,
    plan: fefo.Plan,
    held: Iterable[HeldItem],
    gate: Gate,
    actor: Actor,
    lines: Sequence[OrderedLine],
) -> None:
    """Take a reservation over, and promise it more: of a place of which it holds some already as one item with that, so that nobody is sent there twice."""
    reservation.order_ref = order_ref
    reservation.expires_at = None
    reservation.confirmed_at = timezone.now()
    reservation.explanation = [*reservation.explanation, *plan.explanation]
    reservation.save_changes("order_ref", "expires_at", "confirmed_at", "explanation")
    if not plan.allocations:
        return
    header = Header(
        actor=actor,
        fact=events.STOCK_RESERVED,
        document_type=DocumentType.RESERVATION,
        document_id=reservation.pk,
        order_ref=order_ref,
        reservation_id=reservation.pk,
    )
    entries = [Entry(a.candidate.batch_location_id, MovementType.RESERVATION, ZERO, a.quantity) for a in plan.allocations]
    post(entries, header, reserved_events(reservation.pk, order_ref, plan.allocations, gate, listings_in(lines)))
    items = {item.batch_location_id: item.id for item in held}
    more = {items[place]: a.quantity for a in plan.allocations if (place := a.candidate.batch_location_id) in items}
    grown = list(ReservationItem.objects.filter(pk__in=more))
    for row in grown:
        row.quantity += more[row.pk]
    ReservationItem.objects.bulk_update(grown, ["quantity"])
    ReservationItem.objects.bulk_create(
        ReservationItem(
            reservation=reservation, batch_location_id=a.candidate.batch_location_id, product_id=a.candidate.product_id, quantity=a.quantity
        )
        for a in plan.allocations
        if a.candidate.batch_location_id not in items
    )
