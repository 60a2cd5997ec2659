"""The moment when received goods come onto the books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from inventory import events
from inventory.enums import DocumentType, LocationKind, MovementType, Phase
from inventory.errors import LotMismatch, ShortDated
from inventory.locks import lock_receiving, share_batches, share_products
from inventory.models import Batch, Location, Receiving, ReceivingItem
from inventory.models.batches import lot_key
from inventory.queries.locations import default_location, places_at
from inventory.queries.lots import lot_ids
from inventory.services.pricing import update_purchase_prices
from inventory.stock import shelf_life
from inventory.stock.fefo import too_short
from inventory.stock.gate import Gate, StockKey, lock_stock
from inventory.stock.place import Arrival, lives_of, lives_of_products, place, require_allowed
from inventory.stock.post import Entry, Header, post
from inventory.stock.shelf_life import Lives
from warehouse.core.actor import Actor, Role
from warehouse.core.columns import write_columns
from warehouse.core.documents import take
from warehouse.core.errors import ValidationFailed
from warehouse.core.quantities import ZERO, plain, require_step
from warehouse.core.transactions import operation
from warehouse.outbox.events import Event


@operation(Role.RECEIVER)
def confirm_receiving(receiving_id: int, *, actor: Actor, expected_version: int | None = None) -> Receiving:
    """Bring what arrived onto the books: batches, places, clocks, ledger, purchase prices, in statements that do not grow with the lines.

    Locks the document, the products FOR KEY SHARE, the known batches FOR SHARE, then the gates. Emits stock.received and stock.changed per product,
    inventory.placed per line, inventory.receiving.confirmed. Refuses, naming every line: what is short dated without acceptance, a known lot with
    another expiry or day of production, a place where the product may not live, quantities off the step.
    """
    receiving = lock_receiving(receiving_id, expected_version)
    take(receiving, "confirm")
    items = list(receiving.items.select_related("location").order_by("pk"))
    products = share_products({item.product_id for item in items})
    for item in items:
        item.product = products[item.product_id]
    arrived = [item for item in items if item.actual_quantity > 0]
    if not arrived:
        raise ValidationFailed(f"{receiving}: nothing has arrived. Enter the actual quantities, or cancel it.")
    now = timezone.now()
    places = _places(receiving, arrived)
    _judge(arrived)
    batches = _batches(receiving, arrived, places, now)
    gate = lock_stock({StockKey(receiving.warehouse_id, item.product_id) for item in arrived}, create=True)
    lives = lives_of(batches.values())
    _require_allowed(arrived, places, batches, lives)
    arrivals, quantities = _arrivals(receiving, arrived, places, batches, lives, now)
    _refuse_short_dated(arrivals, quantities, lives, now)
    update_purchase_prices(receiving.warehouse_id, arrived, reason=f"receiving {receiving.number}", actor=actor)
    spots = place([arrival for arrival, _, _ in arrivals], lives, actor=actor)
    entries = [Entry(spot, MovementType.RECEIVING, quantity, ZERO) for spot, (_, quantity, _) in zip(spots, arrivals, strict=True)]
    header = Header(actor=actor, fact=events.STOCK_RECEIVED, document_type=DocumentType.RECEIVING, document_id=receiving.pk)
    post(entries, header, _events(receiving, arrivals, gate))
    write_columns(ReceivingItem, ["batch_id"], ((item.pk, batches[item.pk].pk) for item in arrived))
    receiving.confirmed_at = now
    receiving.save_changes("status", "confirmed_at")
    return receiving


def _places(receiving: Receiving, items: Sequence[ReceivingItem]) -> dict[int, Location]:
    """Where each line goes, by its id; every place must be an active one of this warehouse."""
    names = {item.pk: f"items[{item.pk}].location" for item in items}
    found = places_at(receiving.warehouse_id, {names[item.pk]: item.location_id or receiving.location_id for item in items})
    return {item: found[name] for item, name in names.items()}


def _judge(items: Iterable[ReceivingItem]) -> None:
    for item in items:
        require_step(item.actual_quantity, item.product.quantity_step, sku=item.product.sku, field="actual_quantity")
        require_step(item.damaged_quantity, item.product.quantity_step, sku=item.product.sku, field="damaged_quantity")
        require_dates(item.produced_on, item.label_expires_on, sku=item.product.sku)


def require_dates(produced_on: date | None, expires_on: date | None, *, sku: str, field: str = "produced_on") -> None:
    """Raise ValidationFailed for goods that were made after they expire: the dates are swapped, or one of them is mistyped."""
    if produced_on is not None and expires_on is not None and produced_on > expires_on:
        raise ValidationFailed(
            f"{sku}: made on {produced_on}, after it expires on {expires_on}. Correct the dates.",
            errors=[{"field": field, "code": "after_expiry", "sku": sku, "produced_on": str(produced_on), "label_expires_on": str(expires_on)}],
        )


def _batches(receiving: Receiving, items: Sequence[ReceivingItem], places: Mapping[int, Location], now: datetime) -> dict[int, Batch]:
    """The batch of each line, by the line's id: known lots FOR SHARE, the others new."""
    numbers = {item.pk: item.lot_number or f"{receiving.number}-{item.pk}" for item in items}
    keys = {item.pk: lot_key(item.product_id, numbers[item.pk]) for item in items}
    known = {lot_key(batch.product_id, batch.lot_number): batch for batch in share_batches(lot_ids(keys.values())).values()}
    wrong: list[dict[str, Any]] = []
    fresh: dict[tuple[int, str], Batch] = {}
    for item in items:
        key = keys[item.pk]
        batch = known.get(key) or fresh.get(key)
        if batch is None:
            batch = fresh[key] = Batch(
                product=item.product,
                lot_number=numbers[item.pk],
                supplier_id=receiving.supplier_id,
                produced_on=item.produced_on,
                label_expires_on=item.label_expires_on,
                label_condition=item.label_condition or places[item.pk].condition,
                received_at=now,
                purchase_price=item.purchase_price,
                currency=item.currency,
            )
        else:
            wrong += _contradictions(item, batch)
        batch.product = item.product
    if wrong:
        what = {"label_expires_on": "expiry", "produced_on": "day of production"}
        text = "; ".join(f"{w['sku']} lot {w['lot']} is known with {what[w['field']]} {w['known']}, not {w['given']}" for w in wrong)
        raise LotMismatch(f"{text}. Correct the line, or the lot number.", errors=wrong)
    lives = lives_of_products(batch.product for batch in fresh.values())
    for batch in fresh.values():
        batch.label_condition = batch.label_condition or shelf_life.usual_condition(lives[batch.product_id])
        batch.label_life = shelf_life.label_life(Lives(lives[batch.product_id]), now, _label_end(batch, receiving), batch.label_condition)
    Batch.objects.bulk_create(fresh.values())
    return {item: known.get(key) or fresh[key] for item, key in keys.items()}


