"""Orders that somebody else sends: sold at once, and taken back to where the goods lie."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import BatchLocation, Movement, PastClock, Product, Reservation, ReturnItem, ShelfLife
from inventory.orchestrator import (
    CameBack,
    Finding,
    InsufficientStock,
    MoreThanShipped,
    OrderedLine,
    PlaceNotAllowed,
    ReturnLine,
    complete_return,
    create_return,
    hold_batch,
    inspect_return,
    move_stock,
    promise_order,
    recall_batch,
    return_sold,
    sell_for_order,
    sellable_in,
    shipped_under,
)
from inventory.services.locations import change_location
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import days_pass, keeps_for
from tests.inventory.events import heard
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed

pytestmark = pytest.mark.django_db
REF = "allegro:1"


@pytest.fixture
def milk(house: Site) -> Product:
    """Two lots: 2 that expire in 5 days, 5 that expire in 9."""
    product = ProductFactory(sku="MILK", lives={"chilled": 14, "ambient": 2})
    stocked(product, house.cool, 2, lot="L5", expires_in_days=5)
    stocked(product, house.cool, 5, lot="L9", expires_in_days=9)
    return product


def sell(*lines: tuple[Product, int | str], ref: str = REF, **more: Any) -> list[int]:
    return sell_for_order(ref, [OrderedLine(product.pk, Decimal(quantity), **more) for product, quantity in lines], actor=ACTOR)


def back(*lines: tuple[Product, int | str], ref: str = REF) -> list[tuple[str, str, Decimal]]:
    """Without lines: all. What came back, as (lot, why not for sale, quantity)."""
    asked = {product.pk: Decimal(quantity) for product, quantity in lines} or None
    came = return_sold(ref, asked, reason="rolled back", actor=ACTOR)
    return [(_lot(part), part.blocked_reason, part.quantity) for part in came]


def _lot(part: CameBack) -> str:
    return BatchLocation.objects.select_related("batch").get(pk=part.batch_location_id).batch.lot_number


def ledger(*types: str, ref: str = REF) -> list[tuple[Any, ...]]:
    rows = Movement.objects.filter(order_ref=ref, type__in=types).order_by("pk")
    return list(rows.values_list("batch__lot_number", "location__code", "quantity_change", "reserved_change", "document_type", "reason"))


def sold(ref: str = REF) -> list[tuple[str, Decimal]]:
    return [(lot, quantity) for lot, _, quantity, *_ in ledger("sale", ref=ref)]


def a_return(house: Site, product: Product, quantity: int, *, complete: bool = True) -> None:
    paper = create_return(
        warehouse_id=house.id, order_ref=REF, location_id=house.cool.pk, lines=[ReturnLine(product.pk, Decimal(quantity))], actor=ACTOR
    )
    if complete:
        findings = [Finding(item.pk, "intact", "return_to_shelf") for item in ReturnItem.objects.filter(return_document=paper)]
        inspect_return(paper.pk, findings=findings, actor=ACTOR)
        complete_return(paper.pk, actor=ACTOR)


# --- selling -----------------------------------------------------------------------------------------------------------------------------


def test_all_leaves_at_once_first_expired_first(milk: Product, house: Site) -> None:
    with heard() as events:
        (reservation,) = sell((milk, 3))

    assert ledger("sale") == [("L5", "C-01", -2, -2, "reservation", ""), ("L9", "C-01", -1, -1, "reservation", "")]
    assert Reservation.objects.get(pk=reservation).status == "fulfilled"
    assert totals(milk.pk, house.id) == (4, 0, 0, 4)
    assert [(kind, e["available"]) for kind, e in events if kind in ("stock.sold", "stock.changed", "stock.low")] == [
        ("stock.changed", "4"),
        ("stock.low", "4"),
        ("stock.sold", "4"),
    ]
    assert_books_balance()


def test_all_or_nothing_with_every_short_line(milk: Product, house: Site) -> None:
    bread = ProductFactory(sku="BREAD")
    stocked(bread, house.shelf, 1)

    with heard() as events, pytest.raises(InsufficientStock) as refusal:
        sell((milk, 8), (bread, 2))

    assert sorted((s.sku, s.asked, s.available) for s in refusal.value.shortages) == [("BREAD", 2, 1), ("MILK", 8, 7)]
    assert list(events) == []
    assert ledger("sale", "reservation") == []
    assert_books_balance()


def test_from_several_warehouses(milk: Product, house: Site) -> None:
    other = site(code="OTHER", external_id="2", priority=200)
    stocked(milk, other.cool, 4, lot="X")

    assert len(sell((milk, 10))) == 2
    assert sold() == [("L5", -2), ("L9", -5), ("X", -3)]
    assert totals(milk.pk, other.id) == (1, 0, 0, 1)
    assert_books_balance()


def test_from_the_warehouse_that_is_named(milk: Product, house: Site) -> None:
    other = site(code="OTHER", external_id="2", priority=1)
    stocked(milk, other.cool, 4, lot="X")

    sell((milk, 1), warehouse_id=house.id)

    assert sold() == [("L5", -1)]


def test_more_of_the_same_order_sells_only_the_new_lines(milk: Product, house: Site) -> None:
    first, second = sell((milk, 2)), sell((milk, 1))

    assert first != second
    assert sold() == [("L5", -2), ("L9", -1)]
    assert [(row.quantity, row.back) for row in shipped_under(REF)] == [(2, 0), (1, 0)]
    assert_books_balance()


def test_what_we_were_to_send_is_not_sold_beside(milk: Product) -> None:
    promise_order(REF, [OrderedLine(milk.pk, Decimal(1))], actor=ACTOR)

    with pytest.raises(Conflict):
        sell((milk, 2))

    assert sold() == []


def test_what_is_not_for_sale_is_not_sold(milk: Product) -> None:
    hold_batch(milk.batches.get(lot_number="L5").pk, reason="looks odd", actor=ACTOR)
    sell((milk, 1))

    assert sold() == [("L9", -1)]
    with pytest.raises(ValidationFailed):
        sell_for_order(REF, [], actor=ACTOR)


def test_who_may(milk: Product) -> None:
    picker = Actor("bob", ActorType.EMPLOYEE, frozenset({Role.PICKER}))
    with pytest.raises(PermissionDenied):
        sell_for_order(REF, [OrderedLine(milk.pk, Decimal(1))], actor=picker)
    with pytest.raises(PermissionDenied):
        return_sold(REF, None, reason="mine", actor=picker)


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


# --- what has become of their place and their batch --------------------------------------------------------------------------------------


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


def test_sellable_in(milk: Product, house: Site) -> None:
    other = site(code="OTHER", external_id="2")
    stocked(milk, other.cool, 4, lot="X")
    bread = ProductFactory(sku="BREAD", min_remaining_days=3)
    stocked(bread, house.shelf, 1, lot="B2", expires_in_days=2)
    stocked(bread, house.shelf, 2, lot="B9", expires_in_days=9)
    stocked(bread, house.quarantine, 5)
    promise_order("shop:9", [OrderedLine(milk.pk, Decimal(1), house.id)], actor=ACTOR)

    with CaptureQueriesContext(connection) as statements:
        assert sellable_in(house.id, [milk.pk, bread.pk, 0]) == {milk.pk: 6, bread.pk: 2, 0: 0}
    assert len(statements) == 1
    # Five days on, before the job has seen it: the lot that expires then is not sellable.
    BatchLocation.objects.filter(batch__lot_number="L5").update(effective_expires_at=timezone.now() - timedelta(minutes=1))
    assert sellable_in(house.id, [milk.pk]) == {milk.pk: 5}
    assert sellable_in(house.id, []) == {}
