"""Lines asked for, and what is held for them: what tests of reservations share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from inventory.models import Product, ReservationItem
from inventory.orchestrator import OrderedLine, Reserved


def line(product: Product, quantity: int | str, **more: Any) -> OrderedLine:
    return OrderedLine(product.pk, Decimal(quantity), **more)


def held(reserved: Reserved) -> list[tuple[str, Decimal]]:
    rows = ReservationItem.objects.filter(reservation=reserved.reservation_id).order_by("pk").select_related("batch_location__batch")
    return [(row.batch_location.batch.lot_number, row.held) for row in rows]
