"""The last unit, wanted by everybody at once in every way there is."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from fulfillment.models import Order
from inventory.errors import CountAgain, GoodsPromised
from inventory.models import Movement, Product, WriteOff
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    SaleLine,
    TransferLine,
    WriteOffLine,
    confirm_write_off,
    create_transfer,
    create_write_off,
    process_offline_sale,
    promise_order,
    reserve_for_order,
    send_transfer,
    write_off_stock,
)
from tests.concurrency.threads import race
from tests.factories.fulfillment import order_for
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals

pytestmark = pytest.mark.django_db(transaction=True)

ONE = Decimal(1)


def wishes(product: Product, place: int, house: Site, shop: Site, number: int) -> list[Callable[[], Any]]:
    """Twenty ways to take the one unit, four of each kind."""
    papers = [create_write_off(warehouse_id=house.id, lines=[WriteOffLine(place, ONE, "lost")], actor=ACTOR) for _ in range(4)]
    transfers = [
        create_transfer(
            source_warehouse_id=house.id, target_warehouse_id=shop.id, target_location_id=shop.shelf.pk, lines=[TransferLine(place, ONE)], actor=ACTOR
        )
        for _ in range(4)
    ]
    line = [OrderedLine(product.pk, ONE, house.id)]
    result: list[Callable[[], Any]] = []
    for n in range(4):
        result += [
            lambda n=n: reserve_for_order(f"cart:{number}-{n}", line, warehouse_id=house.id, actor=ACTOR),
            lambda n=n: promise_order(f"shop:{number}-{n}", line, actor=ACTOR),
            lambda n=n: send_transfer(transfers[n].pk, actor=ACTOR),
            lambda n=n: (
                confirm_write_off(papers[n].pk, actor=ACTOR)
                if n % 2
                else write_off_stock(warehouse_id=house.id, product_id=product.pk, quantity=ONE, reason="lost", actor=ACTOR)
            ),
            lambda n=n: process_offline_sale(warehouse_id=house.id, lines=[SaleLine(product.pk, ONE)], receipt_number=f"{number}-{n}", actor=ACTOR),
        ]
    return result


def test_twenty_in_every_way_and_one_wins(house: Site) -> None:
    shop = site(code="SHOP")
    for number in range(6):
        product = ProductFactory()
        place = stocked(product, house.shelf, 1)

        outcomes = race(wishes(product, place.pk, house, shop, number))

        won = [outcome for outcome in outcomes if outcome.won]
        assert len(won) == 1, [outcome.error for outcome in outcomes]
        assert {type(outcome.error) for outcome in outcomes if not outcome.won} <= {InsufficientStock, GoodsPromised, CountAgain}
        quantity, reserved, *_ = totals(product.pk, house.id)
        taken = Movement.objects.filter(product=product).exclude(type="receiving").count()
        assert (quantity, reserved, taken) in {(1, 1, 1), (0, 0, 1), (0, 0, 2)}  # promised; sold or written off; sent (out and in)
    assert_books_balance()
    assert WriteOff.objects.filter(status="confirmed").count() <= 6


def test_two_automatic_orders_of_five_for_five(house: Site) -> None:
    """The second stays open: it is rejected with its shortage, and nothing goes below zero."""
    product = ProductFactory()
    stocked(product, house.shelf, 5)

    race([lambda n=n: order_for([(product, 5)], external_id=str(n), retry_when_stocked=True) for n in (1, 2)])

    assert sorted(Order.objects.values_list("status", flat=True)) == ["accepted", "rejected"]
    open_order = Order.objects.get(status="rejected")
    assert [(Decimal(shortage["asked"]), Decimal(shortage["available"])) for shortage in open_order.shortages] == [(5, 0)]
    assert open_order.retry_when_stocked
    assert totals(product.pk, house.id) == (5, 5, 0, 0)
    assert_books_balance()
