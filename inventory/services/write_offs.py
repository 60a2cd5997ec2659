"""Goods that leave the books without being sold: the paper. The moment when they leave is `write_off_confirmation`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from inventory.enums import WriteOffOrigin, WriteOffReason, WriteOffStatus
from inventory.locks import lock_write_off
from inventory.models import BatchLocation, WriteOff, WriteOffItem
from inventory.queries.stock import require_own_site, require_site
from inventory.services.write_off_confirmation import confirm_write_off
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import REASON_LENGTH, cancel, require_status
from warehouse.core.errors import NotFound, ValidationFailed
from warehouse.core.quantities import require_step
from warehouse.core.transactions import operation


@dataclass(frozen=True, slots=True)
class WriteOffLine:
    """A line as a caller gives it: so much of what lies in a BatchLocation, and why. The reason `other` needs a note."""

    batch_location_id: int
    quantity: Decimal
    reason: str
    note: str = ""


@operation(Role.RECEIVER, Role.SELLER)
def create_write_off(
    *,
    warehouse_id: int,
    actor: Actor,
    lines: Sequence[WriteOffLine] = (),
    notes: str = "",
    release_reservations: bool = False,
) -> WriteOff:
    """Write a draft; nothing leaves. The goods are valued at the purchase price of their batch as it is now.

    `release_reservations` says that promised goods may be taken too. A closed site may be emptied so: it is the one paper that can be written for it. A
    seller writes off in its own sites only. Raises NotFound, and ValidationFailed naming every wrong line.
    """
    require_site(warehouse_id, actor, closed=True)
    return make_write_off(
        warehouse_id=warehouse_id, lines=lines, notes=notes, release_reservations=release_reservations, origin=WriteOffOrigin.MANUAL, actor=actor
    )


def make_write_off(
    *,
    warehouse_id: int,
    origin: WriteOffOrigin,
    actor: Actor,
    lines: Sequence[WriteOffLine] = (),
    notes: str = "",
    release_reservations: bool = False,
) -> WriteOff:
    """A draft within another operation, which answers for the site and for the origin: on that depends who must approve it."""
    write_off = WriteOff.objects.create(
        warehouse_id=warehouse_id, notes=notes, release_reservations=release_reservations, origin=origin, created_by_id=actor.user_id
    )
    write_lines(write_off, lines)
    return write_off


@operation(Role.RECEIVER, Role.SELLER)
def change_write_off(
    write_off_id: int, *, actor: Actor, notes: str | None = None, release_reservations: bool | None = None, expected_version: int | None = None
) -> WriteOff:
    """Change the head of a draft; what is None stays."""
    write_off = lock_draft(write_off_id, actor, expected_version)
    if notes is not None:
        write_off.notes = notes
    if release_reservations is not None:
        write_off.release_reservations = release_reservations
    write_off.save_changes("notes", "release_reservations")
    return write_off


@operation(Role.RECEIVER, Role.SELLER)
def add_write_off_item(write_off_id: int, line: WriteOffLine, *, actor: Actor, expected_version: int | None = None) -> WriteOffItem:
    """Add a line to a draft."""
    write_off = lock_draft(write_off_id, actor, expected_version)
    (item,) = write_lines(write_off, [line])
    write_off.save_changes()
    return item


@operation(Role.RECEIVER, Role.SELLER)
def remove_write_off_item(write_off_id: int, item_id: int, *, actor: Actor, expected_version: int | None = None) -> WriteOff:
    """Take a line out of a draft. Raises NotFound when it has no such line."""
    write_off = lock_draft(write_off_id, actor, expected_version)
    deleted, _ = write_off.items.filter(pk=item_id).delete()
    if not deleted:
        raise NotFound(f"{write_off} has no line {item_id}.", item=item_id)
    write_off.save_changes()
    return write_off


@operation(Role.RECEIVER, Role.SELLER)
def cancel_write_off(write_off_id: int, *, reason: str, actor: Actor, expected_version: int | None = None) -> WriteOff:
    """Give up a write-off that is not confirmed; the goods stay on the books."""
    write_off = lock_write_off(write_off_id, expected_version)
    require_own_site(write_off.warehouse_id, actor)
    cancel(write_off, reason)
    return write_off


@operation(Role.RECEIVER, Role.SELLER)
def remove_stock(*, warehouse_id: int, line: WriteOffLine, actor: Actor, notes: str = "", release_reservations: bool = False) -> WriteOff:
    """A write-off of one line, made and confirmed in one transaction, for programs. Locks, events and approval as `confirm_write_off`."""
    write_off = create_write_off.inside(warehouse_id=warehouse_id, lines=[line], notes=notes, release_reservations=release_reservations, actor=actor)
    return confirm_write_off.inside(write_off.pk, actor=actor)


def lock_draft(write_off_id: int, actor: Actor, expected_version: int | None = None) -> WriteOff:
    """Lock a write-off whose lines may still be changed. Raises TransitionRefused when it is none any more."""
    write_off = lock_write_off(write_off_id, expected_version)
    require_own_site(write_off.warehouse_id, actor)
    require_status(write_off, {WriteOffStatus.DRAFT})
    return write_off


def write_lines(write_off: WriteOff, lines: Sequence[WriteOffLine]) -> list[WriteOffItem]:
    """Insert the lines, valued at their batches' purchase prices. Raises ValidationFailed with every fault of every line."""
    places = BatchLocation.objects.select_related("batch", "product").in_bulk({line.batch_location_id for line in lines})
    faults: list[ValidationFailed] = []
    rows = []
    for number, line in enumerate(lines):
        place = places.get(line.batch_location_id)
        faults += _faults(line, place, write_off.warehouse_id, f"lines[{number}]")
        if place is not None:
            rows.append(_item(write_off, line, place))
    if faults:
        raise ValidationFailed(" ".join(fault.detail for fault in faults), errors=[error for fault in faults for error in fault.errors])
    return WriteOffItem.objects.bulk_create(rows)


def _item(write_off: WriteOff, line: WriteOffLine, place: BatchLocation) -> WriteOffItem:
    return WriteOffItem(
        write_off=write_off,
        batch_location=place,
        product_id=place.product_id,
        batch_id=place.batch_id,
        quantity=line.quantity,
        reason=line.reason,
        note=line.note.strip(),
        unit_cost=place.batch.purchase_price,
        currency=place.batch.currency,
    )


def _faults(line: WriteOffLine, place: BatchLocation | None, warehouse_id: int, at: str) -> list[ValidationFailed]:
    found: list[ValidationFailed] = []

    def fault(name: str, code: str, text: str, **more: Any) -> None:
        found.append(ValidationFailed(text, errors=[{"field": f"{at}.{name}", "code": code, **more}]))

    if place is None or place.warehouse_id != warehouse_id:
        fault("batch_location", "unknown", f"There are no goods {line.batch_location_id} in this warehouse.", batch_location=line.batch_location_id)
    else:
        try:
            require_step(line.quantity, place.product.quantity_step, sku=place.product.sku, field=f"{at}.quantity", zero_allowed=False)
        except ValidationFailed as error:
            found.append(error)
    if line.reason not in WriteOffReason.values:
        fault("reason", "invalid", f"{line.reason[:20]!r} is no reason; known: {', '.join(WriteOffReason.values)}.")
    elif line.reason == WriteOffReason.OTHER and not line.note.strip():
        fault("note", "required", "Say what the other reason is.")
    if len(line.note) > REASON_LENGTH:
        fault("note", "too_long", f"A note may have {REASON_LENGTH} characters.")
    return found
