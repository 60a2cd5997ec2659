"""Views of stock: by place, by product, what is low, why a promise was made so."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery

from inventory.enums import StockStatus
from inventory.models import BatchLocation, Location, Product, Reservation, Stock, StorefrontProduct, Warehouse
from inventory.models.stock import StockKey
from warehouse.core.actor import Actor
from warehouse.core.errors import NotFound
from warehouse.core.quantities import plain


def visible_to(rows: QuerySet[Any], actor: Actor, *, warehouse: str = "warehouse") -> QuerySet[Any]:
    """What the actor may see: a seller only what lies in (or belongs to) its own sites, everybody else all. `warehouse` is the path to the site."""
    if not actor.own_sites_only:
        return rows
    # A subquery, not a join: no duplicates, so that a list needs no DISTINCT over the whole table.
    sites = Warehouse.objects.filter(seller__members=actor.user_id)
    return rows.filter(**{f"{warehouse}__in" if warehouse else "pk__in": sites})


def require_own_site(warehouse_id: int, actor: Actor) -> None:
    """Raise NotFound when the actor is a seller and the site is not one of its own; nobody else is limited to sites, or costs a statement.

    Every operation that admits sellers asks this for itself, whoever calls it.
    """
    if not actor.own_sites_only:
        return
    if not visible_to(Warehouse.objects.filter(pk=warehouse_id), actor, warehouse="").exists():
        raise NotFound(f"There is no warehouse {warehouse_id} among your sites.", warehouse=warehouse_id)


def active_site(warehouse_id: int, *, closed: bool = False) -> Warehouse:
    """The warehouse. Raises NotFound when there is none or, unless `closed` ones are admitted, when it is not active."""
    site = Warehouse.objects.filter(pk=warehouse_id).first()
    if site is None or not (site.is_active or closed):
        raise NotFound(f"There is no {'' if closed else 'active '}warehouse {warehouse_id}.", warehouse=warehouse_id)
    return site


def require_site(warehouse_id: int, actor: Actor, *, closed: bool = False) -> Warehouse:
    """The warehouse for which the actor wants to write a paper: an active one, of a seller one of its own. Raises NotFound otherwise.

    `closed` admits one that is closed: it takes no goods any more, but what still lies there must be got off the books.
    """
    require_own_site(warehouse_id, actor)
    return active_site(warehouse_id, closed=closed)


def stocked_by(rows: QuerySet[Any], actor: Actor, *, product: str = "pk") -> QuerySet[Any]:
    """Products that the actor may see: a seller what it has, or had, in its own sites, everybody else all. `product` is the path to the product."""
    if not actor.own_sites_only:
        return rows
    return rows.filter(**{f"{product}__in": Stock.objects.filter(warehouse__seller__members=actor.user_id).values("product")})


def get_location_stock(location_id: int) -> QuerySet[BatchLocation]:
    """What lies in a place, in the order of leaving."""
    if not Location.objects.filter(pk=location_id).exists():
        raise NotFound(f"There is no location {location_id}.", location=location_id)
    rows = BatchLocation.objects.filter(location=location_id, has_stock=True).select_related("batch", "product", "location")
    return rows.order_by("product__sku", F("effective_expires_at").asc(nulls_last=True), "received_at", "pk")


def get_product_stock(product_id: int) -> QuerySet[BatchLocation]:
    """Where a product lies, over all sites, in the order of leaving."""
    rows = BatchLocation.objects.filter(product=product_id, has_stock=True).select_related("batch", "location", "warehouse")
    return rows.order_by("warehouse__priority", F("effective_expires_at").asc(nulls_last=True), "received_at", "pk")


def free_in(batch_location_ids: Iterable[int]) -> dict[int, Decimal]:
    """How much nobody is promised in these BatchLocations, by id. One statement."""
    rows = BatchLocation.objects.filter(pk__in=set(batch_location_ids))
    return dict(rows.values_list("pk", F("quantity") - F("reserved")))


def get_low_stock() -> QuerySet[Stock]:
    """Totals at or below their threshold, the emptiest first."""
    # Named one by one: an index finds what is, not what is not.
    low = [StockStatus.LOW_STOCK, StockStatus.OUT_OF_STOCK]
    return Stock.objects.filter(status__in=low).select_related("product", "warehouse").order_by("available", "pk")


def stock_facts(keys: Iterable[StockKey]) -> dict[StockKey, dict[str, Any]]:
    """What every `stock.*` event says of a total, for events that the engine does not write itself. One statement."""
    wanted = set(keys)
    listing = StorefrontProduct.objects.filter(product=OuterRef("product")).order_by("pk")
    rows = Stock.objects.filter(warehouse__in={key.warehouse_id for key in wanted}, product__in={key.product_id for key in wanted}).annotate(
        page=Subquery(listing.values("pk")[:1]), listing=Subquery(listing.values("external_listing_id")[:1])
    )
    return {
        StockKey(row.warehouse_id, row.product_id): {
            "stock_id": row.pk,
            "shop_product_id": row.page,
            "listing_id": row.listing,
            "product_id": row.product_id,
            "warehouse_id": row.warehouse.external_id,
            "available": plain(row.available),
            "status": row.status,
        }
        for row in rows.select_related("warehouse")
        if StockKey(row.warehouse_id, row.product_id) in wanted
    }


def explain_reservation(reservation_id: int) -> dict[str, Any]:
    """Why these goods: for every choice what was asked, what was taken and what was passed over, with SKU, lot numbers and places beside the ids.

    A choice that somebody made against the order of leaving says so (`override`, `by`), one that followed because goods were taken away too
    (`reallocated`); both say what the goods are promised `instead_of`. Three statements.
    """
    reservation = Reservation.objects.filter(pk=reservation_id).first()
    if reservation is None:
        raise NotFound(f"There is no reservation {reservation_id}.", reservation=reservation_id)
    lines: list[dict[str, Any]] = reservation.explanation
    parts = [part for line in lines for part in (*line["taken"], *line["skipped"])]
    left = {line["instead_of"] for line in lines if "instead_of" in line}
    places = {
        pk: (lot, code)
        for pk, lot, code in BatchLocation.objects.filter(pk__in=left | {part["batch_location"] for part in parts}).values_list(
            "pk", "batch__lot_number", "location__code"
        )
    }
    skus = dict(Product.objects.filter(pk__in={line["product"] for line in lines}).values_list("pk", "sku"))
    for part in parts:
        part["lot"], part["location"] = places.get(part["batch_location"], ("", ""))
    for line in lines:
        line["sku"] = skus.get(line["product"], "")
        if "instead_of" in line:
            lot, code = places.get(line["instead_of"], ("", ""))
            line["instead_of"] = {"batch_location": line["instead_of"], "lot": lot, "location": code}
    return {"reservation": reservation.pk, "order_ref": reservation.order_ref, "warehouse": reservation.warehouse_id, "lines": lines}
