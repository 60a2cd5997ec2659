"""Every row lock of inventory but the gate (`inventory.stock.gate`). Taken in the order of the common rules: documents, batches, gate, reservations."""

from __future__ import annotations

from collections.abc import Iterable

from inventory.models import Batch, Receiving, Reservation, ReservationItem, Stock
from warehouse.core.errors import NotFound
from warehouse.core.locking import lock_row, lock_rows
from warehouse.core.transactions import require_transaction


def lock_receiving(receiving_id: int, expected_version: int | None = None) -> Receiving:
    """The receiving, FOR NO KEY UPDATE."""
    return lock_row(Receiving, receiving_id, expected_version)


def share_batches(batch_ids: Iterable[int]) -> dict[int, Batch]:
    """Batches FOR SHARE, in order of id: nobody holds or recalls them while goods of them are received."""
    rows = Batch.objects.raw("SELECT * FROM inventory_batch WHERE id = ANY(%s::bigint[]) ORDER BY id FOR SHARE", [sorted(set(batch_ids))])
    return {batch.pk: batch for batch in rows}


def lock_reservations(reservation_ids: Iterable[int]) -> dict[int, Reservation]:
    """Reservations, FOR NO KEY UPDATE in order of id. After the gate."""
    return lock_rows(Reservation, reservation_ids)


def lock_stock_settings(stock_id: int) -> Stock:
    """One Stock row, for its settings; the same lock as the gate."""
    return lock_row(Stock, stock_id)


def lock_reservation_item(item_id: int) -> ReservationItem:
    """A reservation item with its locked reservation, its BatchLocation, batch, product and location; one statement, after the gate.

    Only the reservation is locked: whoever changes an item or a BatchLocation holds the gate.
    """
    require_transaction()
    rows = ReservationItem.objects.select_for_update(of=("reservation",), no_key=True)
    item = rows.select_related("reservation", "batch_location__batch__product", "batch_location__location").filter(pk=item_id).first()
    if item is None:
        raise NotFound(f"There is no reservation item {item_id}.", item=item_id)
    return item
