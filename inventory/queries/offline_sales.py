"""What a till may sell, and which promises stand in its way. Reads without locks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from inventory.models import OfflineSale, Product
from inventory.queries.availability import get_availability
from inventory.stock import fefo
from warehouse.core.errors import NotFound, ValidationFailed
from warehouse.core.quantities import ZERO, require_step


@dataclass(frozen=True, slots=True)
class SaleLine:
    """So much of a product over the counter; the quantity is validated."""

    product_id: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class AffectedReservation:
    """A promise on the goods that a till lacks. `quantity` is what releasing it would give; once picking has started nothing is taken from it."""

    reservation_id: int
    order_ref: str
    quantity: Decimal
    picking_started: bool
    confirmed: bool
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class LineConflict:
    """One product of a sale: how much of it may be sold now, and which promises would have to give way for the rest, the newest first."""

    product_id: int
    sku: str
    asked: Decimal
    available: Decimal
    affected_reservations: tuple[AffectedReservation, ...] = ()

    @property
    def shortage(self) -> Decimal:
        return max(self.asked - self.available, ZERO)

    @property
    def has_conflict(self) -> bool:
        return self.shortage > 0


@dataclass(frozen=True, slots=True)
class SaleConflict:
    """Whether a till may sell all of it, and what each product says."""

    lines: tuple[LineConflict, ...]

    @property
    def has_conflict(self) -> bool:
        return any(line.has_conflict for line in self.lines)


class SoldPart(NamedTuple):
    """What left from where, as the ledger has it."""

    product_id: int
    sku: str
    batch_id: int
    lot_number: str
    location: str
    quantity: Decimal


_PROMISED = """
    SELECT i.product_id, r.id, r.order_ref, i.quantity - i.consumed - i.released, r.started_at IS NOT NULL, r.confirmed_at IS NOT NULL, r.expires_at,
           bl.effective_expires_at, bl.blocked_reason
    FROM inventory_batchlocation bl
    JOIN inventory_reservationitem i ON i.batch_location_id = bl.id AND i.quantity > i.consumed + i.released
    JOIN inventory_reservation r ON r.id = i.reservation_id AND r.status = 'active'
    WHERE bl.warehouse_id = %s AND bl.product_id = ANY(%s::bigint[]) AND bl.has_stock
    ORDER BY r.id DESC, i.id DESC
"""
_SOLD = """
    SELECT m.document_id, m.product_id, p.sku, m.batch_id, b.lot_number, l.code, -m.quantity_change
    FROM inventory_movement m
    JOIN inventory_product p ON p.id = m.product_id
    JOIN inventory_batch b ON b.id = m.batch_id
    JOIN inventory_location l ON l.id = m.location_id
    WHERE m.document_type = 'offline_sale' AND m.document_id = ANY(%s::bigint[])
    ORDER BY m.id
"""


def sale_conflict(warehouse_id: int, asked: Mapping[int, Decimal], products: Mapping[int, Product]) -> SaleConflict:
    """Which of these quantities, by product, are not for sale here now, and which active reservations hold the goods that are missing.

    Available is what a till would get: fit and free now. Three statements, and one more when something is short.
    """
    available = {row.product_id: row.available for row in get_availability(asked, warehouse_ids=[warehouse_id])}
    short = [products[product] for product, quantity in asked.items() if quantity > available[product]]
    promised = _promised(warehouse_id, short) if short else {}
    return SaleConflict(
        tuple(
            LineConflict(product, products[product].sku, quantity, available[product], tuple(promised.get(product, ())))
            for product, quantity in asked.items()
        )
    )


def summed(lines: Sequence[SaleLine]) -> dict[int, Decimal]:
    """Quantities by product. Raises ValidationFailed when there is no line."""
    if not lines:
        raise ValidationFailed("There is no line to sell.")
    asked: dict[int, Decimal] = {}
    for line in lines:
        asked[line.product_id] = asked.get(line.product_id, ZERO) + line.quantity
    return asked


def require_products(asked: Mapping[int, Decimal]) -> dict[int, Product]:
    """The products by id. Raises NotFound for one that there is not, ValidationFailed for a quantity that is none or off its step."""
    products = Product.objects.in_bulk(asked)
    for product_id, quantity in asked.items():
        if product_id not in products:
            raise NotFound(f"There is no product {product_id}.", product=product_id)
        product = products[product_id]
        require_step(quantity, product.quantity_step, sku=product.sku, zero_allowed=False)
    return products


def sold_parts(sale_ids: Iterable[int]) -> dict[int, list[SoldPart]]:
    """Which batches left with each of these sales, by its id. One statement."""
    result: dict[int, list[SoldPart]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SOLD, [sorted(set(sale_ids))])
        for sale, *part in cursor.fetchall():
            result.setdefault(sale, []).append(SoldPart(*part))
    return result


def find_sale(warehouse_id: int, receipt_number: str) -> OfflineSale | None:
    """The sale that was booked under this receipt."""
    return OfflineSale.objects.filter(warehouse=warehouse_id, receipt_number=receipt_number).first()


def _promised(warehouse_id: int, products: Sequence[Product]) -> dict[int, list[AffectedReservation]]:
    """Who holds goods of these products here that would be fit for sale, by product: one entry per reservation."""
    days = {product.pk: product.min_remaining_days for product in products}
    now = timezone.now()
    found: dict[tuple[int, int], AffectedReservation] = {}
    with connection.cursor() as cursor:
        cursor.execute(_PROMISED, [warehouse_id, list(days)])
        rows = cursor.fetchall()
    for product, reservation, order_ref, held, started, confirmed, expires_at, *goods in rows:
        if not started and fefo.unfit(fefo.Judged(*goods), now, days[product]) is not None:
            continue
        before = found.get((product, reservation))
        quantity = held + (before.quantity if before else ZERO)
        found[product, reservation] = AffectedReservation(reservation, order_ref, quantity, started, confirmed, expires_at)
    result: dict[int, list[AffectedReservation]] = {}
    for (product, _), entry in found.items():
        result.setdefault(product, []).append(entry)
    return result
