"""What may be promised: computed with the one predicate, never lagging behind a job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils import timezone

from inventory.models import Product, Stock
from inventory.models.stock import StockKey
from inventory.stock import fefo
from inventory.stock.candidates import read_candidates
from warehouse.core.quantities import ZERO


@dataclass(frozen=True, slots=True)
class Availability:
    """How much of a product may be promised from a warehouse for a ship time, and whether so much as was asked may be."""

    product_id: int
    sku: str
    warehouse_id: int
    available: Decimal
    can_reserve: bool
    next_expiry: datetime | None


def get_availability(
    product_ids: Iterable[int],
    *,
    warehouse_ids: Iterable[int] | None = None,
    ship_at: datetime | None = None,
    min_remaining_days: int = 0,
    quantity: Decimal = ZERO,
) -> list[Availability]:
    """What is sellable of these products, per warehouse that knows them (or per given warehouse), for shipping at `ship_at` (default: now).

    `can_reserve` says whether `quantity` (default: anything at all) could be promised now. Reads without locks; three statements.
    """
    ship_at = ship_at or timezone.now()
    products = Product.objects.in_bulk(set(product_ids))
    if warehouse_ids is None:
        keys = [
            StockKey(*key) for key in Stock.objects.filter(product__in=products, warehouse__is_active=True).values_list("warehouse_id", "product_id")
        ]
    else:
        keys = [StockKey(warehouse, product) for warehouse in set(warehouse_ids) for product in products]
    amounts: dict[StockKey, Decimal] = dict.fromkeys(sorted(keys), ZERO)
    expiries: dict[StockKey, datetime] = {}
    for candidate in read_candidates(keys):
        key = StockKey(candidate.warehouse_id, candidate.product_id)
        if fefo.unfit(candidate, ship_at, max(min_remaining_days, products[key.product_id].min_remaining_days)) is None:
            amounts[key] += candidate.free
            if candidate.expires_at is not None:
                expiries[key] = min(expiries.get(key, candidate.expires_at), candidate.expires_at)
    return [
        Availability(key.product_id, products[key.product_id].sku, key.warehouse_id, amount, amount > 0 and amount >= quantity, expiries.get(key))
        for key, amount in amounts.items()
    ]
