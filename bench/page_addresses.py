"""Which pages of the big tables `bench.pages` looks at: lists plain, far behind, filtered and searched, by busy and by quiet goods, with and without a hit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

from django.db import connection

from inventory.models import BatchLocation, Reservation, Stock

TABLES = ("movement", "stock", "batchlocation", "batch", "reservation")
API_LISTS = ("movements", "stock", "batches", "reservations")
ADMIN_PAGE = 100


class Found(NamedTuple):
    """Rows to ask for: of the busy lot, which has a share of the whole ledger, and of goods that nobody wanted for long."""

    busy: BatchLocation
    quiet: BatchLocation
    promise: Reservation
    total: Stock


def find_rows() -> Found:
    """One pass through the ledger: the busy lot has most of its sales at a till."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT batch_location_id FROM inventory_movement WHERE type = 'offline_sale' GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
        busy = BatchLocation.objects.select_related("batch", "product", "location").get(pk=cursor.fetchone()[0])
    quiet = BatchLocation.objects.select_related("batch", "product", "location").filter(product__sku__startswith="LEDGER-").earliest("pk")
    return Found(
        busy,
        quiet,
        Reservation.objects.filter(order_ref__startswith="ledger:").earliest("pk"),
        Stock.objects.get(warehouse=busy.warehouse_id, product=busy.product_id),
    )


def admin_pages(found: Found) -> Iterator[tuple[str, str]]:
    """Name and path below `/admin/`."""
    busy, quiet = found.busy, found.quiet
    yield "start", ""
    for table in TABLES:
        yield table, f"inventory/{table}/"
        yield f"{table}, page {ADMIN_PAGE}", f"inventory/{table}/?{urlencode({'p': ADMIN_PAGE})}"
    for name, goods in (("busy", busy), ("quiet", quiet)):
        for table in ("movement", "stock", "batchlocation", "batch"):
            yield f"{table} by {name} product", f"inventory/{table}/?{urlencode({'product__id__exact': goods.product_id})}"
        yield f"movement by {name} location", f"inventory/movement/?{urlencode({'location__id__exact': goods.location_id})}"
        yield f"movement found by {name} lot", f"inventory/movement/?{urlencode({'q': goods.batch.lot_number})}"
        yield f"movement found by {name} SKU", f"inventory/movement/?{urlencode({'q': goods.product.sku})}"
        yield f"batchlocation found by {name} lot", f"inventory/batchlocation/?{urlencode({'q': goods.batch.lot_number})}"
        yield f"batch found by {name} lot", f"inventory/batch/?{urlencode({'q': goods.batch.lot_number})}"
        yield f"batch {name}", f"inventory/batch/{goods.batch_id}/change/"
        yield f"batchlocation {name}", f"inventory/batchlocation/{goods.pk}/change/"
    yield "movement found by order", f"inventory/movement/?{urlencode({'q': found.promise.order_ref})}"
    yield "movement by site", f"inventory/movement/?{urlencode({'warehouse__id__exact': busy.warehouse_id})}"
    yield "movement by type", f"inventory/movement/?{urlencode({'type__exact': 'offline_sale'})}"
    yield "movement by type, none", f"inventory/movement/?{urlencode({'type__exact': 'mix_in'})}"
    yield "stock by status", f"inventory/stock/?{urlencode({'status__exact': 'low_stock'})}"
    yield "stock by status, none", f"inventory/stock/?{urlencode({'status__exact': 'out_of_stock'})}"
    yield "stock found by name", f"inventory/stock/?{urlencode({'q': found.busy.product.name})}"
    yield "batchlocation by reason, none", f"inventory/batchlocation/?{urlencode({'blocked_reason__exact': 'recalled'})}"
    yield "batch by status, none", f"inventory/batch/?{urlencode({'status__exact': 'recalled'})}"
    yield "reservation found by order", f"inventory/reservation/?{urlencode({'q': found.promise.order_ref})}"
    yield "reservation by status", f"inventory/reservation/?{urlencode({'status__exact': 'active'})}"
    yield "reservation by status, none", f"inventory/reservation/?{urlencode({'status__exact': 'expired'})}"
    yield "reservation row", f"inventory/reservation/{found.promise.pk}/change/"
    yield "stock row", f"inventory/stock/{found.total.pk}/change/"


def api_pages(found: Found) -> Iterator[tuple[str, str]]:
    """Name and path below `/api/v1/`."""
    for name in API_LISTS:
        yield name, name
    for name, goods in (("busy", found.busy), ("quiet", found.quiet)):
        for path, query in (
            ("movements", {"product": goods.product_id}),
            ("movements", {"batch": goods.batch_id}),
            ("movements", {"location": goods.location.code}),
            ("movements", {"lot_number": goods.batch.lot_number}),
            ("movements", {"sku": goods.product.sku, "type": "sale"}),
            ("stock", {"product": goods.product_id}),
            ("batches", {"product": goods.product_id}),
            ("batches", {"search": goods.batch.lot_number}),
        ):
            yield f"{path} by {name} {'+'.join(query)}", f"{path}?{urlencode(query)}"
        yield f"products/{name}/stock", f"products/{goods.product_id}/stock"
        yield f"locations/{name}/stock", f"locations/{goods.location_id}/stock"
    for path, query in (
        ("movements", {"order_ref": found.promise.order_ref}),
        ("movements", {"reservation": str(found.promise.pk)}),
        ("movements", {"ordering": "occurred_at"}),
        ("movements", {"type": "mix_in"}),
        ("movements", {"performed_by": "nobody"}),
        ("movements", {"occurred_from": "2000-01-01T00:00:00Z", "occurred_to": "2000-02-01T00:00:00Z"}),
        ("stock", {"status": "low_stock"}),
        ("stock", {"status": "out_of_stock"}),
        ("stock", {"search": found.busy.product.sku}),
        ("stock", {"ordering": "sku"}),
        ("stock/low", {}),
        ("batches", {"status": "recalled"}),
        ("batches", {"ordering": "label_expires_on"}),
        ("reservations", {"order_ref": found.promise.order_ref}),
        ("reservations", {"status": "active"}),
        ("reservations", {"status": "expired"}),
        ("reservations", {"ordering": "created_at"}),
    ):
        yield f"{path} by {'+'.join(query) or 'emptiness'} {query.get('status', '')}".rstrip(), f"{path}?{urlencode(query)}"
