"""Reading promises without locks: what an operation looks at before it takes the gates, and again after."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from django.db.models import F

from inventory.enums import ReservationStatus
from inventory.models import ReservationItem
from inventory.models.stock import StockKey


class HeldItem(NamedTuple):
    """What a reservation item still holds, and where."""

    id: int
    reservation_id: int
    warehouse_id: int
    product_id: int
    batch_id: int
    batch_location_id: int
    location_id: int
    held: Decimal

    @property
    def key(self) -> StockKey:
        return StockKey(self.warehouse_id, self.product_id)


def held_items(*, reservation_id: int | None = None, order_refs: Iterable[str] = ()) -> list[HeldItem]:
    """What is still held, by a reservation, or by the active reservations of these order references. One statement."""
    items = ReservationItem.objects.filter(quantity__gt=F("consumed") + F("released"))
    if reservation_id is not None:
        items = items.filter(reservation=reservation_id)
    else:
        items = items.filter(reservation__order_ref__in=list(order_refs), reservation__status=ReservationStatus.ACTIVE)
    rows = items.order_by("id").values_list(
        "id",
        "reservation_id",
        "reservation__warehouse_id",
        "product_id",
        "batch_location__batch_id",
        "batch_location_id",
        "batch_location__location_id",
        F("quantity") - F("consumed") - F("released"),
    )
    return [HeldItem(*row) for row in rows]
