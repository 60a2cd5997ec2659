"""What a buyer pays: the price of a page after the best of its discounts. One rule, used by every list, every write and the job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.utils import timezone

# For a FROM clause that has a `page` with id and price, and the parameter `at`: the valid discount that makes the price lowest, if any does. A
# discount is rounded to the cent, half up; one that would leave nothing of the price, or lift it, does not count.
BEST_DISCOUNT = """
    LEFT JOIN LATERAL (
        SELECT d.id, d.reason, d.price FROM (
            SELECT d.id, d.reason,
                   round(CASE d.kind WHEN 'percent' THEN page.price * (100 - d.value) / 100 ELSE page.price - d.value END, 2) AS price
            FROM inventory_discount d
            WHERE d.storefront_product_id = page.id AND d.valid_from <= %(at)s::timestamptz
              AND (d.valid_to IS NULL OR d.valid_to > %(at)s::timestamptz)
        ) d
        WHERE d.price > 0 AND d.price < page.price
        ORDER BY d.price, d.id LIMIT 1
    ) best ON true
"""

_EFFECTIVE = f"""
    SELECT page.id, page.price, coalesce(best.price, page.price), page.currency, best.id
    FROM inventory_storefrontproduct page {BEST_DISCOUNT}
    WHERE page.id = ANY(%(ids)s::bigint[]) ORDER BY page.id
"""

_DUE = f"""
    SELECT page.id
    FROM inventory_storefrontproduct page {BEST_DISCOUNT}
    WHERE page.id IN (
        SELECT id FROM inventory_storefrontproduct WHERE discounted_price IS NOT NULL
        UNION
        SELECT storefront_product_id FROM inventory_discount
        WHERE (valid_to IS NULL OR valid_to > %(at)s::timestamptz) AND valid_from <= %(at)s::timestamptz
    ) AND page.discounted_price IS DISTINCT FROM best.price
    ORDER BY page.id
"""


@dataclass(frozen=True, slots=True)
class EffectivePrice:
    """What a page's product costs at a moment, and the discount that makes it so."""

    listing_id: int
    price: Decimal
    effective_price: Decimal
    currency: str
    discount_id: int | None


def effective_prices(listing_ids: Iterable[int], at: datetime | None = None) -> dict[int, EffectivePrice]:
    """What these pages' products cost at the moment (default: now), computed from the discounts and not from the stored figure. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_EFFECTIVE, {"ids": sorted(set(listing_ids)), "at": at or timezone.now()})
        return {row[0]: EffectivePrice(*row) for row in cursor.fetchall()}


def listings_to_reprice(at: datetime | None = None) -> list[int]:
    """The pages whose stored price after discounts is not that of the moment (default: now): a discount has begun or ended. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"at": at or timezone.now()})
        return [row[0] for row in cursor.fetchall()]
