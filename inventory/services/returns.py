"""Goods that come back from customers: the paper. What was found is `return_inspection`, the moment they come onto the books `return_completion`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from inventory.enums import OPEN_RETURNS, LocationKind
from inventory.errors import MoreThanShipped
from inventory.locks import lock_return, lock_returns_of
from inventory.models import Product, Return, ReturnItem
from inventory.queries.locations import default_location, places_at
from inventory.queries.returns import Shipped, balance_of, shipped_under
from inventory.queries.stock import require_site
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import cancel, require_known, require_status
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.quantities import ZERO, plain, require_line
from warehouse.core.transactions import operation

HEAD = frozenset({"location_id", "reference", "customer_reason", "notes"})
Fault = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReturnLine:
    """A line as a caller gives it. Without a batch it is split over the batches that left under the order, in the order they left."""

    product_id: int
    quantity: Decimal
    batch_id: int | None = None
    location_id: int | None = None


@operation(Role.RECEIVER)
def create_return(
    *,
    warehouse_id: int,
    order_ref: str,
    actor: Actor,
    lines: Sequence[ReturnLine] = (),
    location_id: int | None = None,
    reference: str = "",
    customer_reason: str = "",
    notes: str = "",
) -> Return:
    """Write a draft of what came back, perhaps to another warehouse than it left from. The goods go to `location_id` (default: the receiving dock).

    Takes the lock of the order's returns, and no gate: who calls it inside an operation that takes gates calls it before them. Raises NotFound when
    nothing was shipped under the order, Conflict when `reference` is known there, MoreThanShipped naming every line that asks for more than was shipped
    and neither came back nor stands in another open return.
    """
    warehouse = require_site(warehouse_id, actor)
    lock_returns_of(order_ref)
    shipped = shipped_under(order_ref)
    if not shipped:
        raise NotFound(
            f"Nothing was shipped under {order_ref!r}. Look the order up; its name begins with its source, such as shop:1001.", order_ref=order_ref
        )
    _refuse_known(order_ref, reference)
    if location_id is not None:
        places_at(warehouse_id, {"location": location_id})
    document = Return.objects.create(
        warehouse=warehouse,
        location_id=location_id or default_location(warehouse_id, LocationKind.RECEIVING),
        order_ref=order_ref,
        reference=reference,
        customer_reason=customer_reason,
        notes=notes,
        created_by_id=actor.user_id,
    )
    _write_lines(document, lines, shipped)
    return document


@operation(Role.RECEIVER)
def change_return(return_id: int, values: Mapping[str, Any], *, actor: Actor, expected_version: int | None = None) -> Return:
    """Rewrite the head of a return that is open: `location_id`, `reference`, `customer_reason`, `notes`. Locks it, then the order's returns."""
    require_known(values, HEAD)
    document = lock_open(return_id, expected_version)
    if "location_id" in values:
        places_at(document.warehouse_id, {"location": values["location_id"]})
    lock_returns_of(document.order_ref)
    if values.get("reference", document.reference) != document.reference:
        _refuse_known(document.order_ref, values["reference"])
    for name, value in values.items():
        setattr(document, name, value)
    document.save_changes(*(name.removesuffix("_id") for name in values))
    return document


@operation(Role.RECEIVER)
def add_return_item(return_id: int, line: ReturnLine, *, actor: Actor, expected_version: int | None = None) -> list[ReturnItem]:
    """Add a line to an open return; it becomes one per batch. Locks the return, then the order's returns. Raises MoreThanShipped."""
    document = lock_open(return_id, expected_version)
    lock_returns_of(document.order_ref)
    items = _write_lines(document, [line], shipped_under(document.order_ref))
    document.save_changes()
    return items


