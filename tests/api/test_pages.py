"""Pages, orders, filters."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from inventory.models import Product, Reservation, Warehouse
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ProductFactory, WarehouseFactory, site, stocked

pytestmark = pytest.mark.django_db


def walk(caller: Caller, path: str, link: str = "next", **query: Any) -> list[list[Any]]:
    """The ids on each page, following the links."""
    pages = []
    answer = caller.get(path, **query)
    while True:
        assert answer.status_code == 200, answer.content
        body = answer.json()
        pages.append([row["id"] for row in body["results"]])
        if body[link] is None:
            return pages
        answer = caller.get(body[link])


@pytest.fixture
def reservations():
    """Seven of them; the limits tie and are absent, as they like to be."""
    house, now = WarehouseFactory(), timezone.now()
    limits = [None, 2, 1, None, 2, 3, None]
    made = [
        Reservation.objects.create(order_ref=f"x:{n}", warehouse=house, expires_at=hours and now + timedelta(hours=hours))
        for n, hours in enumerate(limits)
    ]
    return [row.pk for row in made]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("", [6, 5, 4, 3, 2, 1, 0]),
        ("created_at", [0, 1, 2, 3, 4, 5, 6]),
        ("expires_at", [2, 1, 4, 5, 0, 3, 6]),
        ("-expires_at", [5, 4, 1, 2, 6, 3, 0]),
        ("expires_at,-created_at", [2, 4, 1, 5, 6, 3, 0]),
    ],
)
def test_every_row_once_there_and_back(manager, reservations, ordering, expected, size):
    query = {"page_size": size} | ({"ordering": ordering} if ordering else {})
    pages = walk(manager, "reservations", **query)
    assert [reservations.index(pk) for page in pages for pk in page] == expected
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
    answer = manager.get("reservations", **query).json()
    while answer["next"]:
        answer = manager.get(answer["next"]).json()
    back = [[row["id"] for row in answer["results"]]]
    while answer["previous"]:
        answer = manager.get(answer["previous"]).json()
        back.append([row["id"] for row in answer["results"]])
    assert sorted(pk for page in back for pk in page) == sorted(reservations)
    assert len({pk for page in back for pk in page}) == 7


def test_rows_that_come_meanwhile_shift_nothing(manager):
    old = [ProductFactory(sku=f"B{n}").pk for n in range(4)]
    first = manager.get("products", page_size=2).json()
    ProductFactory(sku="A0")
    Product.objects.filter(pk=old[1]).delete()
    second = manager.get(first["next"]).json()
    assert [row["id"] for row in second["results"]] == old[2:]


def test_links_keep_the_filters(manager):
    for n in range(3):
        ProductFactory(sku=f"OLD{n}", is_active=False)
        ProductFactory(sku=f"NEW{n}")
    rows = walk(manager, "products", page_size=1, is_active="true", search="NEW")
    assert [len(page) for page in rows] == [1, 1, 1]
    assert Product.objects.filter(pk__in=[pk for page in rows for pk in page], is_active=True).count() == 3


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "W10:1:2"}, "cursor"),
        ({"page_size": "0"}, "page_size"),
        ({"page_size": "501"}, "page_size"),
        ({"page_size": "²"}, "page_size"),
        ({"ordering": "name;drop"}, "ordering"),
        ({"colour": "red"}, "colour"),
        ({"is_active": "true", "limit": "1"}, "limit"),
    ],
)
def test_what_is_not_understood_is_refused(manager, query, field):
    response = manager.get("products", **query)
    assert codes(response) == (400, "validation_failed")
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_bad_values_of_filters_are_refused(manager):
    for query in ({"product": "x"}, {"status": "gone"}, {"product": "9" * 30}, {"sku": "x" * 121}, {"sku": "a\0b"}, {"search": "a\0b"}):
        assert codes(manager.get("stock", **query))[0] == 400
    assert codes(manager.get("movements", occurred_from="yesterday"))[0] == 400
    assert manager.get("movements", document="9" * 25).json()["results"] == []


def test_a_cursor_belongs_to_its_ordering(manager):
    ProductFactory(), ProductFactory()
    link = manager.get("products", page_size=1).json()["next"]
    assert codes(manager.get(link + "&ordering=-name")) == (400, "validation_failed")


def test_filters_and_search_find_what_they_say(manager):
    north, south = site(code="N", city="Oslo"), site(code="S", city="Rome")
    milk, bread = ProductFactory(sku="MILK", name="Whole milk"), ProductFactory(sku="BREAD", name="Rye bread")
    stocked(milk, north.shelf, 10)
    stocked(milk, south.shelf, 3)
    stocked(bread, south.shelf, 20)

    def seen(**query: Any) -> set[tuple[str, str]]:
        return {(row["warehouse"], row["sku"]) for row in manager.get("stock", **query).json()["results"]}

    assert seen(city="rome") == {("S", "MILK"), ("S", "BREAD")}
    assert seen(status="low_stock") == {("S", "MILK")}
    assert seen(warehouse="N") == {("N", "MILK")}
    assert seen(sku="bread", city="Oslo") == set()
    assert seen(product=milk.pk) == {("N", "MILK"), ("S", "MILK")}
    assert seen(search="rye") == {("S", "BREAD")}
    assert [row["sku"] for row in manager.get("stock", ordering="-sku").json()["results"]] == ["MILK", "MILK", "BREAD"]
    assert [row["available"] for row in manager.get("stock/low").json()["results"]] == ["3.000"]
    assert Warehouse.objects.count() == 2
