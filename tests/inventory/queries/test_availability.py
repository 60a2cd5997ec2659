"""What may be promised."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Product
from inventory.orchestrator import InsufficientStock, OrderedLine, get_availability, promise_order
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(house: Site) -> Site:
    return site(code="SECOND", priority=200)


@pytest.fixture
def milk(house: Site, second: Site) -> Product:
    product = ProductFactory(sku="MILK", lives={"chilled": 30})
    stocked(product, house.cool, 4, lot="A", expires_in_days=3)
    stocked(product, house.cool, 6, lot="B", expires_in_days=9)
    stocked(product, house.quarantine, 5, lot="B", expires_in_days=9)
    stocked(product, second.cool, 2, lot="A", expires_in_days=3)
    return product


def figures(product: Product, **more: object) -> dict[int, tuple[Decimal, bool]]:
    return {a.warehouse_id: (a.available, a.can_reserve) for a in get_availability([product.pk], **more)}  # type: ignore[arg-type]


def test_per_warehouse_that_knows_it(milk: Product, house: Site, second: Site) -> None:
    assert figures(milk) == {house.id: (10, True), second.id: (2, True)}
    assert figures(milk, quantity=Decimal(3)) == {house.id: (10, True), second.id: (2, False)}
    assert figures(milk, warehouse_ids=[second.id]) == {second.id: (2, True)}


def test_where_there_is_none_of_it_it_says_so_when_asked(milk: Product, house: Site) -> None:
    jam = ProductFactory()

    assert figures(jam) == {}
    assert figures(jam, warehouse_ids=[house.id]) == {house.id: (0, False)}


def test_what_is_promised_is_not_available(milk: Product, house: Site, second: Site) -> None:
    promise_order("shop:1", [OrderedLine(milk.pk, Decimal(5), warehouse_id=house.id)], actor=ACTOR)

    assert figures(milk) == {house.id: (5, True), second.id: (2, True)}


def test_for_a_later_shipping_and_for_more_days(milk: Product, house: Site, second: Site) -> None:
    assert figures(milk, ship_at=timezone.now() + timedelta(days=5)) == {house.id: (6, True), second.id: (0, False)}
    assert figures(milk, min_remaining_days=5) == {house.id: (6, True), second.id: (0, False)}


@pytest.mark.parametrize(("days", "sellable"), [(0, 10), (2, 10), (4, 6), (20, 0)])
def test_it_promises_exactly_what_it_says(milk: Product, house: Site, days: int, sellable: int) -> None:
    """The one predicate: what is available can be promised, and not a piece more."""
    assert figures(milk, warehouse_ids=[house.id], min_remaining_days=days) == {house.id: (sellable, sellable > 0)}

    with pytest.raises(InsufficientStock):
        promise_order("shop:0", [OrderedLine(milk.pk, Decimal(sellable + 1), house.id, days)], actor=ACTOR)
    if sellable:
        promise_order("shop:1", [OrderedLine(milk.pk, Decimal(sellable), house.id, days)], actor=ACTOR)
    assert figures(milk, warehouse_ids=[house.id], min_remaining_days=days) == {house.id: (0, False)}


def test_the_next_expiry_is_that_of_what_is_for_sale(milk: Product, house: Site) -> None:
    (answer,) = get_availability([milk.pk], warehouse_ids=[house.id], min_remaining_days=5)

    assert answer.next_expiry is not None
    assert answer.next_expiry > timezone.now() + timedelta(days=8)


def test_as_many_statements_for_many_products_as_for_one(milk: Product, house: Site) -> None:
    many = [stocked(ProductFactory(), house.shelf, 1).product_id for _ in range(5)]
    counts = []
    for products in ([milk.pk], many):
        with CaptureQueriesContext(connection) as queries:
            get_availability(products)
        counts.append(len(queries))

    assert counts == [3, 3]