def _contradictions(item: ReceivingItem, batch: Batch) -> list[dict[str, Any]]:
    """Dates of the line that are not those of the lot. A lot without a day of production takes one: it can only make the goods older."""
    facts = {"sku": item.product.sku, "lot": batch.lot_number}
    found = []
    if item.label_expires_on is not None and batch.label_expires_on != item.label_expires_on:
        found.append({**facts, "field": "label_expires_on", "known": str(batch.label_expires_on), "given": str(item.label_expires_on)})
    if item.produced_on is not None and batch.produced_on not in (None, item.produced_on):
        found.append({**facts, "field": "produced_on", "known": str(batch.produced_on), "given": str(item.produced_on)})
    return found


def _label_end(batch: Batch, receiving: Receiving) -> datetime | None:
    return shelf_life.end_of_day(batch.label_expires_on, receiving.warehouse.time_zone)


def _require_allowed(
    items: Iterable[ReceivingItem], places: Mapping[int, Location], batches: Mapping[int, Batch], lives: Mapping[int, Lives]
) -> None:
    require_allowed(
        (item.product.sku, places[item.pk], Phase.SEALED, lives[batches[item.pk].pk].allows(places[item.pk].condition, Phase.SEALED))
        for item in items
    )


def _arrivals(
    receiving: Receiving,
    items: Iterable[ReceivingItem],
    places: Mapping[int, Location],
    batches: Mapping[int, Batch],
    lives: Mapping[int, Lives],
    now: datetime,
) -> tuple[list[tuple[Arrival, Decimal, ReceivingItem]], dict[int, Decimal]]:
    """What goes where: the good part of each line to its place, the damaged part to quarantine. Also the good quantity of each line."""
    result = []
    good: dict[int, Decimal] = {}
    quarantine: Location | None = None
    for item in items:
        batch, spot = batches[item.pk], places[item.pk]
        produced_at = shelf_life.end_of_day(item.produced_on or batch.produced_on, receiving.warehouse.time_zone)
        clock = shelf_life.received(lives[batch.pk], now, condition=spot.condition, expires_at=_label_end(batch, receiving), produced_at=produced_at)
        arrival = Arrival(batch, spot, Phase.SEALED, clock, now)
        good[item.pk] = item.actual_quantity - item.damaged_quantity
        if good[item.pk] > 0:
            result.append((arrival, good[item.pk], item))
        if item.damaged_quantity > 0:
            quarantine = quarantine or Location.objects.get(pk=default_location(receiving.warehouse_id, LocationKind.QUARANTINE))
            result.append((replace(arrival, location=quarantine), item.damaged_quantity, item))
    return result, good


