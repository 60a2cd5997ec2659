"""Goods that are to go from one site to another, or within one: the paper. Its steps are `transfer_steps`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from inventory.enums import LocationKind, TransferStatus
from inventory.errors import PlaceNotAllowed
from inventory.locks import lock_transfer
from inventory.models import BatchLocation, Location, Transfer, TransferItem, Warehouse
from inventory.queries.locations import default_location
from inventory.services.moving import ON_THE_WAY
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
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
    sites = Warehouse.objects.filter(is_active=True).in_bulk({source_warehouse_id, target_warehouse_id})
    for pk in (source_warehouse_id, target_warehouse_id):
        if pk not in sites:
            raise NotFound(f"There is no active warehouse {pk}.", warehouse=pk)
    if target_location_id is not None:
        require_target(target_location_id, target_warehouse_id)
    transfer = Transfer.objects.create(
        source_warehouse=sites[source_warehouse_id],
        target_warehouse=sites[target_warehouse_id],
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
        require_target(target_location_id, transfer.target_warehouse_id)
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
    """Lock a transfer whose lines may still be changed. Raises Conflict when it is none any more."""
    transfer = lock_transfer(transfer_id, expected_version)
    if transfer.status != TransferStatus.DRAFT:
        raise Conflict(f"{transfer} is {transfer.get_status_display()}: it can't be changed any more.", status=transfer.status)
    return transfer


def require_target(location_id: int, warehouse_id: int) -> None:
    """Raise PlaceNotAllowed for what is no active place of the warehouse, or one where goods come by their tasks only."""
    fault = target_fault(Location.objects.filter(pk=location_id).first(), location_id, warehouse_id)
    if fault:
        raise PlaceNotAllowed(fault, errors=[{"field": "target_location", "code": "invalid"}])


def target_fault(place: Location | None, location_id: int, warehouse_id: int) -> str:
    """Why goods can't be sent to this place, or an empty text."""
    if place is None or place.warehouse_id != warehouse_id or not place.is_active:
        return f"Location {place or location_id} is not an active place of the target warehouse."
    if place.kind in ON_THE_WAY:
        return f"{place} is a {place.get_kind_display()}: name a shelf, a dock or quarantine."
    return ""


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
    targets = Location.objects.in_bulk({line.target_location_id for line in lines if line.target_location_id is not None})
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
        if line.target_location_id is not None:
            fault = target_fault(targets.get(line.target_location_id), line.target_location_id, transfer.target_warehouse_id)
            if fault:
                errors.append({"field": f"lines[{number}].target_location", "code": "invalid", "detail": fault})
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


def _quantity_faults(line: TransferLine, source: BatchLocation, field: str) -> list[dict[str, Any]]:
    try:
        require_step(line.quantity, source.product.quantity_step, sku=source.product.sku, field=field, zero_allowed=False)
    except ValidationFailed as error:
        return [entry | {"detail": error.detail} for entry in error.errors]
    return []
