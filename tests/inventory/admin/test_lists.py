"""Lists of inventory: as many statements with three rows as with one, no table counted, and nothing of strangers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import (
    Batch,
    BatchLocation,
    Location,
    MixedBatch,
    Movement,
    OfflineSale,
    Product,
    Receiving,
    Reservation,
    Stock,
    StorefrontProduct,
    Transfer,
    Warehouse,
)
from inventory.orchestrator import MixSource, OrderedLine, SaleLine, create_transfer, mix_batches, process_offline_sale, reserve_for_order
from tests.factories.inventory import ACTOR, ProductFactory, SellerFactory, Site, StorefrontProductFactory, SupplierFactory, site, stocked
from tests.factories.office import clerk, listing, office, page
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db

MODELS = [
    Batch,
    BatchLocation,
    Location,
    MixedBatch,
    Movement,
    OfflineSale,
    Product,
    Receiving,
    Reservation,
    Stock,
    StorefrontProduct,
    Transfer,
    Warehouse,
]
BIG = [Batch, BatchLocation, MixedBatch, Movement, OfflineSale, Reservation, Stock]


def grow(n: int) -> None:
    """One more row of everything, each with relatives of its own."""
    house, product = site(), ProductFactory()
    lots = [stocked(product, house.shelf, 5, lot=f"{name}{n}") for name in ("LOT", "MORE")]
    mix_batches(warehouse_id=house.id, to_location_id=house.shelf.pk, sources=[MixSource(lot.pk, Decimal(1)) for lot in lots], actor=ACTOR)
    process_offline_sale(warehouse_id=house.id, lines=[SaleLine(product.pk, Decimal(1))], receipt_number=str(n), actor=ACTOR)
    create_transfer(source_warehouse_id=house.id, target_warehouse_id=site().id, actor=ACTOR)
    Receiving.objects.update(supplier=SupplierFactory(), created_by=clerk())
    StorefrontProductFactory(product=product)
    reserve_for_order(f"test:{n}", [OrderedLine(product.pk, Decimal(1))], warehouse_id=house.id, actor=ACTOR)


def statements(client: Client, url: str) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in queries]


def test_a_list_costs_the_same_with_three_rows_as_with_one() -> None:
    client = office(Role.MANAGER)
    grow(1)
    costs = {model: len(statements(client, listing(model))) for model in MODELS}
    grow(2)
    grow(3)
    assert {model: len(statements(client, listing(model))) for model in MODELS} == costs
    assert max(costs.values()) <= 12, costs


def test_big_tables_are_never_counted() -> None:
    client = office(Role.MANAGER)
    grow(1)
    for model in BIG:
        for url in (listing(model), listing(model) + "?q=SKU-1", listing(model) + "?p=2"):
            counted = [sql for sql in statements(client, url) if "COUNT(" in sql and f'"{model._meta.db_table}"' in sql]
            assert counted == [], url


def rows(client: Client, model: Any, query: str = "") -> list[Any]:
    return list(client.get(listing(model) + query).context["cl"].result_list)


def test_movements_are_found_by_order_sku_and_lot(house: Site) -> None:
    client, product, other = office(Role.AUDITOR), ProductFactory(sku="AAA"), ProductFactory(sku="AAB")
    stocked(product, house.shelf, 5, lot="LOT-A")
    stocked(other, house.shelf, 5, lot="LOT-B")
    reserve_for_order("shop:7", [OrderedLine(other.pk, Decimal(1))], warehouse_id=house.id, actor=ACTOR)
    assert [m.product for m in rows(client, Movement, "?q=aaa")] == [product]
    assert [m.type for m in rows(client, Movement, "?q=shop:7")] == ["reservation"]
    assert [m.type for m in rows(client, Movement, "?q=LOT-B")] == ["reservation", "receiving"]
    assert rows(client, Movement, "?q=AA") == []


def test_stock_is_found_by_a_part_of_the_name(house: Site) -> None:
    honey = ProductFactory(name="Acacia honey")
    stocked(honey, house.shelf, 5)
    stocked(ProductFactory(name="Bread"), house.shelf, 5)
    assert [s.product for s in rows(office(Role.VIEWER), Stock, "?q=HONEY")] == [honey]


@pytest.fixture
def shop(db: None) -> tuple[Client, Site, Site]:
    """A seller with a site of its own, and a site of somebody else; the same product in both."""
    mine, theirs = site(seller=SellerFactory(), code="OURS-SITE"), site(seller=SellerFactory(), code="STRANGERS-SITE")
    client, member = Client(), clerk(Role.SELLER)
    mine.warehouse.seller.members.add(member)
    client.force_login(member)
    product = ProductFactory()
    stocked(product, mine.shelf, 5)
    stocked(product, theirs.shelf, 7)
    stocked(ProductFactory(), theirs.shelf, 7)
    return client, mine, theirs


def test_a_seller_sees_the_rows_of_its_own_sites(shop: tuple[Client, Site, Site]) -> None:
    client, mine, _ = shop
    assert [row.warehouse for row in rows(client, Stock)] == [mine.warehouse]
    assert [row.location for row in rows(client, BatchLocation)] == [mine.shelf]
    assert [row.warehouse for row in rows(client, Movement)] == [mine.warehouse]
    assert rows(client, Warehouse) == [mine.warehouse]
    assert {row.warehouse for row in rows(client, Location)} == {mine.warehouse}
    assert len(rows(client, Product)) == 1


def test_a_seller_opens_no_page_of_a_stranger(shop: tuple[Client, Site, Site]) -> None:
    client, mine, _ = shop
    for model in (Stock, BatchLocation, Movement, Location):
        for row in model.objects.all():
            own = row.warehouse_id == mine.id
            answer = client.get(page(row))
            assert (answer.status_code, answer.get("Location")) == ((200, None) if own else (302, "/admin/")), row


def test_a_seller_exports_its_own_rows_only(shop: tuple[Client, Site, Site]) -> None:
    client, mine, _ = shop
    for model in (Stock, Movement):
        chosen = {f"{model._meta.model_name}resource_warehouse": "on"}
        exported = client.post(listing(model) + "export/", {"format": "0", "resource": "", **chosen}).content.decode().split()
        assert exported == ["warehouse", mine.warehouse.code]


def test_a_seller_completes_only_its_own_places(shop: tuple[Client, Site, Site]) -> None:
    client, mine, theirs = shop
    asked = {"app_label": "inventory", "model_name": "batchlocation", "field_name": "location", "term": "A-01"}
    found = client.get("/admin/autocomplete/", asked).json()["results"]
    assert [int(place["id"]) for place in found] == [mine.shelf.pk]
    assert theirs.shelf.pk not in [int(place["id"]) for place in found]
