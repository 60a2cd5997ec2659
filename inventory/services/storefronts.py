"""Where goods are offered; the figures that storefronts show follow the stock events."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from inventory.enums import DiscountKind
from inventory.locks import lock_catalogue_row, lock_listings_of
from inventory.models import Discount, Storefront, StorefrontProduct
from inventory.models.storefronts import SELLS_FROM
from inventory.services.catalogue import Same, Values, change_row, create_row, delete_row, require_same, set_values
from inventory.services.pricing import NewPrice, marked_up, write_prices
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.quantities import ZERO, plain
from warehouse.core.transactions import operation

# Set by pricing alone.
PRICES = ("purchase_price", "price")

_FOLLOW = f"""
    UPDATE inventory_storefrontproduct sp SET stock_quantity = n.available
    FROM (
        SELECT page.id, coalesce(sum(greatest(s.available, 0)) FILTER (
                   WHERE w.is_active AND {SELLS_FROM}), 0) AS available
        FROM inventory_storefrontproduct page
        JOIN inventory_storefront front ON front.id = page.storefront_id
        LEFT JOIN inventory_stock s ON s.product_id = page.product_id
        LEFT JOIN inventory_warehouse w ON w.id = s.warehouse_id
        WHERE page.product_id = ANY(%s::bigint[]) GROUP BY page.id
    ) n
    WHERE sp.id = n.id AND sp.stock_quantity <> n.available
"""


def copy_stock(product_ids: Iterable[int]) -> None:
    """Copy what is available of the products, over all active sites that the storefront sells from, to its pages. Two statements; locks the pages in
    order of id.

    Also for what no stock event tells: a new page, a page of another product, a site that opens or closes.
    """
    # Locked first, so that of two copies at once the younger figure stays.
    products = sorted({page.product_id for page in lock_listings_of(product_ids)})
    if products:
        with connection.cursor() as cursor:
            cursor.execute(_FOLLOW, [products])


@operation(Role.INTEGRATION)
def create_storefront(values: Values, *, actor: Actor) -> Storefront:
    """Add a sales channel. Raises Conflict when the partners' id is taken."""
    return create_row(Storefront, values)


@operation(Role.INTEGRATION)
def change_storefront(storefront_id: int, values: Values, *, actor: Actor, same: Same = None) -> Storefront:
    """Set the values. Locks the storefront; raises NotFound, StaleVersion, Conflict."""
    return change_row(Storefront, storefront_id, values, same)


@operation(Role.INTEGRATION)
def create_listing(values: Values, *, actor: Actor) -> StorefrontProduct:
    """Put a product on a storefront's page. With a markup and a purchase price its price follows them.

    Emits inventory.price.changed. Raises Conflict when the storefront has this listing, ValidationFailed when the price contradicts the markup.
    """
    page = create_row(StorefrontProduct, _without_prices(values))
    _price(page, values, ruled=True, reason="new listing", actor=actor)
    copy_stock([page.product_id])
    page.refresh_from_db()
    return page


@operation(Role.INTEGRATION)
def change_listing(listing_id: int, values: Values, *, actor: Actor, same: Same = None) -> StorefrontProduct:
    """Set the values. A price set by hand stays until the purchase price or the markup changes: then it follows the markup again, where there is one.

    Locks the listing. Emits inventory.price.changed. Raises NotFound, StaleVersion, Conflict (also for another currency while amounts are taken off in
    the old one), and ValidationFailed when the price contradicts the markup set with it.
    """
    page = lock_catalogue_row(StorefrontProduct, listing_id)
    require_same(page, same)
    if values.get("currency", page.currency) != page.currency:
        _refuse_other_currency(page)
    before = (page.purchase_price, page.markup_percent, page.product_id)
    set_values(page, _without_prices(values))
    ruled = (values.get("purchase_price", before[0]), page.markup_percent) != before[:2]
    _price(page, values, ruled=ruled, reason="set by hand", actor=actor)
    if page.product_id != before[2]:
        copy_stock([page.product_id])
    page.refresh_from_db()
    return page


@operation(Role.INTEGRATION)
def delete_listing(listing_id: int, *, actor: Actor) -> None:
    """Take the listing out. Raises NotFound."""
    delete_row(StorefrontProduct, listing_id)


def _without_prices(values: Values) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in PRICES}


def _price(page: StorefrontProduct, values: Values, *, ruled: bool, reason: str, actor: Actor) -> None:
    """Write the prices that the values ask for; where the rule speaks now (`ruled`), the price is the markup's."""
    purchase_price: Decimal = values.get("purchase_price", page.purchase_price)
    price: Decimal = values.get("price", page.price)
    # A purchase price that nobody knows says nothing about the price.
    if ruled and page.markup_percent is not None and purchase_price > 0:
        by_rule = marked_up(purchase_price, page.markup_percent)
        if values.get("price", ZERO) not in (ZERO, page.price, by_rule):
            text = f"With a markup of {plain(page.markup_percent)} % the price is {by_rule}, not {plain(price)}. Leave out the price, or the markup."
            raise ValidationFailed(text, errors=[{"field": "price", "code": "contradicts_markup", "detail": text}])
        price = by_rule
    write_prices([NewPrice(page.pk, purchase_price, price)], reason=reason, actor=actor)


def _refuse_other_currency(page: StorefrontProduct) -> None:
    open_end = Q(valid_to=None) | Q(valid_to__gt=timezone.now())
    if Discount.objects.filter(open_end, storefront_product=page, kind=DiscountKind.FIXED).exists():
        raise Conflict(f"Amounts are taken off in {page.currency}: end these discounts of {page.external_listing_id} first.", listing=page.pk)
