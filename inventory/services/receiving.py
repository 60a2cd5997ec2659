"""Receiving goods: the paper, and the moment when they come onto the books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from inventory import events
from inventory.enums import DocumentType, LocationKind, MovementType, Phase
from inventory.locks import lock_receiving, share_batches
from inventory.models import Batch, Location, Product, Receiving, ReceivingItem, Supplier, Warehouse
from inventory.queries.locations import default_location
from inventory.queries.scan import find_by_scan
from inventory.services.picks import require_allowed
from inventory.services.pricing import update_purchase_prices
from inventory.stock import shelf_life
from inventory.stock.gate import Gate, StockKey, lock_stock
from inventory.stock.place import Arrival, lives_of, lives_of_products, place
from inventory.stock.post import Entry, Header, post
from inventory.stock.shelf_life import Lives
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import take
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.quantities import ZERO, require_step
from warehouse.core.transactions import operation
from warehouse.outbox.events import Event


class ShortDated(ValidationFailed):
    """Goods that are expired on arrival, or keep for less than the product asks for. `errors` lists every such line."""

    code = "short_dated"
    title = "Too short dated"
    status = 422


class LotMismatch(Conflict):
    """A lot that is known with another expiry: probably a typing error. `errors` lists every such line."""

    code = "lot_mismatch"
    title = "Known lot, other expiry"


@dataclass(frozen=True, slots=True)
class ReceivingLine:
    """A line as a caller gives it; quantities are validated. `actual_quantity` of None means: as expected."""

    product_id: int
    expected_quantity: Decimal = ZERO
    actual_quantity: Decimal | None = None
    damaged_quantity: Decimal = ZERO
    lot_number: str = ""
    produced_on: date | None = None
    label_expires_on: date | None = None
    label_condition: str = ""
    purchase_price: Decimal = ZERO
    currency: str = "EUR"
    location_id: int | None = None
    accept_short_dated: bool = False
    short_dated_reason: str = ""


@operation(Role.RECEIVER)
def create_receiving(
    *,
    warehouse_id: int,
    actor: Actor,
    location_id: int | None = None,
    supplier_id: int | None = None,
    supplier_reference: str = "",
    notes: str = "",
    lines: Sequence[ReceivingLine] = (),
) -> Receiving:
    """Write a draft. The goods go to `location_id` (default: the warehouse's receiving dock) unless a line says otherwise."""
    warehouse = Warehouse.objects.filter(pk=warehouse_id, is_active=True).first()
    if warehouse is None:
        raise NotFound(f"There is no active warehouse {warehouse_id}.", warehouse=warehouse_id)
    if supplier_id is not None and not Supplier.objects.filter(pk=supplier_id).exists():
        raise NotFound(f"There is no supplier {supplier_id}.", supplier=supplier_id)
    if location_id is not None:
        _require_places([location_id])
    receiving = Receiving.objects.create(
        warehouse=warehouse,
        location_id=location_id or default_location(warehouse_id, LocationKind.RECEIVING),
        supplier_id=supplier_id,
        supplier_reference=supplier_reference,
        notes=notes,
        created_by_id=actor.user_id,
    )
    _write_lines(receiving, lines)
    return receiving


@operation(Role.RECEIVER)
def add_item(receiving_id: int, line: ReceivingLine, *, actor: Actor, expected_version: int | None = None) -> ReceivingItem:
    """Add a line to a delivery that is not confirmed yet."""
    receiving = _lock_open(receiving_id, expected_version)
    item = _write_lines(receiving, [line])[0]
    receiving.save_changes()
    return item


@operation(Role.RECEIVER)
def receive_item(
    receiving_id: int,
    *,
    actor: Actor,
    scan: str,
    quantity: Decimal | None = None,
    location_id: int | None = None,
    expected_version: int | None = None,
) -> ReceivingItem:
    """Count goods by scan: a GS1 code gives product, lot and expiry at once, a plain barcode the product and how many are in its pack.

    Adds to the line of that product and lot, or to the product's line that has no lot yet, or makes a new one. The delivery is in progress from then on.
    """
    receiving = _lock_open(receiving_id, expected_version)
    found = find_by_scan(scan, warehouse_id=receiving.warehouse_id)
    if found.product_id is None:
        raise ValidationFailed(
            f"{scan[:40]!r} is no product's barcode. Scan the code on the goods, or add the barcode to the product first.", scan=scan[:80]
        )
    counted = quantity if quantity is not None else found.pack_quantity
    item = _line_for(receiving, found.product_id, found.lot_number, found.expires_on)
    require_step(counted, item.product.quantity_step, sku=item.product.sku, zero_allowed=False)
    item.actual_quantity += counted
    if location_id is not None:
        _require_places([location_id])
        item.location_id = location_id
    item.save()
    if receiving.status == "draft":
        take(receiving, "start")
    receiving.save_changes("status")
    return item


@operation(Role.RECEIVER)
def start_receiving(receiving_id: int, *, actor: Actor, expected_version: int | None = None) -> Receiving:
    """Begin to count: draft → in_progress."""
    receiving = lock_receiving(receiving_id, expected_version)
    take(receiving, "start")
    receiving.save_changes("status")
    return receiving


@operation(Role.RECEIVER)
def cancel_receiving(receiving_id: int, *, reason: str, actor: Actor, expected_version: int | None = None) -> Receiving:
    """Give up a delivery that is not confirmed; nothing was booked, nothing changes in stock."""
    receiving = lock_receiving(receiving_id, expected_version)
    take(receiving, "cancel")
    receiving.cancellation_reason = reason
    receiving.save_changes("status", "cancellation_reason")
    return receiving


@operation(Role.RECEIVER)
def confirm_receiving(receiving_id: int, *, actor: Actor, expected_version: int | None = None) -> Receiving:
    """Bring what arrived onto the books: batches, places, clocks, ledger, purchase prices, in statements that do not grow with the lines.

    Locks the document, the known batches FOR SHARE, then the gates. Emits stock.received and stock.changed per product, inventory.placed per line,
    inventory.receiving.confirmed. Refuses, naming every line: what is short dated without acceptance, a known lot with another expiry, a place where
    the product may not live, quantities off the step.
    """
    receiving = lock_receiving(receiving_id, expected_version)
    take(receiving, "confirm")
    items = list(receiving.items.select_related("product", "location").order_by("pk"))
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
    update_purchase_prices(receiving.warehouse_id, arrived, gate)
    spots = place([arrival for arrival, _, _ in arrivals], lives, actor=actor)
    entries = [Entry(spot, MovementType.RECEIVING, quantity, ZERO) for spot, (_, quantity, _) in zip(spots, arrivals, strict=True)]
    header = Header(actor=actor, fact=events.STOCK_RECEIVED, document_type=DocumentType.RECEIVING, document_id=receiving.pk)
    post(entries, header, _events(receiving, arrivals, gate))
    _bind({item.pk: batches[item.pk].pk for item in arrived})
    receiving.confirmed_at = now
    receiving.save_changes("status", "confirmed_at")
    return receiving


@operation(Role.RECEIVER)
def place_stock(*, warehouse_id: int, line: ReceivingLine, actor: Actor, reason: str = "") -> Receiving:
    """A delivery of one line, made and confirmed at once: for programs."""
    receiving = create_receiving.inside(warehouse_id=warehouse_id, location_id=line.location_id, notes=reason, lines=[line], actor=actor)
    return confirm_receiving.inside(receiving.pk, actor=actor)


def _lock_open(receiving_id: int, expected_version: int | None) -> Receiving:
    receiving = lock_receiving(receiving_id, expected_version)
    if receiving.status not in ("draft", "in_progress"):
        raise Conflict(f"{receiving} is {receiving.get_status_display()}: its lines can't be changed any more.", status=receiving.status)
    return receiving


def _require_places(location_ids: Iterable[int]) -> None:
    wanted = set(location_ids)
    missing = wanted - set(Location.objects.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()
    if missing:
        raise NotFound(f"There is no location {min(missing)}.", location=min(missing))


def _write_lines(receiving: Receiving, lines: Sequence[ReceivingLine]) -> list[ReceivingItem]:
    _require_places(line.location_id for line in lines if line.location_id is not None)
    products = Product.objects.in_bulk({line.product_id for line in lines})
    rows = []
    for number, line in enumerate(lines, start=1):
        product = products.get(line.product_id)
        if product is None or not product.is_active:
            raise ValidationFailed(
                f"Line {number}: there is no active product {line.product_id}.", errors=[{"field": f"lines[{number - 1}].product"}]
            )
        actual = line.expected_quantity if line.actual_quantity is None else line.actual_quantity
        for name, quantity in (
            ("expected_quantity", line.expected_quantity),
            ("actual_quantity", actual),
            ("damaged_quantity", line.damaged_quantity),
        ):
            require_step(quantity, product.quantity_step, sku=product.sku, field=f"lines[{number - 1}].{name}")
        if line.damaged_quantity > actual:
            raise ValidationFailed(f"Line {number}: more is damaged than has arrived.", errors=[{"field": f"lines[{number - 1}].damaged_quantity"}])
        if line.accept_short_dated and not line.short_dated_reason:
            raise ValidationFailed(
                f"Line {number}: say why short dated goods are accepted.", errors=[{"field": f"lines[{number - 1}].short_dated_reason"}]
            )
        values = {name: getattr(line, name) for name in ReceivingLine.__slots__ if name != "actual_quantity"}
        rows.append(ReceivingItem(receiving=receiving, actual_quantity=actual, **values))
    return ReceivingItem.objects.bulk_create(rows)


def _line_for(receiving: Receiving, product_id: int, lot_number: str, expires_on: date | None) -> ReceivingItem:
    lines = list(receiving.items.select_related("product").filter(product=product_id).order_by("pk"))
    if lot_number:
        for line in lines:
            if line.lot_number == lot_number and (expires_on is None or line.label_expires_on in (None, expires_on)):
                line.label_expires_on = line.label_expires_on or expires_on
                return line
        for line in lines:
            if not line.lot_number and not line.actual_quantity:
                line.lot_number, line.label_expires_on = lot_number, expires_on or line.label_expires_on
                return line
    else:
        open_lines = [line for line in lines if not line.lot_number] or (lines if len(lines) == 1 else [])
        if open_lines:
            return open_lines[0]
    product = Product.objects.get(pk=product_id)
    return ReceivingItem(receiving=receiving, product=product, lot_number=lot_number, label_expires_on=expires_on)


def _places(receiving: Receiving, items: Iterable[ReceivingItem]) -> dict[int, Location]:
    """Where each line goes, by its id; every place must be an active one of this warehouse."""
    wanted = {item.pk: item.location_id or receiving.location_id for item in items}
    found = Location.objects.in_bulk(set(wanted.values()))
    for pk in set(wanted.values()):
        if found[pk].warehouse_id != receiving.warehouse_id or not found[pk].is_active:
            raise ValidationFailed(f"{found[pk]} is not an active place of this warehouse.", location=found[pk].code)
    return {item: found[pk] for item, pk in wanted.items()}


def _judge(items: Iterable[ReceivingItem]) -> None:
    for item in items:
        require_step(item.actual_quantity, item.product.quantity_step, sku=item.product.sku, field="actual_quantity")
        require_step(item.damaged_quantity, item.product.quantity_step, sku=item.product.sku, field="damaged_quantity")


def _batches(receiving: Receiving, items: Sequence[ReceivingItem], places: Mapping[int, Location], now: datetime) -> dict[int, Batch]:
    """The batch of each line, by the line's id: known lots FOR SHARE, the others new."""
    numbers = {item.pk: item.lot_number or f"{receiving.number}-{item.pk}" for item in items}
    known_ids = Batch.objects.filter(product__in={item.product_id for item in items}, lot_number__in=set(numbers.values())).values_list(
        "pk", flat=True
    )
    known = {(batch.product_id, batch.lot_number): batch for batch in share_batches(known_ids).values()}
    wrong = []
    fresh: dict[tuple[int, str], Batch] = {}
    for item in items:
        key = (item.product_id, numbers[item.pk])
        batch = known.get(key) or fresh.get(key)
        if batch is None:
            batch = fresh[key] = Batch(
                product=item.product,
                lot_number=key[1],
                supplier_id=receiving.supplier_id,
                produced_on=item.produced_on,
                label_expires_on=item.label_expires_on,
                label_condition=item.label_condition or places[item.pk].condition,
                received_at=now,
                purchase_price=item.purchase_price,
                currency=item.currency,
            )
        elif item.label_expires_on is not None and batch.label_expires_on != item.label_expires_on:
            wrong.append({"sku": item.product.sku, "lot": key[1], "known": str(batch.label_expires_on), "given": str(item.label_expires_on)})
        batch.product = item.product
    if wrong:
        text = "; ".join(f"{w['sku']} lot {w['lot']} is known with expiry {w['known']}, not {w['given']}" for w in wrong)
        raise LotMismatch(f"{text}. Correct the line, or the lot number.", errors=wrong)
    lives = lives_of_products(batch.product for batch in fresh.values())
    for batch in fresh.values():
        batch.label_life = shelf_life.label_life(Lives(lives[batch.product_id]), now, _label_end(batch, receiving), batch.label_condition)
    Batch.objects.bulk_create(fresh.values())
    return {item.pk: known.get((item.product_id, numbers[item.pk])) or fresh[item.product_id, numbers[item.pk]] for item in items}


def _label_end(batch: Batch, receiving: Receiving) -> datetime | None:
    return shelf_life.end_of_day(batch.label_expires_on, receiving.warehouse.time_zone) if batch.label_expires_on else None


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
        produced_at = shelf_life.end_of_day(item.produced_on, receiving.warehouse.time_zone) if item.produced_on else None
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
        limit = now + timedelta(days=item.product.min_remaining_days)
        if expires_at is not None and expires_at <= limit and not item.accept_short_dated and good[item.pk] > 0:
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
        facts = {"listing_id": stock.listing_id, "warehouse_id": stock.warehouse_external_id, "quantity": f"{quantity.normalize():f}"}
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


def _bind(batches: Mapping[int, int]) -> None:
    """Write into each line the batch that it became."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inventory_receivingitem i SET batch_id = b.batch FROM unnest(%s::bigint[], %s::bigint[]) AS b (item, batch) WHERE i.id = b.item",
            [list(batches), list(batches.values())],
        )
