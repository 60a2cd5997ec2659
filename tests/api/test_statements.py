"""Lists and single rows cost the same number of statements, however many rows there are; at most twelve."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from fulfillment.enums import DisagreementKind
from fulfillment.models import PackingTask, PickingTask, PutBack, Shipment
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.sweep import keep_disagreement
from inventory.models import BatchLocation, OfflineSale, Product, Receiving, Reservation, Return, Transfer, Warehouse, WriteOff
from inventory.orchestrator import (
    MixSource,
    OrderedLine,
    ReturnLine,
    SaleLine,
    TransferLine,
    WriteOffLine,
    consume_reservation,
    create_audit,
    create_return,
    create_transfer,
    create_write_off,
    mix_batches,
    process_offline_sale,
    reserve_for_order,
    send_transfer,
)
from tests.factories.fulfillment import ACTOR, order_for, packed, person, picked
from tests.factories.inventory import (
    BarcodeFactory,
    ProductFactory,
    SellerFactory,
    Site,
    StorefrontFactory,
    StorefrontProductFactory,
    SupplierFactory,
    site,
    stocked,
)
from warehouse.core.actor import Role
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db
MOST = 12


def one_more() -> None:
    """One more of everything, each with its own site, product, people."""
    here, product = site(seller=SellerFactory(), street="S 1"), ProductFactory()
    picker, packer = person(Role.PICKER), person(Role.PACKER)
    SupplierFactory()
    BarcodeFactory(product=product)
    StorefrontProductFactory(product=product, storefront=StorefrontFactory(seller=SellerFactory()))
    stocked(product, here.shelf, 10)
    stocked(product, here.cool, 4) if product.shelf_lives.filter(condition="chilled").exists() else None
    stocked(product, here.shelf, 2)
    order = order_for([(product, 3, here)], provider_code="postexpress")
    packed(picked(PickingTask.objects.get(order=order), picker), packer)
    gone = order_for([(product, 2, here)])
    picked(PickingTask.objects.get(order=gone), picker)
    came_back([product], here.warehouse)
    mixed_and_sold(product, here.id)
    create_audit(warehouse_id=here.id, actor=ACTOR)
    thrown_away([product], here)
    on_its_way([product], here)
    process_order_cancelled(gone.source, gone.external_id, "x", actor=ACTOR)
    keep_disagreement(gone.external_id, DisagreementKind.CANCELLED_HERE, "cancelled", "confirmed", "", actor=ACTOR)
    for event in OutboxEvent.objects.filter(position=None).order_by("sequence"):
        last = OutboxEvent.objects.filter(position__isnull=False).order_by("-position").values_list("position", flat=True).first() or 0
        OutboxEvent.objects.filter(pk=event.pk).update(position=last + 1)


def mixed_and_sold(product: Product, warehouse_id: int) -> OfflineSale:
    """A mix of two lots, and a till's receipt."""
    places = BatchLocation.objects.filter(product=product, warehouse=warehouse_id, quantity__gt=F("reserved"), location__kind="storage").order_by(
        "pk"
    )
    sources = [MixSource(place.pk, Decimal(1)) for place in places[:2]]
    mix_batches(warehouse_id=warehouse_id, to_location_id=places[0].location_id, sources=sources, actor=ACTOR)
    return process_offline_sale(warehouse_id=warehouse_id, lines=[SaleLine(product.pk, Decimal(1))], receipt_number=f"R{product.pk}", actor=ACTOR)


def thrown_away(products: list[Product], here: Site) -> WriteOff:
    """The draft of a write-off with a line of each product."""
    lines = [WriteOffLine(stocked(product, here.dock, 1).pk, Decimal(1), "lost") for product in products]
    return create_write_off(warehouse_id=here.id, lines=lines, actor=person(Role.RECEIVER))


def on_its_way(products: list[Product], here: Site) -> Transfer:
    """A transfer that was sent, with a line of each product."""
    lines = [TransferLine(stocked(product, here.dock, 1).pk, Decimal(1)) for product in products]
    paper = create_transfer(source_warehouse_id=here.id, target_warehouse_id=site().id, lines=lines, actor=person(Role.RECEIVER))
    return send_transfer(paper.pk, actor=ACTOR)


