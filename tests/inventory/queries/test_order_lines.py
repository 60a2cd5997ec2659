"""From what partners call things to what we call them; every bad line is named."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.errors import UnknownProduct, UnknownWarehouse
from inventory.models import Product, StorefrontProduct
from inventory.orchestrator import OrderedLine, resolve_lines
from inventory.queries.order_lines import MAX_LINES
from tests.factories.inventory import ProductFactory, Site, StorefrontFactory, StorefrontProductFactory, site
from warehouse.core.errors import ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk() -> Product:
    product = ProductFactory(sku="Milk-1")
    StorefrontProductFactory(product=product, external_listing_id="L-1", storefront=StorefrontFactory(external_id="own"))
    return product


def test_by_listing_and_by_sku_whatever_the_case(milk: Product, house: Site) -> None:
    lines = resolve_lines(
        [
            {"listing_id": "L-1", "quantity": "2", "warehouse_id": "1"},
            {"sku": " mILK-1 ", "quantity": 2.85 * 100 / 285, "warehouse": "MAIN", "min_remaining_days": "3"},
            {"listing_id": " L-1", "sku": "ignored", "quantity": Decimal(4), "warehouse_id": None},
        ]
    )

    assert lines == [
        OrderedLine(milk.pk, Decimal(2), house.id, 0, "L-1"),
        OrderedLine(milk.pk, Decimal(1), house.id, 3, ""),
        OrderedLine(milk.pk, Decimal(4), None, 0, "L-1"),
    ]


def test_numbers_as_partners_send_them(milk: Product) -> None:
    StorefrontProductFactory(product=milk, external_listing_id="77")

    assert resolve_lines([{"listing_id": 77, "quantity": 1}])[0].listing_id == "77"


def test_a_listing_is_looked_for_in_its_storefront(milk: Product) -> None:
    other = StorefrontProductFactory(external_listing_id="L-1", storefront=StorefrontFactory(external_id="market"))

    assert resolve_lines([{"listing_id": "L-1", "quantity": 1}], storefront_id="market")[0].product_id == other.product_id
    assert resolve_lines([{"listing_id": "L-1", "quantity": 1}], storefront_id="own")[0].product_id == milk.pk
    with pytest.raises(UnknownProduct) as refusal:
        resolve_lines([{"listing_id": "L-1", "quantity": 1}])
    assert refusal.value.errors == [{"field": "items[0]", "code": "ambiguous", "listing_id": "L-1", "sku": ""}]


def test_the_same_product_in_two_storefronts_is_no_doubt(milk: Product) -> None:
    StorefrontProductFactory(product=milk, external_listing_id="L-1", storefront=StorefrontFactory(external_id="market"))

    assert resolve_lines([{"listing_id": "L-1", "quantity": 1}])[0].product_id == milk.pk


def test_every_unknown_product_is_named(milk: Product) -> None:
    ProductFactory(sku="RETIRED", is_active=False)

    with pytest.raises(UnknownProduct) as refusal:
        resolve_lines([{"sku": "nope", "quantity": 1}, {"sku": "MILK-1", "quantity": 1}, {"listing_id": "L-9", "quantity": 1}, {"quantity": 1},
                       {"sku": "retired", "quantity": 1}])  # fmt: skip

    assert [(e["field"], e["sku"], e["listing_id"]) for e in refusal.value.errors] == [
        ("items[0]", "nope", ""), ("items[2]", "", "L-9"), ("items[3]", "", ""), ("items[4]", "retired", ""),
    ]  # fmt: skip
    assert refusal.value.detail == "No single active product is known as: SKU nope, listing L-9, SKU (none), SKU retired."
    assert refusal.value.status == 422


def test_every_unknown_warehouse_is_named(milk: Product, house: Site) -> None:
    with pytest.raises(UnknownWarehouse) as refusal:
        resolve_lines([{"sku": "MILK-1", "quantity": 1, **where} for where in ({"warehouse_id": "9"}, {"warehouse": "MAIN"}, {"warehouse": "9x"})])

    assert [(e["field"], e["asked"]) for e in refusal.value.errors] == [("items[0].warehouse_id", "9"), ("items[2].warehouse_id", "9x")]
    house.warehouse.is_active = False
    house.warehouse.save()
    with pytest.raises(UnknownWarehouse):
        resolve_lines([{"sku": "MILK-1", "quantity": 1, "warehouse": "MAIN"}])


@pytest.mark.parametrize("name", ["listing_id", "sku", "warehouse_id", "warehouse"])
@pytest.mark.parametrize("value", [[1], {"a": 1}, [], {}, True, False])
def test_a_name_is_text_or_a_number(milk: Product, house: Site, name: str, value: Any) -> None:
    """Else a list for a warehouse would be any warehouse, and one for a listing the product that the SKU names."""
    with pytest.raises(ValidationFailed, match="a name is text or a number") as refusal:
        resolve_lines([{"sku": "MILK-1", "quantity": 1}, {"sku": "MILK-1", "quantity": 1, name: value}])

    assert refusal.value.errors == [{"field": f"items[1].{name}", "code": "invalid"}]


def test_a_line_that_contradicts_itself(milk: Product, house: Site) -> None:
    ProductFactory(sku="HAM-1")
    site(code="NORTH", external_id="2")
    good = {"listing_id": "L-1", "sku": "milk-1", "quantity": 1, "warehouse_id": "1", "warehouse": "MAIN"}
    (line,) = resolve_lines([good])
    assert (line.product_id, line.warehouse_id) == (milk.pk, house.id)

    with pytest.raises(ValidationFailed, match=r"items\[1\].sku: listing L-1 is Milk-1, not HAM-1") as refusal:
        resolve_lines([good, good | {"sku": "ham-1"}])
    assert [(each["field"], each["code"]) for each in refusal.value.errors] == [("items[1].sku", "contradiction")]
    for code in ("NORTH", "nowhere"):
        with pytest.raises(ValidationFailed, match=rf"items\[0\].warehouse: warehouse 1 is not {code}") as refusal:
            resolve_lines([good | {"warehouse": code}])
        assert [(each["field"], each["code"]) for each in refusal.value.errors] == [("items[0].warehouse", "contradiction")]


def test_every_bad_quantity_is_named(milk: Product) -> None:
    bad: list[Any] = [0, -1, "NaN", "1e30", "two", None, 0.0001]

    with pytest.raises(ValidationFailed) as refusal:
        resolve_lines([{"sku": "MILK-1", "quantity": quantity} for quantity in [*bad, 1]])

    assert [e["field"] for e in refusal.value.errors] == [f"items[{n}].quantity" for n in range(7)]


def test_off_the_step(milk: Product) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        resolve_lines([{"sku": "MILK-1", "quantity": 1}, {"sku": "MILK-1", "quantity": 1.5}])

    assert refusal.value.errors == [{"field": "items[1].quantity", "code": "off_step", "sku": "Milk-1", "asked": "1.500", "step": "1.000"}]


def test_off_the_step_in_every_line(milk: Product) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        resolve_lines([{"sku": "MILK-1", "quantity": 0.5}, {"sku": "MILK-1", "quantity": 1.5}])

    assert [e["field"] for e in refusal.value.errors] == ["items[0].quantity", "items[1].quantity"]


@pytest.mark.parametrize("lines", [[], None, "text", {"sku": "x"}, [1], [None], [{"sku": "MILK-1", "quantity": 1}] * (MAX_LINES + 1)])
def test_what_are_no_lines(milk: Product, lines: Any) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        resolve_lines(lines)

    assert refusal.value.errors


@pytest.mark.parametrize("days", [-1, "x", 3651, 1e400, "NaN", [], {"a": 1}, 1.5, True, "9" * 5000, "٣"])
def test_days_that_are_none(milk: Product, days: Any) -> None:
    with pytest.raises(ValidationFailed, match="is not a number of days") as refusal:
        resolve_lines([{"sku": "MILK-1", "quantity": 1, "min_remaining_days": days}])

    assert refusal.value.errors == [{"field": "items[0].min_remaining_days", "code": "invalid"}]


@pytest.mark.parametrize(("days", "read"), [(None, 0), ("", 0), (0, 0), ("7", 7), (3650, 3650)])
def test_days_that_are_some(milk: Product, days: Any, read: int) -> None:
    assert resolve_lines([{"sku": "MILK-1", "quantity": 1, "min_remaining_days": days}])[0].min_remaining_days == read


def test_characters_that_a_database_refuses(milk: Product, house: Site) -> None:
    with pytest.raises(UnknownProduct):
        resolve_lines([{"sku": "MILK\x00-1", "quantity": 1}])
    with pytest.raises(UnknownWarehouse):
        resolve_lines([{"sku": "MILK-1", "quantity": 1, "warehouse": "MA\x00IN"}])
    with pytest.raises(UnknownProduct):
        resolve_lines([{"sku": "\ud800", "quantity": 1}])


def test_as_many_statements_for_a_hundred_lines_as_for_one(milk: Product, house: Site) -> None:
    counts = []
    for number in (1, 100):
        with CaptureQueriesContext(connection) as queries:
            resolve_lines([{"sku": "MILK-1", "quantity": 1, "warehouse_id": "1"}, {"listing_id": "L-1", "quantity": 1}] * number)
        counts.append(len(queries))

    assert counts == [3, 3]


def test_a_listing_without_its_storefront_is_found_by_an_index() -> None:
    products = [ProductFactory(lives={}) for _ in range(20)]
    front = StorefrontFactory()
    StorefrontProduct.objects.bulk_create(
        StorefrontProduct(storefront=front, product=products[n % 20], external_listing_id=f"L-{n}") for n in range(2000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE inventory_storefrontproduct, inventory_product")
    assert "listing_by_name" in StorefrontProduct.objects.filter(external_listing_id__in=["L-1", "L-2"], product__is_active=True).explain()
