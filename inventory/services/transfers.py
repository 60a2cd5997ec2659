"""Goods that are to go from one site to another, or within one: the paper. Its steps are `transfer_steps`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from inventory.enums import LocationKind, TransferStatus
from inventory.errors import PlaceNotAllowed
from inventory.locks import lock_transfer
from inventory.models import BatchLocation, Transfer, TransferItem
from inventory.queries.locations import default_location, places_at
from inventory.queries.stock import active_site
from inventory.services.moving import AT_REST, ON_THE_WAY
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_status
from warehouse.core.errors import NotFound, ValidationFailed
from warehouse.core.quantities import require_step
from warehouse.core.transactions import operation


@dataclass(frozen=True, slots=True)
class TransferLine:
    """A line as a caller gives it: so much of what lies in a BatchLocation of the source, to a place of the target (default: the document's)."""

    batch_location_id: int
    quantity: Decimal
    target_location_id: int | None = None


@operation(Role.RECEIVER)
def create_transfer(
    *,
    source_warehouse_id: int,
    target_warehouse_id: int,
    actor: Actor,
    target_location_id: int | None = None,
    lines: Sequence[TransferLine] = (),
    notes: str = "",
) -> Transfer:
    """Write a draft; nothing moves. The goods go to `target_location_id` (default: the target's receiving dock) unless a line says otherwise.

    Source and target may be the same warehouse. Raises NotFound for a warehouse that is not there or not active, ValidationFailed with every wrong line.
    """
    source, target = active_site(source_warehouse_id), active_site(target_warehouse_id)
    if target_location_id is not None:
        places_at(target_warehouse_id, {"target_location": target_location_id}, AT_REST)
    transfer = Transfer.objects.create(
        source_warehouse=source,
        target_warehouse=target,
        target_location_id=target_location_id or default_location(target_warehouse_id, LocationKind.RECEIVING),
        notes=notes,
        created_by_id=actor.user_id,
    )
    write_lines(transfer, lines)
    return transfer


@operation(Role.RECEIVER)
def change_transfer(
    transfer_id: int, *, actor: Actor, target_location_id: int | None = None, notes: str | None = None, expected_version: int | None = None
) -> Transfer:
    """Change the head of a draft; what is None stays."""
    transfer = lock_draft(transfer_id, expected_version)
    if target_location_id is not None:
        places_at(transfer.target_warehouse_id, {"target_location": target_location_id}, AT_REST)
        transfer.target_location_id = target_location_id
    if notes is not None:
        transfer.notes = notes
    transfer.save_changes("target_location", "notes")
    return transfer


@operation(Role.RECEIVER)
def add_transfer_item(transfer_id: int, line: TransferLine, *, actor: Actor, expected_version: int | None = None) -> TransferItem:
    """Add a line to a draft."""
    transfer = lock_draft(transfer_id, expected_version)
    (item,) = write_lines(transfer, [line])
    transfer.save_changes()
    return item


@operation(Role.RECEIVER)
def remove_transfer_item(transfer_id: int, item_id: int, *, actor: Actor, expected_version: int | None = None) -> Transfer:
    """Take a line out of a draft. Raises NotFound when it has no such line."""
    transfer = lock_draft(transfer_id, expected_version)
    deleted, _ = transfer.items.filter(pk=item_id).delete()
    if not deleted:
        raise NotFound(f"{transfer} has no line {item_id}.", item=item_id)
    transfer.save_changes()
    return transfer


def lock_draft(transfer_id: int, expected_version: int | None = None) -> Transfer:
    """Lock a transfer whose lines may still be changed. Raises TransitionRefused when it is none any more."""
    transfer = lock_transfer(transfer_id, expected_version)
    require_status(transfer, {TransferStatus.DRAFT})
    return transfer


def source_fault(row: BatchLocation | None, batch_location_id: int, warehouse_id: int) -> str:
    """Why these goods can't be sent, or an empty text."""
    if row is None or row.warehouse_id != warehouse_id:
        return f"There are no goods {batch_location_id} in the source warehouse."
    if row.location.kind in ON_THE_WAY:
        return f"{row.product.sku} lies in {row.location}: what is there leaves by its own task or transfer."
    return ""


def write_lines(transfer: Transfer, lines: Sequence[TransferLine]) -> list[TransferItem]:
    """Insert the lines. Raises ValidationFailed with every fault of every line; whether the goods are free is judged when they are sent."""
    sources = BatchLocation.objects.select_related("product", "location").in_bulk({line.batch_location_id for line in lines})
    errors: list[dict[str, Any]] = []
    rows = []
    for number, line in enumerate(lines):
        source = sources.get(line.batch_location_id)
        fault = source_fault(source, line.batch_location_id, transfer.source_warehouse_id)
        if fault:
            errors.append({"field": f"lines[{number}].batch_location", "code": "invalid", "detail": fault})
        elif source is not None:
            errors += _quantity_faults(line, source, f"lines[{number}].quantity")
            rows.append(_item(transfer, line, source))
    errors += _place_faults(transfer, lines)
    if errors:
        raise ValidationFailed(" ".join(dict.fromkeys(error["detail"] for error in errors)), errors=errors)
    return TransferItem.objects.bulk_create(rows)


def _item(transfer: Transfer, line: TransferLine, source: BatchLocation) -> TransferItem:
    return TransferItem(
        transfer=transfer,
        source=source,
        product_id=source.product_id,
        batch_id=source.batch_id,
        quantity=line.quantity,
        target_location_id=line.target_location_id,
    )


def _place_faults(transfer: Transfer, lines: Sequence[TransferLine]) -> list[dict[str, Any]]:
    wanted = {f"lines[{n}].target_location": line.target_location_id for n, line in enumerate(lines) if line.target_location_id is not None}
    try:
        places_at(transfer.target_warehouse_id, wanted, AT_REST)
    except PlaceNotAllowed as error:
        return [entry | {"detail": f"{entry['detail']}."} for entry in error.errors]
    return []


def _quantity_faults(line: TransferLine, source: BatchLocation, field: str) -> list[dict[str, Any]]:
    try:
        require_step(line.quantity, source.product.quantity_step, sku=source.product.sku, field=field, zero_allowed=False)
    except ValidationFailed as error:
        return [entry | {"detail": error.detail} for entry in error.errors]
    return []
