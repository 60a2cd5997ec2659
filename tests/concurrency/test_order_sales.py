"""Goods that were sold for an order that somebody else sends, taken back by several at once, or beside a return: once. And what happens without the lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal

import pytest

from inventory.errors import MoreThanShipped
from inventory.models import Movement, Product, Return, ReturnItem
from inventory.orchestrator import (
    CameBack,
    Finding,
    InsufficientStock,
    OrderedLine,
    ReturnLine,
    complete_return,
    create_return,
    inspect_return,
    return_sold,
    sell_for_order,
    shipped_under,
)
from inventory.queries.returns import SoldFrom
from inventory.services import sale_reversal
from tests.concurrency.threads import race
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals

pytestmark = pytest.mark.django_db(transaction=True)
REF = "allegro:1"


@pytest.fixture
def product(house: Site) -> Product:
    """Two of three were sold."""
    product = ProductFactory()
    stocked(product, house.shelf, 3)
    sell(product, 2)
    return product


def sell(product: Product, quantity: int, ref: str = REF) -> list[int]:
    return sell_for_order(ref, [OrderedLine(product.pk, Decimal(quantity))], actor=ACTOR)


def all_back() -> list[CameBack]:
    return return_sold(REF, None, reason="rolled back", actor=ACTOR)


def part_back(product: Product) -> Callable[[], list[CameBack]]:
    return lambda: return_sold(REF, {product.pk: Decimal(2)}, reason="rolled back", actor=ACTOR)


def an_inspected_return(product: Product, house: Site) -> int:
    """A return that claims both pieces, as no operation would let it beside another."""
    document = create_return(warehouse_id=house.id, order_ref=REF, location_id=house.shelf.pk, actor=ACTOR)
    item = ReturnItem.objects.create(return_document=document, product=product, batch=product.batches.get(), quantity=2)
    inspect_return(document.pk, findings=[Finding(item.pk, "intact", "return_to_shelf")], actor=ACTOR)
    return document.pk


def came_back() -> Decimal:
    return sum(Movement.objects.filter(type="return_to_stock").values_list("quantity_change", flat=True), Decimal(0))


def test_of_several_at_once_one_takes_it_back(product: Product, house: Site) -> None:
    outcomes = race([all_back] * 6)

    assert [outcome.error for outcome in outcomes] == [None] * 6
    assert sorted(len(outcome.value) for outcome in outcomes) == [0, 0, 0, 0, 0, 1]
    assert totals(product.pk, house.id)[0] == 3
    assert_books_balance()


def test_parts_at_once_are_never_more_than_was_sold(product: Product, house: Site) -> None:
    one = {product.pk: Decimal(1)}
    outcomes = race([lambda: return_sold(REF, one, reason="r", actor=ACTOR)] * 5)

    assert [outcome.won for outcome in outcomes].count(True) == 2
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {MoreThanShipped}
    assert came_back() == 2
    assert_books_balance()


def test_beside_a_return_that_is_completed(product: Product, house: Site) -> None:
    """The return claims them, so that they are left to it, whoever is first."""
    paper = an_inspected_return(product, house)

    first, second = race([lambda: complete_return(paper, actor=ACTOR), all_back])

    assert first.won
    assert second.value == []
    assert came_back() == 2
    assert_books_balance()


def test_beside_a_new_return(product: Product, house: Site) -> None:
    """Either the paper has them, or they are back: not both."""
    lines = [ReturnLine(product.pk, Decimal(2))]
    paper, back = race([lambda: create_return(warehouse_id=house.id, order_ref=REF, lines=lines, actor=ACTOR), all_back])

    assert back.won
    assert (paper.won, len(back.value)) in ((True, 0), (False, 1))
    (row,) = shipped_under(REF)
    assert row.back + row.claimed == 2
    assert Return.objects.count() == int(paper.won)
    assert_books_balance()


def test_beside_more_sold_under_the_order(product: Product, house: Site) -> None:
    outcomes = race([lambda: sell(product, 1), all_back, all_back])

    assert all(outcome.won for outcome in outcomes)
    all_back()
    assert totals(product.pk, house.id)[0] == 3
    assert_books_balance()


def test_the_last_piece_is_sold_to_one(product: Product, house: Site) -> None:
    outcomes = race([lambda n=n: sell(product, 1, f"allegro:{n}") for n in range(2, 6)])  # type: ignore[misc]

    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {InsufficientStock}
    assert_books_balance()


def test_without_the_lock_it_comes_back_twice(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: two that judged the same balance both bring the goods back."""
    read, both = sale_reversal.sold_from, threading.Barrier(2)

    def read_together(order_ref: str) -> list[SoldFrom]:
        found = read(order_ref)
        both.wait(20)
        return found

    monkeypatch.setattr(sale_reversal, "lock_returns_of", lambda order_ref: None)
    monkeypatch.setattr(sale_reversal, "sold_from", read_together)
    outcomes = race([part_back(product)] * 2)

    assert [outcome.error for outcome in outcomes] == [None, None]
    assert came_back() == 4
