"""A little more than was promised, because the scale says so."""

from __future__ import annotations

from decimal import Decimal

from inventory.enums import DocumentType, MovementType
from inventory.errors import PlaceNotAllowed
from inventory.models import BatchLocation
from inventory.services.moving import BENCHES, places_within, shift
from inventory.stock.gate import StockKey, lock_stock
from inventory.stock.post import Header
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound
from warehouse.core.transactions import operation


@operation(Role.PACKER)
def bring_surplus(
    batch_location_id: int,
    quantity: Decimal,
    *,
    warehouse_id: int,
    product_id: int,
    bench_batch_location_id: int,
    document_type: DocumentType,
    document_id: int,
    actor: Actor,
) -> None:
    """Move free goods from the shelf to those of the same lot on a bench: they are there already, the scale has shown it (ledger `pick`, two lines).

    `warehouse_id` and `product_id` name the gate, which is taken first. Event inventory.moved. Raises InsufficientStock when less is free on the shelf,
    PlaceNotAllowed when the other place is no bench, Conflict when these goods can't join those on the bench.
    """
    key = StockKey(warehouse_id, product_id)
    gate = lock_stock([key])
    rows = BatchLocation.objects.select_related("batch__product", "location").in_bulk([batch_location_id, bench_batch_location_id])
    for pk in (batch_location_id, bench_batch_location_id):
        if pk not in rows or StockKey(rows[pk].warehouse_id, rows[pk].product_id) != key:
            raise NotFound(f"There is no place {pk} of this product in this warehouse.")
    shelf, bench = rows[batch_location_id], rows[bench_batch_location_id]
    if bench.location.kind not in BENCHES:
        raise PlaceNotAllowed(f"{bench.location} is no bench.", location=bench.location.code)
    (target,) = places_within([(shelf, bench.location_id)])
    header = Header(actor=actor, document_type=document_type, document_id=document_id)
    if shift(gate, [(shelf, quantity, target)], MovementType.PICK, MovementType.PICK, header) != [bench.pk]:
        raise Conflict(f"The goods on {bench.location} have aged otherwise than those in {shelf.location}. Leave the surplus out.")
