"""What a channel asks of our goods: products by SKU, what an order holds, and the timeline of a product."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Movement, Product
from inventory.orchestrator import (
    OrderedLine,
    ReturnLine,
    create_return,
    ledger_of,
    move_stock,
    products_by_sku,
    promise_order,
    release_order,
    return_sold,
    sell_for_order,
    what_order_holds,
)
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance

pytestmark = pytest.mark.django_db
REF = "allegro:1"


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="Milk-1", name="Milk", lives={"chilled": 14})
    stocked(product, house.cool, 7, lot="M")
    return product


def line(product: Product, quantity: int) -> OrderedLine:
    return OrderedLine(product.pk, Decimal(quantity))


# --- products ----------------------------------------------------------------------------------------------------------------------------


def test_products_by_sku(milk: Product) -> None:
    ProductFactory(sku="OLD", is_active=False)

    with CaptureQueriesContext(connection) as statements:
        found = products_by_sku(["milk-1", " MILK-1 ", "old", "none", ""])

    assert found == {"MILK-1": (milk.pk, "Milk-1", "Milk")}
    assert len(statements) == 1
    assert products_by_sku([]) == {}


# --- what an order holds -----------------------------------------------------------------------------------------------------------------


def test_an_order_that_there_is_not() -> None:
    assert what_order_holds(REF) == ({}, {})


def test_promised(milk: Product) -> None:
    promise_order(REF, [line(milk, 2)], actor=ACTOR)
    assert what_order_holds(REF) == ({milk.pk: 2}, {})

    release_order(REF, reason="cancelled", actor=ACTOR)

    assert what_order_holds(REF) == ({}, {})


def test_sold_and_back(milk: Product, house: Site) -> None:
    sell_for_order(REF, [line(milk, 3)], actor=ACTOR)
    assert what_order_holds(REF) == ({}, {milk.pk: 3})

    return_sold(REF, {milk.pk: Decimal(1)}, reason="r", actor=ACTOR)
    create_return(warehouse_id=house.id, order_ref=REF, lines=[ReturnLine(milk.pk, Decimal(1))], actor=ACTOR)
    with CaptureQueriesContext(connection) as statements:
        assert what_order_holds(REF) == ({}, {milk.pk: 3})
    assert len(statements) == 2

    return_sold(REF, None, reason="r", actor=ACTOR)
    assert what_order_holds(REF) == ({}, {milk.pk: 3})


# --- the timeline ------------------------------------------------------------------------------------------------------------------------


def test_the_timeline_of_a_product(milk: Product, house: Site) -> None:
    other = site(code="OTHER", external_id="2", priority=500)
    stocked(milk, other.cool, 4, lot="X")
    promise_order("shop:1", [line(milk, 2)], actor=ACTOR)
    sell_for_order(REF, [line(milk, 3)], actor=ACTOR)
    return_sold(REF, {milk.pk: Decimal(1)}, reason="rolled back", actor=ACTOR)

    with CaptureQueriesContext(connection) as statements:
        lines = ledger_of(milk.pk, house.id)

    assert len(statements) == 1
    assert [(row.type, row.quantity_change, row.quantity_after, row.free_after) for row in lines] == [
        ("receiving", 7, 7, 7),
        ("reservation", 0, 7, 5),
        ("reservation", 0, 7, 2),
        ("sale", -3, 4, 2),
        ("return_to_stock", 1, 5, 3),
    ]
    assert [row.order_ref for row in lines] == ["", "shop:1", REF, REF, REF]
    last = lines[-1]
    assert (last.lot_number, last.location, last.actor, last.reason, last.document_type, last.document_id) == (
        "M",
        "C-01",
        "tests",
        "rolled back",
        "",
        None,
    )
    assert lines[3].document_type == "reservation"
    assert lines[3].document_id == Movement.objects.get(pk=lines[3].id).reservation_id
    assert [row.lot_number for row in ledger_of(milk.pk, other.id)] == ["X"]
    assert ledger_of(milk.pk, 0) == []
    assert_books_balance()


def test_goods_that_move_within_the_warehouse(milk: Product, house: Site) -> None:
    row = milk.batch_locations.get()
    move_stock(row.pk, Decimal(2), house.quarantine.pk, actor=ACTOR)

    lines = ledger_of(milk.pk, house.id)

    assert [(line.type, line.quantity_change, line.quantity_after, line.location) for line in lines[1:]] == [
        ("transfer_out", -2, 5, "C-01"),
        ("transfer_in", 2, 7, "QUAR"),
    ]


def an_hour_apart() -> datetime:
    """Let the last line be of now, and each before it of an hour earlier."""
    now = timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('wms.archiving', 'on', true)")
        for hours, pk in enumerate(Movement.objects.order_by("-pk").values_list("pk", flat=True)):
            Movement.objects.filter(pk=pk).update(occurred_at=now - timedelta(hours=hours))
        cursor.execute("SELECT set_config('wms.archiving', '', true)")
    return now


def test_a_window_of_the_timeline(milk: Product, house: Site) -> None:
    """What lay there is told rightly in the middle of the ledger too."""
    for number in range(4):
        sell_for_order(f"allegro:{number}", [line(milk, 1)], actor=ACTOR)
    now = an_hour_apart()
    whole = ledger_of(milk.pk, house.id)

    assert len(whole) == 9
    assert ledger_of(milk.pk, house.id, limit=3) == whole[-3:]
    assert ledger_of(milk.pk, house.id, since=now - timedelta(hours=2)) == whole[-3:]
    assert ledger_of(milk.pk, house.id, until=now - timedelta(hours=2)) == whole[:-3]
    assert ledger_of(milk.pk, house.id, since=now - timedelta(hours=4), until=now, limit=2) == whole[-3:-1]
    assert ledger_of(milk.pk, house.id, since=now + timedelta(hours=1)) == []
