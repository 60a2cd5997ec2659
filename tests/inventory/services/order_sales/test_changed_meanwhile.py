"""Goods taken back to a place or a batch that has changed meanwhile."""

from __future__ import annotations

from decimal import Decimal

import pytest

from inventory.models import BatchLocation, Movement, PastClock, Product, ShelfLife
from inventory.orchestrator import PlaceNotAllowed, hold_batch, move_stock, recall_batch, sellable_in
from inventory.services.locations import change_location
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import days_pass, keeps_for
from tests.inventory.events import heard
from tests.inventory.order_sales import REF, back, sell

pytestmark = pytest.mark.django_db


def test_a_closed_place(milk: Product, house: Site) -> None:
    sell((milk, 7))
    change_location(house.cool.pk, {"is_active": False}, actor=ACTOR)

    assert back() == [("L9", "place", 5), ("L5", "place", 2)]
    assert totals(milk.pk, house.id) == (7, 0, 7, 0)
    assert sellable_in(house.id, [milk.pk]) == {milk.pk: 0}
    assert_books_balance()


@pytest.mark.parametrize("left", [0, 1])
def test_held_and_recalled(milk: Product, house: Site, left: int) -> None:
    """Whether something of the batch lies there still, or nothing."""
    sell((milk, 7 - left))
    hold_batch(milk.batches.get(lot_number="L5").pk, reason="looks odd", actor=ACTOR)
    recall_batch(milk.batches.get(lot_number="L9").pk, reason="glass", actor=ACTOR)

    assert back() == [("L9", "recalled", 5 - left), ("L5", "held", 2)]
    assert totals(milk.pk, house.id) == (7, 0, 7, 0)
    assert_books_balance()


def test_expired_meanwhile(milk: Product, house: Site) -> None:
    sell((milk, 7))
    days_pass(7)

    with heard() as events:
        assert back() == [("L9", "", 5), ("L5", "expired", 2)]

    assert totals(milk.pk, house.id) == (7, 0, 2, 5)
    assert [e["available"] for e in events.of("stock.changed")] == ["5"]
    assert_books_balance()


def test_the_clock_has_run_on(house: Site) -> None:
    """Nothing left the cold: it keeps for as long as if it had not been sold."""
    cheese = ProductFactory(sku="CHEESE", lives={"chilled": 10})
    row = stocked(cheese, house.cool, 4, lot="K")
    sell((cheese, 4))
    days_pass(3)
    back((cheese, 1))
    days_pass(1)
    back()

    assert keeps_for(row) == pytest.approx(6, abs=0.001)
    assert not PastClock.objects.exists()
    assert_books_balance()


def test_rules_of_freshness_that_changed_while_the_place_was_empty(house: Site) -> None:
    cheese = ProductFactory(sku="CHEESE", lives={"chilled": 10})
    row = stocked(cheese, house.cool, 4, lot="K")
    sell((cheese, 4))
    ShelfLife.objects.filter(product=cheese).update(days=6)
    back()

    assert keeps_for(row) == pytest.approx(6, abs=0.001)


@pytest.mark.parametrize(("chilled", "days", "was", "becomes"), [(10, 1, 4.5, 4), (100, 3, 4.85, 2)])
def test_better_goods_of_the_batch_were_brought_to_its_place(house: Site, chilled: int, days: int, was: float, becomes: float) -> None:
    """All that lies there has the worse of both clocks and stays one batch, however far they are apart: nobody can tell them apart."""
    cheese = ProductFactory(sku="CHEESE", lives={"chilled": chilled, "ambient": 5})
    cold = stocked(cheese, house.cool, 4, lot="K")
    warm = stocked(cheese, house.shelf, 3, lot="K")
    sell((cheese, 3))
    assert Movement.objects.get(order_ref=REF, type="sale").batch_location_id == warm.pk
    days_pass(days)
    move_stock(cold.pk, Decimal(4), house.shelf.pk, actor=ACTOR)
    assert keeps_for(warm) == pytest.approx(was, abs=0.001)

    assert back() == [("K", "", 3)]

    assert keeps_for(warm) == pytest.approx(becomes, abs=0.001)
    assert cheese.batches.count() == 1
    assert totals(cheese.pk, house.id) == (7, 0, 0, 7)
    assert_books_balance()


def test_worse_goods_of_the_batch_were_brought_to_its_place(house: Site) -> None:
    cheese = ProductFactory(sku="CHEESE", lives={"chilled": 10, "ambient": 5})
    cold = stocked(cheese, house.cool, 4, lot="K")
    sell((cheese, 4))
    warm = stocked(cheese, house.shelf, 3, lot="K")
    days_pass(3)
    move_stock(warm.pk, Decimal(3), house.cool.pk, actor=ACTOR)

    assert back() == [("K", "", 4)]

    assert keeps_for(cold) == pytest.approx(4, abs=0.001)
    assert cheese.batches.count() == 1
    assert_books_balance()


def test_a_place_where_it_may_not_live_any_more(milk: Product, house: Site) -> None:
    sell((milk, 7))
    change_location(house.cool.pk, {"condition": "frozen"}, actor=ACTOR)

    with heard() as events, pytest.raises(PlaceNotAllowed):
        back()

    assert list(events) == []
    assert totals(milk.pk, house.id) == (0, 0, 0, 0)
    change_location(house.cool.pk, {"condition": "ambient"}, actor=ACTOR)
    back()
    assert keeps_for(BatchLocation.objects.get(batch__lot_number="L9", location=house.cool)) < 2
    assert_books_balance()