@operation(Role.RECEIVER)
def remove_return_item(return_id: int, item_id: int, *, actor: Actor, expected_version: int | None = None) -> Return:
    """Strike a line off an open return, with its photo. Raises NotFound."""
    document = lock_open(return_id, expected_version)
    item = document.items.filter(pk=item_id).first()
    if item is None:
        raise NotFound(f"{document} has no line {item_id}.", item=item_id)
    photo = item.photo
    item.delete()
    document.save_changes()
    if photo:
        storage, name = photo.storage, str(photo.name)
        transaction.on_commit(lambda: storage.delete(name))
    return document


@operation(Role.RECEIVER)
def cancel_return(return_id: int, *, reason: str, actor: Actor, expected_version: int | None = None) -> Return:
    """Give up a return that is not completed; nothing was booked, and what it claimed may be returned by another one."""
    document = lock_return(return_id, expected_version)
    cancel(document, reason)
    return document


def lock_open(return_id: int, expected_version: int | None = None) -> Return:
    """Lock a return that is not completed or cancelled. Raises TransitionRefused when it is."""
    document = lock_return(return_id, expected_version)
    require_status(document, OPEN_RETURNS)
    return document


def _refuse_known(order_ref: str, reference: str) -> None:
    known = Return.objects.filter(order_ref=order_ref, reference=reference).first() if reference else None
    if known is not None:
        raise Conflict(f"{known} of {order_ref} has the reference {reference!r} already.", return_id=known.pk, number=known.number)


def _write_lines(document: Return, lines: Sequence[ReturnLine], shipped: Sequence[Shipped]) -> list[ReturnItem]:
    products = Product.objects.in_bulk({line.product_id for line in lines})
    places_at(document.warehouse_id, {f"lines[{n}].location": line.location_id for n, line in enumerate(lines) if line.location_id is not None})
    _refuse_senseless(lines, products)
    left = {row.batch_id: row.free for row in shipped}
    batches: dict[int, list[int]] = defaultdict(list)
    for row in shipped:
        batches[row.product_id].append(row.batch_id)
    rows: list[ReturnItem] = []
    faults: list[Fault] = []
    for number, line in enumerate(lines):
        missing = line.quantity
        for batch_id in batches[line.product_id]:
            part = min(missing, left[batch_id]) if line.batch_id in (None, batch_id) else ZERO
            if part > 0:
                left[batch_id] -= part
                missing -= part
                rows.append(
                    ReturnItem(return_document=document, product_id=line.product_id, batch_id=batch_id, quantity=part, location_id=line.location_id)
                )
        if missing > 0:
            faults.append({"field": f"lines[{number}].quantity", "sku": products[line.product_id].sku, **_balance(line, shipped, missing)})
    if faults:
        raise MoreThanShipped(f"More than was shipped under {document.order_ref}", faults)
    return ReturnItem.objects.bulk_create(rows)


def _balance(line: ReturnLine, shipped: Sequence[Shipped], missing: Decimal) -> Fault:
    """What there was, for the one who asked for too much; lines before this one have taken their part of `may_come_back`."""
    mine = [row for row in shipped if row.product_id == line.product_id and line.batch_id in (None, row.batch_id)]
    return {"asked": plain(line.quantity), "may_come_back": plain(line.quantity - missing), **balance_of(mine)}


def _refuse_senseless(lines: Sequence[ReturnLine], products: Mapping[int, Product]) -> None:
    faults: list[ValidationFailed] = []
    for number, line in enumerate(lines):
        product = products.get(line.product_id)
        field = f"lines[{number}]"
        if product is None:
            faults.append(ValidationFailed(f"There is no product {line.product_id}.", errors=[{"field": f"{field}.product", "code": "unknown"}]))
            continue
        try:
            require_line(line.quantity, product.quantity_step, sku=product.sku, field=f"{field}.quantity", zero_allowed=False)
        except ValidationFailed as error:
            faults.append(error)
    if faults:
        raise ValidationFailed(" ".join(fault.detail for fault in faults), errors=[error for fault in faults for error in fault.errors])
