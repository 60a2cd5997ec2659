"""Orders that somebody else sends: taken back, beside returns."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import BatchLocation, Product, ReturnItem
from inventory.orchestrator import Finding, MoreThanShipped, ReturnLine, complete_return, create_return, inspect_return, move_stock, return_sold
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import keeps_for
from tests.inventory.events import heard
from tests.inventory.order_sales import REF, back, ledger, sell
from warehouse.core.errors import NotFound, ValidationFailed

pytestmark = pytest.mark.django_db


def a_return(house: Site, product: Product, quantity: int, *, complete: bool = True) -> None:
    paper = create_return(
        warehouse_id=house.id, order_ref=REF, location_id=house.cool.pk, lines=[ReturnLine(product.pk, Decimal(quantity))], actor=ACTOR
    )
    if complete:
        findings = [Finding(item.pk, "intact", "return_to_shelf") for item in ReturnItem.objects.filter(return_document=paper)]
        inspect_return(paper.pk, findings=findings, actor=ACTOR)
        complete_return(paper.pk, actor=ACTOR)


# --- taking back -------------------------------------------------------------------------------------------------------------------------


def test_all_comes_back_to_the_very_batches(milk: Product, house: Site) -> None:
    before = keeps_for(BatchLocation.objects.get(batch__lot_number="L5"))
    sell((milk, 3))

    with heard() as events:
        assert back() == [("L9", "", 1), ("L5", "", 2)]

    assert ledger("return_to_stock") == [("L9", "C-01", 1, 0, "", "rolled back"), ("L5", "C-01", 2, 0, "", "rolled back")]
    assert [(kind, e["available"]) for kind, e in events] == [("stock.received", "7"), ("stock.changed", "7")]
    assert totals(milk.pk, house.id) == (7, 0, 0, 7)
    assert abs(keeps_for(BatchLocation.objects.get(batch__lot_number="L5")) - before) < 0.001
    assert milk.batches.count() == 2
    assert_books_balance()


def test_twice_is_once(milk: Product, house: Site) -> None:
    sell((milk, 3))
    back()

    with heard() as events:
        assert back() == []
    with pytest.raises(MoreThanShipped):
        back((milk, 1))

    assert list(events) == []
    assert totals(milk.pk, house.id)[0] == 7
    assert back(ref="allegro:unknown") == []


def test_a_part_takes_what_was_sold_last(milk: Product) -> None:
    sell((milk, 2))
    sell((milk, 3))

    assert back((milk, 1)) == [("L9", "", 1)]
    assert back((milk, 3)) == [("L9", "", 2), ("L5", "", 1)]
    assert back() == [("L5", "", 1)]
    assert_books_balance()


def test_a_part_of_what_lay_in_two_places(house: Site) -> None:
    """What came back before was taken off the last sale, so that the next part goes where the sale before it came from."""
    jam = ProductFactory(sku="JAM", lives={"ambient": 30, "chilled": 60})
    first = stocked(jam, house.shelf, 4, lot="J")
    sell((jam, 2))
    move_stock(first.pk, Decimal(2), house.cool.pk, actor=ACTOR)
    sell((jam, 2))

    assert back((jam, 1)) == [("J", "", 1)]
    back((jam, 2))

    assert [(place, quantity) for _, place, quantity, *_ in ledger("return_to_stock")] == [("C-01", 1), ("C-01", 1), ("A-01", 1)]
    assert_books_balance()


def test_sold_again_after_it_came_back(milk: Product, house: Site) -> None:
    sell((milk, 3))
    back()
    sell((milk, 1))

    assert back() == [("L5", "", 1)]
    assert totals(milk.pk, house.id)[0] == 7
    assert_books_balance()


def test_more_than_is_out_names_every_product(milk: Product, house: Site) -> None:
    bread = ProductFactory(sku="BREAD")
    stocked(bread, house.shelf, 3)
    sell((milk, 3), (bread, 1))
    back((milk, 1))

    with heard() as events, pytest.raises(MoreThanShipped) as refusal:
        back((milk, 3), (bread, 2))

    assert [(e["sku"], e["asked"], e["may_come_back"], e["shipped"], e["came_back"]) for e in refusal.value.errors] == [
        ("MILK", "3", "2", "3", "1"),
        ("BREAD", "2", "1", "1", "0"),
    ]
    assert list(events) == []
    assert_books_balance()


def test_what_is_asked_must_make_sense(milk: Product) -> None:
    sell((milk, 3))
    for quantity in ("0", "-1", "0.5"):
        with pytest.raises(ValidationFailed):
            back((milk, quantity))
    with pytest.raises(ValidationFailed):
        return_sold(REF, None, reason=" ", actor=ACTOR)
    with pytest.raises(NotFound):
        return_sold(REF, {0: Decimal(1)}, reason="why", actor=ACTOR)
    assert return_sold(REF, {}, reason="why", actor=ACTOR) == []


# --- beside returns ----------------------------------------------------------------------------------------------------------------------


def test_what_came_back_by_a_return_does_not_come_back_again(milk: Product, house: Site) -> None:
    sell((milk, 3))
    a_return(house, milk, 2)

    assert back() == [("L9", "", 1)]
    assert totals(milk.pk, house.id)[0] == 7
    assert_books_balance()


def test_what_stands_in_an_open_return_is_left_to_it(milk: Product, house: Site) -> None:
    sell((milk, 3))
    a_return(house, milk, 2, complete=False)

    with pytest.raises(MoreThanShipped) as refusal:
        back((milk, 2))
    assert refusal.value.errors[0]["in_open_returns"] == "2"
    assert back() == [("L9", "", 1)]


def test_a_return_can_not_have_what_was_taken_back(milk: Product, house: Site) -> None:
    sell((milk, 3))
    back((milk, 2))

    with pytest.raises(MoreThanShipped):
        a_return(house, milk, 2)
    a_return(house, milk, 1)

    assert back() == []
    assert totals(milk.pk, house.id)[0] == 7
    assert_books_balance()


# --- the number of statements ------------------------------------------------------------------------------------------------------------


def _goods(house: Site, count: int, lots: int = 2) -> list[tuple[Product, int]]:
    products = [ProductFactory(lives={"chilled": 14}) for _ in range(count)]
    for product in products:
        for days in range(lots):
            stocked(product, house.cool, 1, lot=f"N{days}", expires_in_days=5 + days)
    return [(product, lots) for product in products]


def test_statements_do_not_grow_with_the_lines(house: Site) -> None:
    counts = []
    for ref, count in (("allegro:1", 1), ("allegro:2", 8)):
        lines = _goods(house, count)
        with CaptureQueriesContext(connection) as selling:
            sell(*lines, ref=ref)
        with CaptureQueriesContext(connection) as part:
            return_sold(ref, {product.pk: Decimal(1) for product, _ in lines}, reason="r", actor=ACTOR)
        with CaptureQueriesContext(connection) as whole:
            return_sold(ref, None, reason="r", actor=ACTOR)
        counts.append((len(selling), len(part), len(whole)))
    assert counts == [(15, 12, 12), (15, 12, 12)]
