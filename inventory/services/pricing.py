"""Prices of storefronts' pages: the only writer of them, of their history, and of the event that says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from inventory import events
from inventory.locks import lock_listings_of
from inventory.models import ReceivingItem, Stock, StorefrontProduct, Warehouse
from inventory.queries.prices import BEST_DISCOUNT
from warehouse.core.actor import Actor
from warehouse.core.errors import ValidationFailed
from warehouse.core.quantities import ZERO
from warehouse.core.transactions import require_transaction

CENT = Decimal("0.01")
FINEST = Decimal("0.0001")
LARGEST_PRICE = Decimal(10) ** 10

_WRITE = f"""
    WITH page AS (
        SELECT sp.id, sp.storefront_id, sp.external_listing_id, sp.product_id, sp.currency, n.purchase_price, n.price,
               sp.purchase_price AS purchase_before, sp.price AS price_before, sp.discounted_price AS discounted_before,
               sp.effective_price AS effective_before
        FROM unnest(%(ids)s::bigint[], %(purchase_prices)s::numeric[], %(prices)s::numeric[]) AS n (id, purchase_price, price)
        JOIN inventory_storefrontproduct sp ON sp.id = n.id
    ), next AS (
        SELECT page.*, best.price AS discounted, coalesce(best.price, page.price) AS effective, best.id AS discount_id,
               coalesce(best.reason, '') AS discount_reason
        FROM page {BEST_DISCOUNT}
    ), written AS (
        UPDATE inventory_storefrontproduct sp
        SET purchase_price = next.purchase_price, price = next.price, discounted_price = next.discounted
        FROM next WHERE sp.id = next.id
          AND (next.purchase_before, next.price_before, next.discounted_before) IS DISTINCT FROM (next.purchase_price, next.price, next.discounted)
    ), history AS (
        INSERT INTO inventory_pricechange (storefront_product_id, field, before, after, currency, reason, changed_by, changed_at)
        SELECT next.id, f.field, f.before, f.after, next.currency, %(reason)s::text, %(actor)s::text, %(at)s::timestamptz
        FROM next CROSS JOIN LATERAL (VALUES
            (1, 'purchase_price', next.purchase_before, next.purchase_price),
            (2, 'price', next.price_before, next.price),
            (3, 'effective_price', next.effective_before, next.effective)
        ) AS f (rank, field, before, after)
        WHERE f.before <> f.after ORDER BY next.id, f.rank
    )
    INSERT INTO outbox_outboxevent (id, type, aggregate_type, aggregate_id, payload, actor)
    SELECT gen_random_uuid(), %(event)s::text, 'storefront_product', next.id::text,
           jsonb_build_object('shop_product_id', next.id, 'listing_id', next.external_listing_id, 'storefront_id', s.external_id,
                              'product_id', next.product_id, 'price', trim_scale(next.price)::text,
                              'effective_price', trim_scale(next.effective)::text, 'effective_price_before', trim_scale(next.effective_before)::text,
                              'currency', next.currency, 'discount_id', next.discount_id, 'discount_reason', next.discount_reason,
                              'reason', %(reason)s::text),
           %(actor)s::text
    FROM next JOIN inventory_storefront s ON s.id = next.storefront_id
    WHERE next.effective_before <> next.effective ORDER BY next.id
"""


@dataclass(frozen=True, slots=True)
class NewPrice:
    """What a page's purchase price and price are to be."""

    listing_id: int
    purchase_price: Decimal
    price: Decimal

    @classmethod
    def unchanged(cls, listing: StorefrontProduct) -> NewPrice:
        """The prices that the page has: for what only its discounts change."""
        return cls(listing.pk, listing.purchase_price, listing.price)


def write_prices(prices: Sequence[NewPrice], *, reason: str, actor: Actor, at: datetime | None = None) -> None:
    """Set the prices of these pages, find the best discount of each anew, keep what changed in the history. One statement for any number of pages.

    Requires the locks of the pages, taken in an earlier statement. Emits inventory.price.changed for every page whose price after discounts changes.
    """
    require_transaction()
    if not prices:
        return
    values: dict[str, Any] = {
        "ids": [price.listing_id for price in prices],
        "purchase_prices": [price.purchase_price for price in prices],
        "prices": [price.price for price in prices],
        "reason": reason[:200],
        "actor": actor.name,
        "at": at or timezone.now(),
        "event": events.PRICE_CHANGED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)


def marked_up(purchase_price: Decimal, markup_percent: Decimal) -> Decimal:
    """The price by the markup rule, to the cent, half up. Raises ValidationFailed when no column holds it."""
    price = (purchase_price * (1 + markup_percent / 100)).quantize(CENT, ROUND_HALF_UP)
    if price >= LARGEST_PRICE:
        raise ValidationFailed(f"A markup of {markup_percent} % on {purchase_price} makes a price that is too large.", field="markup_percent")
    return price


def update_purchase_prices(warehouse_id: int, items: Iterable[ReceivingItem], *, reason: str, actor: Actor) -> None:
    """Let the storefronts' purchase prices, and by their markup the prices, follow what was received; before the goods are posted.

    By the setting PURCHASE_PRICE_POLICY: `last`, the price of the last line; `weighted_average`, (quantity before × price before + Σ quantity × price) /
    quantity after, over all sites of this site's seller. Lines without a price say nothing, nor does one in another currency than the page's, or a page
    of a storefront that does not sell from here. Four statements at most; locks the pages in order of id. Emits inventory.price.changed.
    """
    bought = _bought(items)
    if not bought:
        return
    average = settings.PURCHASE_PRICE_POLICY == "weighted_average"
    held = _held_by_the_seller(warehouse_id, {product for product, _ in bought}) if average else {}
    prices = []
    for listing in lock_listings_of({product for product, _ in bought}, sold_from=warehouse_id):
        lines = bought.get((listing.product_id, listing.currency))
        if lines is None:
            continue
        before = held.get(listing.product_id, ZERO) if listing.purchase_price else ZERO
        new = _averaged(before, listing.purchase_price, lines) if average else lines[-1][1]
        if new != listing.purchase_price:
            price = listing.price if listing.markup_percent is None else marked_up(new, listing.markup_percent)
            prices.append(NewPrice(listing.pk, new, price))
    write_prices(prices, reason=reason, actor=actor)


def _held_by_the_seller(warehouse_id: int, product_ids: Iterable[int]) -> dict[int, Decimal]:
    """How much of each product lies in the sites that have the same seller as this one, or none as it."""
    seller = Warehouse.objects.values_list("seller_id", flat=True).get(pk=warehouse_id)
    rows = Stock.objects.filter(warehouse__seller=seller, product__in=set(product_ids)).order_by().values_list("product_id")
    return dict(rows.annotate(Sum("quantity")))


def _bought(items: Iterable[ReceivingItem]) -> dict[tuple[int, str], list[tuple[Decimal, Decimal]]]:
    """Quantity and price of each line that has a price, by product and currency."""
    result: dict[tuple[int, str], list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for item in items:
        if item.purchase_price > 0:
            result[item.product_id, item.currency].append((item.actual_quantity, item.purchase_price))
    return result


def _averaged(quantity: Decimal, price: Decimal, lines: Iterable[tuple[Decimal, Decimal]]) -> Decimal:
    bought = list(lines)
    whole = quantity + sum((amount for amount, _ in bought), ZERO)
    value = quantity * price + sum((amount * each for amount, each in bought), ZERO)
    return (value / whole).quantize(FINEST, ROUND_HALF_UP)
