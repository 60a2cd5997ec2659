"""Every row lock of inventory but the gate (`inventory.stock.gate`). Taken in the order of the common rules: documents, products,
batches, gate, reservations; a product whose freshness rules change comes after its gates, with a lock that no share waits for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from django.db import connection, models
from django.db.models import Exists, OuterRef, Q

from inventory.models import (
    Alert,
    AlertMessage,
    Audit,
    Batch,
    CountRequest,
    Location,
    Product,
    Receiving,
    Reservation,
    ReservationItem,
    Return,
    Stock,
    StorefrontProduct,
    Transfer,
    Warehouse,
    WriteOff,
)
from warehouse.core.errors import NotFound
from warehouse.core.locking import lock_row, lock_rows
from warehouse.core.transactions import require_transaction

M = TypeVar("M", bound=models.Model)


def lock_catalogue_row(model: type[M], pk: int, expected_version: int | None = None) -> M:
    """One row of the catalogue, FOR NO KEY UPDATE."""
    return lock_row(model, pk, expected_version)


def lock_product_alone(product_id: int) -> Product:
    """The product FOR UPDATE, before its gates: whoever receives goods of it (`share_products`) waits, or has ended."""
    require_transaction()
    product = Product.objects.select_for_update(of=("self",)).filter(pk=product_id).first()
    if product is None:
        raise NotFound(f"There is no product {product_id}.", kind="product", id=product_id)
    return product


def lock_receiving(receiving_id: int, expected_version: int | None = None) -> Receiving:
    """The receiving, FOR NO KEY UPDATE."""
    return lock_row(Receiving, receiving_id, expected_version)


def lock_transfer(transfer_id: int, expected_version: int | None = None) -> Transfer:
    """The transfer, FOR NO KEY UPDATE."""
    return lock_row(Transfer, transfer_id, expected_version)


def lock_write_off(write_off_id: int, expected_version: int | None = None) -> WriteOff:
    """The write-off, FOR NO KEY UPDATE."""
    return lock_row(WriteOff, write_off_id, expected_version)


def lock_return(return_id: int, expected_version: int | None = None) -> Return:
    """The return, FOR NO KEY UPDATE."""
    return lock_row(Return, return_id, expected_version)


def lock_returns_of(order_ref: str) -> None:
    """The right to say what comes back under an order: a lock on its name, until the transaction ends. After the return's own lock, before products,
    batches and gates.

    No row would do: inventory has none of an order; two returns of one order may come to two warehouses, and so through two gates; and a draft takes none.
    What is known of the order's returns must be read in a later statement. Another order's returns do not wait.
    """
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"returns of {order_ref}"])


def lock_audit(audit_id: int, expected_version: int | None = None) -> Audit:
    """The audit, FOR NO KEY UPDATE."""
    return lock_row(Audit, audit_id, expected_version)


def lock_count_request(request_id: int) -> CountRequest:
    """The request that a place be counted, FOR NO KEY UPDATE."""
    return lock_row(CountRequest, request_id)


def lock_batches(batch_ids: Iterable[int]) -> dict[int, Batch]:
    """Batches to be changed (hold, release, recall), FOR NO KEY UPDATE in order of id: who receives or moves goods of them (`share_batches`) waits."""
    return lock_rows(Batch, batch_ids)


def lock_listings(listing_ids: Iterable[int]) -> dict[int, StorefrontProduct]:
    """Storefronts' pages, FOR NO KEY UPDATE in order of id. After stock and reservations."""
    return lock_rows(StorefrontProduct, listing_ids)


def lock_listings_of(product_ids: Iterable[int], *, sold_from: int | None = None) -> list[StorefrontProduct]:
    """The storefronts' pages of the products (with `sold_from`: that sell the goods of this warehouse), FOR NO KEY UPDATE in order of id; none need be
    there. After stock and reservations.

    A seller's storefront sells its own sites' goods and those of sites without a seller; a storefront without a seller sells everybody's.
    """
    require_transaction()
    rows = StorefrontProduct.objects.select_for_update(of=("self",), no_key=True).filter(product__in=set(product_ids))
    if sold_from is not None:
        site = Warehouse.objects.filter(pk=sold_from).filter(Q(seller=None) | Q(seller=OuterRef("storefront__seller")))
        rows = rows.filter(Q(storefront__seller=None) | Exists(site))
    return list(rows.order_by("pk"))


def lock_alert(alert_id: int) -> Alert:
    """The alert, FOR NO KEY UPDATE."""
    return lock_row(Alert, alert_id)


def lock_alerts_of_kind(kind: str) -> None:
    """All alerts of a kind, those too that are not there yet: whoever compares the kind with what there is waits. Nothing is locked after it."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('inventory.alerts'), hashtext(%s))", [kind])


def lock_alert_message(channels: Iterable[str], now: datetime) -> AlertMessage | None:
    """The next message that is due on one of the channels, FOR NO KEY UPDATE; one that another worker has in hand is passed over."""
    require_transaction()
    rows = AlertMessage.objects.select_for_update(of=("self",), skip_locked=True, no_key=True).select_related("alert__warehouse", "alert__product")
    due = rows.filter(sent_at=None, channel__in=list(channels), next_attempt_at__lte=now, alert__resolved_at=None)
    return due.order_by("next_attempt_at", "pk").first()


def lock_products(product_ids: Iterable[int]) -> dict[int, Product]:
    """Products to be changed in what no goods are judged by, FOR NO KEY UPDATE in order of id."""
    return lock_rows(Product, product_ids)


def share_products(product_ids: Iterable[int]) -> dict[int, Product]:
    """Products FOR KEY SHARE, in order of id: nobody changes their unit or step while goods of them are received."""
    return _shared(Product, product_ids, "FOR KEY SHARE")


def share_batches(batch_ids: Iterable[int]) -> dict[int, Batch]:
    """Batches FOR SHARE, in order of id: nobody holds or recalls them while goods of them are received."""
    return _shared(Batch, batch_ids, "FOR SHARE")


def share_locations(location_ids: Iterable[int]) -> dict[int, Location]:
    """Places FOR SHARE, in order of id: nobody closes them or changes their condition while goods in them are judged. After the gates."""
    return _shared(Location, location_ids, "FOR SHARE")


def _shared(model: type[M], ids: Iterable[int], strength: str) -> dict[int, M]:
    require_transaction()
    rows = model._default_manager.raw(f"SELECT * FROM {model._meta.db_table} WHERE id = ANY(%s::bigint[]) ORDER BY id {strength}", [sorted(set(ids))])
    return {row.pk: row for row in rows}


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