def came_back(products: list[Product], here: Warehouse) -> Return:
    """The draft of a return with a line of each product."""
    ref = f"till:{products[0].pk}"
    lines = [OrderedLine(product.pk, Decimal(1)) for product in products]
    consume_reservation(reserve_for_order(ref, lines, warehouse_id=here.pk, actor=ACTOR).reservation_id, actor=ACTOR)
    return create_return(warehouse_id=here.pk, order_ref=ref, lines=[ReturnLine(product.pk, Decimal(1)) for product in products], actor=ACTOR)


LISTS = [
    "products", "barcodes", "warehouses", "locations", "suppliers", "storefronts", "storefront-products", "batches", "mixed-batches", "offline-sales",
    "stock", "stock/low",
    "movements", "receivings", "returns", "transfers", "write-offs", "audits", "reservations", "orders", "picking-tasks", "packing-tasks", "shipments",
    "put-backs", "order-disagreements", "events",
]  # fmt: skip


def test_lists_do_not_grow(manager):
    def counts() -> dict[str, int]:
        found = {}
        for path in LISTS:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                response = manager.get(path)
            rows = response.json()["events" if path == "events" else "results"]
            assert rows or path == "stock/low", path
            found[path] = len(queries)
        return found

    one_more()
    first = counts()
    one_more()
    one_more()
    assert counts() == first
    assert {path: count for path, count in first.items() if count > MOST} == {}
    assert first["movements"] <= 4
    assert first["stock"] <= 4


def test_every_list_is_walked_to_its_end(manager):
    one_more()
    one_more()
    for path in LISTS:
        if path == "events":
            continue
        everything = [row["id"] for row in manager.get(path, page_size=500).json()["results"]]
        seen: list[int] = []
        link = f"/api/v1/{path}?page_size=1"
        while link:
            body = manager.get(link).json()
            seen += [row["id"] for row in body["results"]]
            link = body["next"]
            assert len(seen) <= len(everything), path
        assert seen == everything, path


def test_single_rows_do_not_grow(manager):
    here, picker, packer = site(street="S 1"), person(Role.PICKER), person(Role.PACKER)
    counted = []
    for lines in (1, 3):
        products = [ProductFactory() for _ in range(lines)]
        for product in products:
            stocked(product, here.shelf, 10)
        order = order_for([(product, 2, here) for product in products], provider_code="postexpress")
        reservation = Reservation.objects.get(order_ref=order.order_ref)
        task = PickingTask.objects.get(order=order)
        packing = packed(picked(task, picker), packer)
        paths = [
            f"products/{products[0].pk}",
            f"orders/{order.pk}",
            f"reservations/{reservation.pk}",
            f"reservations/{reservation.pk}/explain",
            f"picking-tasks/{task.pk}",
            f"picking-tasks/by-order/{order.external_id}",
            f"packing-tasks/{packing.pk}",
            f"shipments/{Shipment.objects.get(order=order).pk}",
            f"receivings/{Receiving.objects.order_by('-pk').values_list('pk', flat=True)[0]}",
            f"returns/{came_back(products, here.warehouse).pk}",
            f"write-offs/{thrown_away(products, here).pk}",
            f"transfers/{on_its_way(products, here).pk}",
            f"locations/{here.shelf.pk}/stock",
            f"products/{products[0].pk}/stock",
            f"stock/availability?sku={products[0].sku}",
            f"stock/picking-locations?sku={products[0].sku}&warehouse={here.warehouse.code}",
        ]
        found = []
        for path in paths:
            with CaptureQueriesContext(connection) as queries:
                assert manager.get(path).status_code == 200, path
            found.append(len(queries))
        counted.append(found)
    assert counted[0] == counted[1]
    assert max(counted[0]) <= MOST
    assert PackingTask.objects.count() == 2
    assert not PutBack.objects.exists()
