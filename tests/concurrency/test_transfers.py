"""Transfers, moves and changing places at once: the same goods leave once, and what arrives is judged by the place as it is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction

from inventory.models import BatchLocation, Location, Product, Transfer
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    ReceivingLine,
    TransferLine,
    cancel_transfer,
    create_transfer,
    move_stock,
    place_stock,
    promise_order,
    receive_transfer,
    send_transfer,
)
from inventory.services.locations import change_location
from inventory.stock import place as engine
from tests.concurrency.threads import Started, race, wait_for_waiter
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import keeps_for
from warehouse.core.errors import TransitionRefused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(house: Site) -> Site:
    return site(code="SHOP")


def draft(house: Site, shop: Site, *rows: BatchLocation) -> Transfer:
    lines = [TransferLine(row.pk, Decimal(1)) for row in rows]
    return create_transfer(source_warehouse_id=house.id, target_warehouse_id=shop.id, target_location_id=shop.shelf.pk, lines=lines, actor=ACTOR)


def test_two_transfers_of_the_last_unit(house: Site, shop: Site) -> None:
    row = stocked(ProductFactory(), house.shelf, 1)
    papers = [draft(house, shop, row) for _ in range(4)]

    outcomes = race([lambda paper=paper: send_transfer(paper.pk, actor=ACTOR) for paper in papers])

    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {InsufficientStock}
    assert totals(row.product_id, shop.id) == (1, 0, 1, 0)
    assert sorted(Transfer.objects.values_list("status", flat=True)) == ["draft", "draft", "draft", "sent"]
    assert_books_balance()


def test_the_last_unit_is_promised_sent_or_moved_once(house: Site, shop: Site) -> None:
    for number in range(5):
        row = stocked(ProductFactory(), house.shelf, 1)
        paper = draft(house, shop, row)
        works = [
            lambda paper=paper: send_transfer(paper.pk, actor=ACTOR),
            lambda row=row, number=number: promise_order(f"shop:{number}", [OrderedLine(row.product_id, Decimal(1), house.id)], actor=ACTOR),
            lambda row=row: move_stock(row.pk, Decimal(1), house.quarantine.pk, actor=ACTOR),
        ]

        outcomes = race(works)

        assert [outcome.won for outcome in outcomes].count(True) == 1
        assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {InsufficientStock}
    assert_books_balance()


def test_it_is_received_or_cancelled_but_not_both(house: Site, shop: Site) -> None:
    for _ in range(5):
        row = stocked(ProductFactory(), house.shelf, 1)
        paper = send_transfer(draft(house, shop, row).pk, actor=ACTOR)

        outcomes = race(
            [
                lambda paper=paper: receive_transfer(paper.pk, actor=ACTOR),
                lambda paper=paper: cancel_transfer(paper.pk, reason="no", actor=ACTOR),
            ]
        )

        assert [type(outcome.error) for outcome in outcomes if not outcome.won] == [TransitionRefused]
        where = BatchLocation.objects.get(product=row.product_id, has_stock=True).location
        assert where == (shop.shelf if outcomes[0].won else house.shelf)
    assert_books_balance()


def test_transfers_there_and_back_of_the_same_products_in_opposite_order_do_not_lock_each_other_out(house: Site, shop: Site) -> None:
    products = [ProductFactory() for _ in range(3)]
    here = [stocked(product, house.shelf, 10) for product in products]
    there = [stocked(product, shop.shelf, 10) for product in products]

    def back(rows: list[BatchLocation]) -> Transfer:
        lines = [TransferLine(row.pk, Decimal(1)) for row in rows]
        return create_transfer(source_warehouse_id=shop.id, target_warehouse_id=house.id, lines=lines, actor=ACTOR)

    papers = [draft(house, shop, *here) if n % 2 else back(there[::-1]) for n in range(8)]

    outcomes = race([lambda paper=paper: receive_transfer(send_transfer(paper.pk, actor=ACTOR).pk, actor=ACTOR) for paper in papers])

    assert [outcome.error for outcome in outcomes] == [None] * 8
    assert_books_balance()


# --- a place that is changed while goods come to it --------------------------------------------------------------------------------------


@pytest.fixture
def apples(house: Site) -> Product:
    return ProductFactory(lives={"ambient": 21, "chilled": 42})


def test_goods_that_come_to_a_place_that_is_being_changed_are_judged_by_what_it_becomes(apples: Product, house: Site) -> None:
    """None of them lie there, so there is no gate to wait at."""
    row = stocked(apples, house.cool, 5)
    with transaction.atomic():
        change_location.inside(house.shelf.pk, {"condition": "chilled", "is_pickable": False}, actor=ACTOR)
        waiting = Started(lambda: move_stock(row.pk, Decimal(2), house.shelf.pk, actor=ACTOR))
        delivered = Started(
            lambda: place_stock(warehouse_id=house.id, line=ReceivingLine(apples.pk, Decimal(3), location_id=house.shelf.pk), actor=ACTOR)
        )
        wait_for_waiter(2)

    there = BatchLocation.objects.get(pk=waiting.finish().value)
    assert delivered.finish().won
    assert (there.clock_condition, there.blocked_reason) == ("chilled", "place")
    assert keeps_for(there) == 42
    assert totals(apples.pk, house.id) == (8, 0, 5, 3)
    assert_books_balance()


def test_a_change_waits_for_goods_on_their_way_to_the_place_and_judges_them(apples: Product, house: Site) -> None:
    row = stocked(apples, house.cool, 5)
    with transaction.atomic():
        move_stock.inside(row.pk, Decimal(2), house.shelf.pk, actor=ACTOR)
        waiting = Started(lambda: change_location(house.shelf.pk, {"is_active": False}, actor=ACTOR))
        wait_for_waiter()

    assert waiting.finish().won
    assert totals(apples.pk, house.id) == (5, 0, 2, 3)
    assert_books_balance()


def test_control_without_the_hold_on_the_place_they_lie_there_as_for_sale(apples: Product, house: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "FOR SHARE" in engine._TAKE
    monkeypatch.setattr(engine, "_TAKE", engine._TAKE.replace("ORDER BY l.id FOR SHARE", ""))
    row = stocked(apples, house.cool, 5)
    with transaction.atomic():
        change_location.inside(house.shelf.pk, {"is_active": False, "is_pickable": False}, actor=ACTOR)
        moved = Started(lambda: move_stock(row.pk, Decimal(2), house.shelf.pk, actor=ACTOR)).finish()

    assert moved.won
    assert not Location.objects.get(pk=house.shelf.pk).is_active
    assert totals(apples.pk, house.id) == (5, 0, 0, 5)
    with pytest.raises(AssertionError):
        assert_books_balance()