def _refuse_short_dated(
    arrivals: Iterable[tuple[Arrival, Decimal, ReceivingItem]], good: Mapping[int, Decimal], lives: Mapping[int, Lives], now: datetime
) -> None:
    short: list[dict[str, Any]] = []
    for arrival, _, item in arrivals:
        expires_at = arrival.clock.effective(lives[arrival.batch.pk])
        short_dated = too_short(expires_at, now, item.product.min_remaining_days)
        if expires_at is not None and short_dated and not item.accept_short_dated and good[item.pk] > 0:
            short.append({"line": item.pk, "sku": item.product.sku, "lot": arrival.batch.lot_number, "expires_at": expires_at.isoformat()})
    if short:
        text = "; ".join(f"{s['sku']} lot {s['lot']} expires {s['expires_at'][:10]}" for s in short)
        raise ShortDated(f"{text}: expired or too short dated. Send it back, or accept the line with a reason.", errors=short)


def _events(receiving: Receiving, arrivals: Iterable[tuple[Arrival, Decimal, ReceivingItem]], gate: Gate) -> list[Event]:
    result = []
    differences: list[dict[str, Any]] = []
    seen: set[int] = set()
    for arrival, quantity, item in arrivals:
        stock = gate[StockKey(receiving.warehouse_id, item.product_id)]
        facts = {"listing_id": stock.listing_id, "warehouse_id": stock.warehouse_external_id, "quantity": plain(quantity)}
        batch = {"location": arrival.location.code, "product_id": item.product_id, "batch_id": arrival.batch.pk}
        result.append(Event(events.INVENTORY_PLACED, "receiving", receiving.pk, {**facts, **batch}))
        if item.difference and item.pk not in seen:
            seen.add(item.pk)
            differences.append({"sku": item.product.sku, "expected": str(item.expected_quantity), "actual": str(item.actual_quantity)})
    confirmed = {
        "receiving_id": receiving.pk,
        "number": receiving.number,
        "warehouse_id": receiving.warehouse.external_id,
        "differences": differences,
    }
    return [*result, Event(events.RECEIVING_CONFIRMED, "receiving", receiving.pk, confirmed)]
