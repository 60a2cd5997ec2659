"""Goods that change their place inside a warehouse, and are put away."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Batch, Product
from inventory.orchestrator import (
    InsufficientStock,
    Move,
    OrderedLine,
    PlaceNotAllowed,
    change_phase,
    move_goods,
    move_stock,
    pick_reserved,
    promise_order,
    put_away,
    split_batch,
)
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, Site, StorefrontProductFactory, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import days_pass, keeps_for
from tests.inventory.events import heard
from tests.inventory.moves import WORKER, amount, ledger, row_of
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import NotFound, PermissionDenied, StaleVersion, ValidationFailed

pytestmark = pytest.mark.django_db


def statements(work: Any) -> int:
    with CaptureQueriesContext(connection) as queries:
        work()
    return len(queries)


# --- moves -------------------------------------------------------------------------------------------------------------------------------


def test_goods_move_in_one_step(apples: Product, house: Site) -> None:
    StorefrontProductFactory(product=apples, external_listing_id="listing-1")
    shelf = stocked(apples, house.shelf, 10)
    days_pass(7)

    with heard() as events:
        there = move_stock(shelf.pk, amount(4), house.cool.pk, reason="cooler there", actor=WORKER)

    assert (row_of(there).location, row_of(there).quantity, keeps_for(there)) == (house.cool, 4, 28)
    assert totals(apples.pk, house.id) == (10, 0, 0, 10)
    assert ledger() == [("transfer_out", "A-01", -4, "cooler there"), ("transfer_in", "C-01", 4, "cooler there")]
    assert events == [
        (
            "inventory.moved",
            {
                "listing_id": "listing-1",
                "product_id": apples.pk,
                "warehouse_id": "1",
                "from_location": "A-01",
                "to_location": "C-01",
                "quantity": "4",
            },
        )
    ]
    assert_books_balance()


def test_what_goes_into_quarantine_is_not_for_sale(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.shelf, 10)

    with heard() as events:
        there = move_stock(shelf.pk, amount(4), house.quarantine.pk, actor=WORKER)

    assert events.types() == ["stock.changed", "inventory.moved"]
    assert totals(apples.pk, house.id) == (10, 0, 4, 6)
    move_stock(there, amount(4), house.shelf.pk, actor=WORKER)
    assert totals(apples.pk, house.id) == (10, 0, 0, 10)
    assert_books_balance()


def test_several_lines_move_together_or_not_at_all(apples: Product, house: Site) -> None:
    pears = ProductFactory(sku="PEARS")
    some, more = stocked(apples, house.shelf, 3), stocked(pears, house.shelf, 1)
    moves = [Move(some.pk, amount(2), house.cool.pk), Move(more.pk, amount(2), house.quarantine.pk), Move(some.pk, amount(2), house.quarantine.pk)]

    with pytest.raises(InsufficientStock) as refusal:
        move_goods(moves, actor=WORKER)

    assert [(s.sku, s.asked, s.available) for s in refusal.value.shortages] == [("APPLES", 4, 3), ("PEARS", 2, 1)]
    assert ledger() == []
    spots = move_goods([moves[0], Move(more.pk, amount(1), house.quarantine.pk)], actor=WORKER)
    assert [row_of(spot).location.code for spot in spots] == ["C-01", "QUAR"]
    assert move_goods([], actor=WORKER) == []
    assert_books_balance()


def test_a_promise_stays_where_it_is(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.shelf, 5)
    promise_order("shop:1", [OrderedLine(apples.pk, amount(2))], actor=ACTOR)

    with pytest.raises(InsufficientStock) as refusal:
        move_stock(shelf.pk, amount(4), house.cool.pk, actor=WORKER)
    assert refusal.value.shortages[0].skipped[1] == {"order_ref": "shop:1", "reserved": "2"}
    move_stock(shelf.pk, amount(3), house.cool.pk, actor=WORKER)

    shelf.refresh_from_db()
    assert (shelf.quantity, shelf.reserved) == (2, 2)
    assert_books_balance()


def test_places_where_nothing_is_moved_by_hand(apples: Product, house: Site) -> None:
    elsewhere = site(code="ELSEWHERE")
    closed = LocationFactory(warehouse=house.warehouse, code="OLD", is_active=False)
    shelf, bench = stocked(apples, house.shelf, 5), stocked(apples, house.bench, 5)
    for target, text in (
        (house.shelf, "in A-01 already"),
        (elsewhere.shelf, "not an active place of this warehouse"),
        (closed, "not an active place of this warehouse"),
        (house.transit, "leave by transfers"),
        (house.bench, "leave by picking and put-back"),
        (house.freezer, "no shelf life for frozen"),
    ):
        with pytest.raises(PlaceNotAllowed, match=text):
            move_stock(shelf.pk, amount(1), target.pk, actor=WORKER)
    with pytest.raises(PlaceNotAllowed, match="leave by picking and put-back"):
        move_stock(bench.pk, amount(1), house.shelf.pk, actor=WORKER)
    with pytest.raises(NotFound, match="no goods 999999"):
        move_stock(999_999, amount(1), house.cool.pk, actor=WORKER)
    assert ledger() == []


def test_a_reason_that_is_too_long_is_not_cut(apples: Product, house: Site) -> None:
    shelf, reason = stocked(apples, house.shelf, 5), "x" * 201
    for work in (
        lambda: move_stock(shelf.pk, amount(1), house.cool.pk, reason=reason, actor=WORKER),
        lambda: split_batch(shelf.pk, amount(1), reason=reason, actor=WORKER),
        lambda: change_phase(shelf.pk, amount(1), "open", reason=reason, actor=WORKER),
    ):
        with pytest.raises(ValidationFailed, match="may have 200 characters; this one has 201"):
            work()
    assert ledger() == []


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "1e30", "0.5", "Infinity"])
def test_quantities_that_are_none(apples: Product, house: Site, quantity: str) -> None:
    shelf = stocked(apples, house.shelf, 5)
    for work in (
        lambda: move_stock(shelf.pk, amount(quantity), house.cool.pk, actor=WORKER),
        lambda: split_batch(shelf.pk, amount(quantity), actor=WORKER),
        lambda: change_phase(shelf.pk, amount(quantity), "open", actor=WORKER),
    ):
        with pytest.raises(ValidationFailed):
            work()
    assert ledger() == []
    assert Batch.objects.count() == 1


def test_who_may(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.shelf, 5)
    picker = Actor("p", ActorType.EMPLOYEE, frozenset({Role.PICKER}))
    move_stock(shelf.pk, amount(1), house.cool.pk, actor=picker)
    for role in (Role.PACKER, Role.AUDITOR, Role.SELLER, Role.INTEGRATION, Role.VIEWER):
        stranger = Actor("s", ActorType.EMPLOYEE, frozenset({role}))
        with pytest.raises(PermissionDenied):
            move_stock(shelf.pk, amount(1), house.cool.pk, actor=stranger)
        with pytest.raises(PermissionDenied):
            change_phase(shelf.pk, amount(1), "open", actor=stranger)
    for work in (lambda: put_away(shelf.pk, amount(1), actor=picker), lambda: split_batch(shelf.pk, amount(1), actor=picker)):
        with pytest.raises(PermissionDenied):
            work()


def test_what_changed_meanwhile_is_refused_when_the_caller_asks(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.shelf, 5)
    seen = shelf.version
    move_stock(shelf.pk, amount(1), house.cool.pk, actor=WORKER, expected_version=seen)

    for work in (
        lambda: move_stock(shelf.pk, amount(1), house.cool.pk, actor=WORKER, expected_version=seen),
        lambda: split_batch(shelf.pk, amount(1), actor=WORKER, expected_version=seen),
        lambda: change_phase(shelf.pk, amount(1), "open", actor=WORKER, expected_version=seen),
        lambda: put_away(shelf.pk, amount(1), actor=WORKER, expected_version=seen),
    ):
        with pytest.raises(StaleVersion):
            work()


def test_a_thousand_moves_cost_as_many_statements_as_one(house: Site) -> None:
    rows = [stocked(ProductFactory(), house.shelf, 5) for _ in range(20)]

    def work(size: int) -> int:
        return statements(lambda: move_goods([Move(row.pk, amount(1), house.quarantine.pk) for row in rows[:size]], actor=WORKER))

    work(20)
    assert {work(1), work(3), work(20)} == {work(2)}


# --- put-away ----------------------------------------------------------------------------------------------------------------------------


def test_goods_are_put_away_where_it_is_suggested_or_said(apples: Product, house: Site) -> None:
    dock = stocked(apples, house.dock, 5)
    assert totals(apples.pk, house.id) == (5, 0, 5, 0)

    with heard() as events:
        there = put_away(dock.pk, amount(2), actor=WORKER)

    assert row_of(there).location == house.cool  # apples keep longest there, and that is what their clock runs by
    assert events.types() == ["stock.changed", "inventory.moved"]
    assert row_of(put_away(dock.pk, amount(3), house.shelf.pk, actor=WORKER)).location == house.shelf
    assert totals(apples.pk, house.id) == (5, 0, 0, 5)
    assert ledger()[0] == ("transfer_out", "DOCK", -2, "put away")
    assert_books_balance()


def test_only_what_lies_on_a_dock_is_put_away(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.shelf, 5)

    with pytest.raises(PlaceNotAllowed, match="no receiving dock: move the goods"):
        put_away(shelf.pk, amount(1), house.cool.pk, actor=WORKER)


def test_no_place_suits(house: Site) -> None:
    wine = ProductFactory(sku="WINE", lives={"cool": 1000})
    dock = stocked(wine, house.dock, 5)

    with pytest.raises(NotFound, match="No shelf of this warehouse suits WINE"):
        put_away(dock.pk, amount(1), actor=WORKER)


# --- the bench ---------------------------------------------------------------------------------------------------------------------------


def test_what_is_on_the_bench_is_left_alone(apples: Product, house: Site) -> None:
    stocked(apples, house.cool, 5)
    item = promise_order("shop:1", [OrderedLine(apples.pk, amount(1))], actor=ACTOR)[0].items[0]
    bench = pick_reserved(
        item.id, amount(1), warehouse_id=house.id, product_id=apples.pk, to_location_id=house.bench.pk,
        document_type="picking_task", document_id=1, actor=ACTOR,
    ).batch_location_id  # fmt: skip

    for work in (lambda: split_batch(bench, amount(1), actor=WORKER), lambda: change_phase(bench, amount(1), "open", actor=WORKER)):
        with pytest.raises(PlaceNotAllowed, match="leave by picking"):
            work()
