"""Receiving goods: the paper, and the moment when they come onto the books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from inventory.enums import OPEN_RECEIVINGS, LocationKind
from inventory.locks import lock_receiving
from inventory.models import Product, Receiving, ReceivingItem, Supplier
from inventory.queries.locations import default_location, places_at
from inventory.queries.scan import find_by_scan
from inventory.queries.stock import require_site
from inventory.services.receiving_confirmation import confirm_receiving, require_dates
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import cancel, require_known, require_status, take
from warehouse.core.errors import NotFound, ValidationFailed
from warehouse.core.quantities import ZERO, require_line
from warehouse.core.texts import require_lengths
from warehouse.core.transactions import operation

HEAD = frozenset({"location_id", "supplier_id", "supplier_reference", "notes"})
_T = TypeVar("_T")


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


LINE = frozenset(ReceivingLine.__slots__) - {"product_id"}


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
    """Write a draft. The goods go to `location_id` (default: the warehouse's receiving dock) unless a line says otherwise.

    Raises NotFound, PlaceNotAllowed, ValidationFailed naming line and field.
    """
    require_lengths(Receiving, {"supplier_reference": supplier_reference})
    warehouse = require_site(warehouse_id, actor)
    _require_supplier(supplier_id)
    if location_id is not None:
        places_at(warehouse_id, {"location": location_id})
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
def change_receiving(receiving_id: int, values: Mapping[str, Any], *, actor: Actor, expected_version: int | None = None) -> Receiving:
    """Rewrite the head of a delivery that is not confirmed: `location_id`, `supplier_id`, `supplier_reference`, `notes`. Locks it. Raises ValidationFailed
    for any other name and for a text that is too long."""
    require_known(values, HEAD)
    require_lengths(Receiving, values)
    receiving = _lock_open(receiving_id, expected_version)
    _require_supplier(values.get("supplier_id"))
    if "location_id" in values:
        places_at(receiving.warehouse_id, {"location": values["location_id"]})
    for name, value in values.items():
        setattr(receiving, name, value)
    receiving.save_changes(*(name.removesuffix("_id") for name in values))
    return receiving


@operation(Role.RECEIVER)
def change_item(receiving_id: int, item_id: int, values: Mapping[str, Any], *, actor: Actor, expected_version: int | None = None) -> ReceivingItem:
    """Rewrite these values of a line, as `ReceivingLine` names them, but not its product: strike the line off instead. `expected_version` is the
    delivery's. Locks the delivery; judged like a new line. Raises ValidationFailed for any other name."""
    require_known(values, LINE)
    receiving = _lock_open(receiving_id, expected_version)
    item = _line_of(receiving, item_id)
    present = ReceivingLine(**{name: getattr(item, name) for name in ReceivingLine.__slots__})
    changed = _judged(receiving, [replace(present, **values)])[0]
    changed.pk = item.pk
    changed.save(force_update=True)
    receiving.save_changes()
    return changed


@operation(Role.RECEIVER)
def remove_item(receiving_id: int, item_id: int, *, actor: Actor, expected_version: int | None = None) -> Receiving:
    """Strike a line off a delivery that is not confirmed; `expected_version` is the delivery's. Locks the delivery."""
    receiving = _lock_open(receiving_id, expected_version)
    _line_of(receiving, item_id).delete()
    receiving.save_changes()
    return receiving


@operation(Role.RECEIVER)
def receive_item(
    receiving_id: int,
    *,
    actor: Actor,
    scan: str,
    quantity: Decimal | None = None,
    damaged_quantity: Decimal = ZERO,
    lot_number: str = "",
    label_expires_on: date | None = None,
    location_id: int | None = None,
    short_dated_reason: str = "",
    expected_version: int | None = None,
) -> ReceivingItem:
    """Count goods by scan: a GS1 code gives product, lot and expiry at once, a plain barcode the product and how many are in its pack.

    Lot and expiry that the code does not carry may be given beside it; what contradicts the code is refused. `damaged_quantity` is a part of the quantity.
    With `short_dated_reason` goods that expire too soon are accepted. Adds to the line of that product and lot, or to the product's line that has no lot
    yet, or makes a new one. The delivery is in progress from then on.
    """
    receiving = _lock_open(receiving_id, expected_version)
    found = find_by_scan(scan, warehouse_id=receiving.warehouse_id)
    if found.product_id is None:
        raise ValidationFailed(
            f"{scan[:40]!r} is no product's barcode. Scan the code on the goods, or add the barcode to the product first.", scan=scan[:80]
        )
    counted = quantity if quantity is not None else found.pack_quantity
    lot = _agreed(found.lot_number, lot_number, "lot_number", scan)
    require_lengths(ReceivingItem, {"lot_number": lot, "short_dated_reason": short_dated_reason})
    item = _line_for(receiving, found.product_id, lot, _agreed(found.expires_on, label_expires_on, "label_expires_on", scan))
    require_line(counted, item.product.quantity_step, sku=item.product.sku, zero_allowed=False)
    require_line(damaged_quantity, item.product.quantity_step, sku=item.product.sku, field="damaged_quantity")
    if damaged_quantity > counted:
        raise ValidationFailed(f"{item.product.sku}: more is damaged than has arrived.", errors=[{"field": "damaged_quantity", "code": "too_large"}])
    item.actual_quantity += counted
    item.damaged_quantity += damaged_quantity
    if short_dated_reason:
        item.accept_short_dated, item.short_dated_reason = True, short_dated_reason
    if location_id is not None:
        places_at(receiving.warehouse_id, {"location": location_id})
        item.location_id = location_id
    item.save()
    if receiving.status == "draft":
        take(receiving, "start")
    receiving.save_changes("status")
    return item


@operation(Role.RECEIVER)
def start_receiving(receiving_id: int, *, actor: Actor, from_zero: bool = False, expected_version: int | None = None) -> Receiving:
    """Begin to count: draft → in_progress. `from_zero` forgets what the lines say has arrived, for those who count what the paper only announces."""
    receiving = lock_receiving(receiving_id, expected_version)
    take(receiving, "start")
    if from_zero:
        receiving.items.update(actual_quantity=ZERO, damaged_quantity=ZERO)
    receiving.save_changes("status")
    return receiving


@operation(Role.RECEIVER)
def cancel_receiving(receiving_id: int, *, reason: str, actor: Actor, expected_version: int | None = None) -> Receiving:
    """Give up a delivery that is not confirmed; nothing was booked, nothing changes in stock."""
    receiving = lock_receiving(receiving_id, expected_version)
    cancel(receiving, reason)
    return receiving


@operation(Role.RECEIVER, Role.SELLER)
def receive_at_once(
    *,
    warehouse_id: int,
    lines: Sequence[ReceivingLine],
    actor: Actor,
    location_id: int | None = None,
    supplier_id: int | None = None,
    reference: str = "",
    notes: str = "",
) -> Receiving:
    """A delivery made and confirmed in one transaction, for programs: one that dies leaves no draft behind. Locks and events as `confirm_receiving`.

    A seller may, in its own sites.
    """
    receiving = create_receiving.inside(
        warehouse_id=warehouse_id,
        location_id=location_id,
        supplier_id=supplier_id,
        supplier_reference=reference,
        notes=notes,
        lines=lines,
        actor=actor,
    )
    return confirm_receiving.inside(receiving.pk, actor=actor)


@operation(Role.RECEIVER, Role.SELLER)
def place_stock(*, warehouse_id: int, line: ReceivingLine, actor: Actor, reason: str = "") -> Receiving:
    """`receive_at_once` of one line."""
    return receive_at_once.inside(warehouse_id=warehouse_id, location_id=line.location_id, lines=[line], notes=reason, actor=actor)


def _lock_open(receiving_id: int, expected_version: int | None) -> Receiving:
    receiving = lock_receiving(receiving_id, expected_version)
    require_status(receiving, OPEN_RECEIVINGS)
    return receiving


def _line_of(receiving: Receiving, item_id: int) -> ReceivingItem:
    item = receiving.items.filter(pk=item_id).first()
    if item is None:
        raise NotFound(f"{receiving} has no line {item_id}.", item=item_id)
    return item


def _require_supplier(supplier_id: int | None) -> None:
    if supplier_id is not None and not Supplier.objects.filter(pk=supplier_id).exists():
        raise NotFound(f"There is no supplier {supplier_id}.", supplier=supplier_id)


def _write_lines(receiving: Receiving, lines: Sequence[ReceivingLine]) -> list[ReceivingItem]:
    return ReceivingItem.objects.bulk_create(_judged(receiving, lines))


def _judged(receiving: Receiving, lines: Sequence[ReceivingLine]) -> list[ReceivingItem]:
    """The lines as rows that are not written yet. Raises PlaceNotAllowed, ValidationFailed naming line and field."""
    places_at(receiving.warehouse_id, {f"lines[{n}].location": line.location_id for n, line in enumerate(lines) if line.location_id is not None})
    products = Product.objects.in_bulk({line.product_id for line in lines})
    rows = []
    for number, line in enumerate(lines):
        product = products.get(line.product_id)
        if product is None or not product.is_active:
            raise ValidationFailed(f"There is no active product {line.product_id}.", errors=[{"field": f"lines[{number}].product"}])
        actual = line.expected_quantity if line.actual_quantity is None else line.actual_quantity
        for name, quantity in (
            ("expected_quantity", line.expected_quantity),
            ("actual_quantity", actual),
            ("damaged_quantity", line.damaged_quantity),
        ):
            require_line(quantity, product.quantity_step, sku=product.sku, field=f"lines[{number}].{name}")
        if line.damaged_quantity > actual:
            raise ValidationFailed(f"{product.sku}: more is damaged than has arrived.", errors=[{"field": f"lines[{number}].damaged_quantity"}])
        if line.purchase_price < 0:
            raise ValidationFailed(
                f"{product.sku}: a purchase price is nothing or more.", errors=[{"field": f"lines[{number}].purchase_price", "code": "negative"}]
            )
        if line.accept_short_dated and not line.short_dated_reason:
            raise ValidationFailed(
                f"{product.sku}: say why short dated goods are accepted.", errors=[{"field": f"lines[{number}].short_dated_reason"}]
            )
        require_dates(line.produced_on, line.label_expires_on, sku=product.sku, field=f"lines[{number}].produced_on")
        values = {name: getattr(line, name) for name in ReceivingLine.__slots__ if name != "actual_quantity"}
        require_lengths(ReceivingItem, values, where=f"lines[{number}].")
        rows.append(ReceivingItem(receiving=receiving, actual_quantity=actual, **values))
    return rows


def _agreed(scanned: _T, given: _T, field: str, scan: str) -> _T:
    """What the code says, else what was given beside it. Raises ValidationFailed when they contradict each other."""
    if scanned and given and scanned != given:
        raise ValidationFailed(
            f"{scan[:80]!r} says {scanned}, but {given} was given.", errors=[{"field": field, "code": "contradiction", "scanned": str(scanned)}]
        )
    return scanned or given


def _line_for(receiving: Receiving, product_id: int, lot_number: str, expires_on: date | None) -> ReceivingItem:
    lines = list(receiving.items.select_related("product").filter(product=product_id).order_by("pk"))
    if lot_number:
        for line in lines:
            if line.lot_number.upper() == lot_number.upper() and (expires_on is None or line.label_expires_on in (None, expires_on)):
                line.label_expires_on = line.label_expires_on or expires_on
                return line
        for line in lines:
            if not line.lot_number and not line.actual_quantity:
                line.lot_number, line.label_expires_on = lot_number, expires_on or line.label_expires_on
                return line
    else:
        fitting = [line for line in lines if expires_on is None or line.label_expires_on in (None, expires_on)]
        open_lines = [line for line in fitting if not line.lot_number] or (fitting if len(fitting) == 1 else [])
        if open_lines:
            open_lines[0].label_expires_on = open_lines[0].label_expires_on or expires_on
            return open_lines[0]
    product = Product.objects.get(pk=product_id)
    return ReceivingItem(receiving=receiving, product=product, lot_number=lot_number, label_expires_on=expires_on)
