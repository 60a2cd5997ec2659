"""Goods that change their place, their phase or their lot inside a warehouse."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Batch, BatchLocation, Movement, Product
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
from tests.inventory.clocks import about, days_pass, keeps_for
from tests.inventory.events import heard
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, ValidationFailed

pytestmark = pytest.mark.django_db

WORKER = Actor("wim", ActorType.EMPLOYEE, frozenset({Role.RECEIVER}))


@pytest.fixture
def apples(house: Site) -> Product:
    return ProductFactory(sku="APPLES", lives={"ambient": 21, "chilled": 42})


@pytest.fixture
def beef(house: Site) -> Product:
    """Ground beef: two days in the cold, 120 frozen, a day after it was thawed."""
    return ProductFactory(sku="BEEF", freezable=True, lives={"chilled": 2, "frozen": 120, ("chilled", "thawed"): 1})


def amount(value: Any) -> Decimal:
    return Decimal(value)


def ledger(since: int = 0) -> list[tuple[Any, ...]]:
    lines = Movement.objects.exclude(type="receiving").order_by("pk")
    return list(lines.values_list("type", "location__code", "quantity_change", "reason"))[since:]


def row_of(pk: int) -> BatchLocation:
    return BatchLocation.objects.select_related("batch", "location").get(pk=pk)


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


# --- phases: the worked cases ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [None, 1])
def test_ground_beef_frozen_on_day_1_keeps_until_61_and_thawed_on_31_until_31_and_a_half(beef: Product, house: Site, label: int | None) -> None:
    """With a date on the label it is the same, for freezing lifts it."""
    fresh = stocked(beef, house.cool, 10)
    if label:
        BatchLocation.objects.filter(pk=fresh.pk).update(not_after=fresh.effective_expires_at)
    days_pass(1)
    assert keeps_for(fresh) == 1

    with heard() as events:
        frozen = change_phase(fresh.pk, amount(6), "freeze", house.freezer.pk, actor=WORKER)

    assert keeps_for(frozen) == 60
    assert about(row_of(frozen).frozen_at, 0)
    assert (row_of(frozen).not_after, row_of(frozen).phase, row_of(frozen).clock_condition) == (None, "sealed", "frozen")
    assert keeps_for(fresh) == 1  # what was not frozen goes on as before
    assert ledger() == [("phase_change", "C-01", -6, "freeze"), ("phase_change", "F-01", 6, "freeze")]
    assert events.types() == ["inventory.moved"]
    assert events[0][1] | {"listing_id": None} == {
        "listing_id": None, "product_id": beef.pk, "warehouse_id": "1", "from_location": "C-01", "to_location": "F-01", "quantity": "6", "phase": "sealed",
    }  # fmt: skip
    assert_books_balance()

    days_pass(30)
    thawed = change_phase(frozen, amount(2), "thaw", house.cool.pk, reason="for the weekend", actor=WORKER)

    assert keeps_for(thawed) == 0.5
    assert (row_of(thawed).phase, row_of(thawed).location) == ("thawed", house.cool)
    assert ledger()[2] == ("phase_change", "F-01", -2, "thaw: for the weekend")
    assert keeps_for(frozen) == 30
    assert_books_balance()


def test_apples_seven_days_outside_then_chilled_keep_until_day_35(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.shelf, 1)
    days_pass(7)

    assert keeps_for(move_stock(shelf.pk, amount(1), house.cool.pk, actor=WORKER)) == 28


def test_the_order_of_the_stays_makes_no_difference(apples: Product, house: Site) -> None:
    warm, cold = stocked(apples, house.shelf, 1, lot="W"), stocked(apples, house.cool, 1, lot="C")
    days_pass(7)
    later = [move_stock(warm.pk, amount(1), house.cool.pk, actor=WORKER), move_stock(cold.pk, amount(1), house.shelf.pk, actor=WORKER)]
    days_pass(7)
    there = move_stock(later[1], amount(1), house.cool.pk, actor=WORKER)

    assert keeps_for(later[0]) == keeps_for(there) == 21


@pytest.mark.parametrize(("day", "left"), [(10, 4), (3, 7)])
def test_hot_dogs_opened(house: Site, day: int, left: int) -> None:
    """Fourteen days sealed, seven opened: opened on day 10 they keep until day 14, on day 3 until day 10."""
    dogs = ProductFactory(lives={"chilled": 14, ("chilled", "opened"): 7})
    pack = stocked(dogs, house.cool, 5)
    days_pass(day)

    with heard() as events:
        opened = change_phase(pack.pk, amount(1), "open", actor=WORKER)

    assert (row_of(opened).phase, row_of(opened).location, keeps_for(opened)) == ("opened", house.cool, left)
    assert keeps_for(pack) == 14 - day
    assert events == []
    assert totals(dogs.pk, house.id) == (5, 0, 0, 5)
    with pytest.raises(ValidationFailed, match="is open already"):
        change_phase(opened, amount(1), "open", actor=WORKER)
    assert_books_balance()


def test_nuggets_thawed_on_day_45_keep_until_47(house: Site) -> None:
    nuggets = ProductFactory(lives={"frozen": 90, ("chilled", "thawed"): 2})
    bag = stocked(nuggets, house.freezer, 5)
    days_pass(45)

    with pytest.raises(PlaceNotAllowed, match="no shelf life for chilled"):
        move_stock(bag.pk, amount(1), house.cool.pk, actor=WORKER)
    thawed = change_phase(bag.pk, amount(5), "thaw", house.cool.pk, actor=WORKER)

    assert keeps_for(thawed) == 2
    assert_books_balance()


def test_eggs_in_shell_are_not_frozen(house: Site) -> None:
    eggs = ProductFactory(sku="EGGS", lives={"chilled": 28, "frozen": 300})
    box = stocked(eggs, house.cool, 5)

    with pytest.raises(ValidationFailed, match="EGGS: This product may not be frozen"):
        change_phase(box.pk, amount(1), "freeze", house.freezer.pk, actor=WORKER)

    assert ledger() == []


def test_what_was_frozen_leaves_the_cold_only_by_being_thawed(beef: Product, house: Site) -> None:
    fresh = stocked(beef, house.cool, 10)
    frozen = change_phase(fresh.pk, amount(5), "freeze", house.freezer.pk, actor=WORKER)

    with pytest.raises(PlaceNotAllowed, match="was frozen: thaw it into C-01"):
        move_stock(frozen, amount(1), house.cool.pk, actor=WORKER)
    thawed = change_phase(frozen, amount(1), "thaw", house.cool.pk, actor=WORKER)
    with pytest.raises(ValidationFailed, match="BEEF is thawed: only sealed goods can freeze"):
        change_phase(thawed, amount(1), "freeze", house.freezer.pk, actor=WORKER)


def test_changes_that_make_no_sense(beef: Product, house: Site) -> None:
    fresh = stocked(beef, house.cool, 10)
    for change, target, error, text in (
        ("boil", None, ValidationFailed, "is no change of phase"),
        ("freeze", None, ValidationFailed, "name a frozen place"),
        ("freeze", house.shelf, PlaceNotAllowed, "A-01 is no frozen place"),
        ("freeze", house.cool, ValidationFailed, "name a frozen place, another than C-01"),
        ("thaw", house.shelf, ValidationFailed, "BEEF is not frozen"),
        ("thaw", house.dock, PlaceNotAllowed, "Nothing thaws in DOCK"),
        ("open", None, ValidationFailed, "BEEF: This product has no opened life in chilled"),
        ("open", house.bench, PlaceNotAllowed, "leave by picking"),
    ):
        with pytest.raises(error, match=text):
            change_phase(fresh.pk, amount(1), change, target.pk if target else None, actor=WORKER)
    days_pass(2)
    with pytest.raises(ValidationFailed, match="have expired"):
        change_phase(fresh.pk, amount(1), "freeze", house.freezer.pk, actor=WORKER)
    assert ledger() == []


def test_promised_goods_keep_their_phase(beef: Product, house: Site) -> None:
    fresh = stocked(beef, house.cool, 5)
    promise_order("shop:1", [OrderedLine(beef.pk, amount(3))], actor=ACTOR)

    with pytest.raises(InsufficientStock):
        change_phase(fresh.pk, amount(3), "freeze", house.freezer.pk, actor=WORKER)

    change_phase(fresh.pk, amount(2), "freeze", house.freezer.pk, actor=WORKER)
    assert totals(beef.pk, house.id) == (5, 3, 0, 2)


def test_frozen_twice_on_different_days_they_stay_apart(beef: Product, house: Site) -> None:
    """A day and a half of two is three quarters of a life: poured together the better ones would lose ninety days."""
    fresh = stocked(beef, house.cool, 10, lot="B")
    early = change_phase(fresh.pk, amount(5), "freeze", house.freezer.pk, actor=WORKER)
    days_pass(1.5)

    late = change_phase(fresh.pk, amount(5), "freeze", house.freezer.pk, actor=WORKER)

    assert (row_of(late).batch.lot_number, row_of(late).batch.parent) == ("B/1", fresh.batch)
    assert (keeps_for(early), keeps_for(late)) == (118.5, 30)
    assert_books_balance()


# --- lots --------------------------------------------------------------------------------------------------------------------------------


def test_a_part_of_a_lot_becomes_a_lot_of_its_own(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.shelf, 10, lot="L1", expires_in_days=9)
    days_pass(2)

    with heard() as events:
        child = split_batch(shelf.pk, amount(4), reason="bruised", actor=WORKER)

    assert (child.lot_number, child.parent, child.label_expires_on) == ("L1/1", shelf.batch, shelf.batch.label_expires_on)
    there = BatchLocation.objects.get(batch=child)
    shelf.refresh_from_db()
    assert (there.location, there.quantity, shelf.quantity) == (house.shelf, 4, 6)
    assert (there.effective_expires_at, there.not_after, there.consumed_fraction, there.received_at) == (
        shelf.effective_expires_at, shelf.not_after, shelf.consumed_fraction, shelf.received_at,
    )  # fmt: skip
    assert ledger() == [("mix_out", "A-01", -4, "split off L1 as L1/1: bruised"), ("mix_in", "A-01", 4, "split off L1 as L1/1: bruised")]
    assert events == []
    assert totals(apples.pk, house.id) == (10, 0, 0, 10)
    assert split_batch(shelf.pk, amount(1), actor=WORKER).lot_number == "L1/2"
    assert split_batch(shelf.pk, amount(1), lot_number="SPECIAL", actor=WORKER).lot_number == "SPECIAL"
    assert_books_balance()


def test_a_lot_number_that_is_taken_or_too_long(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.shelf, 10, lot="L1")

    with pytest.raises(Conflict, match="APPLES has a lot L1 already"):
        split_batch(shelf.pk, amount(1), lot_number="L1", actor=WORKER)
    with pytest.raises(ValidationFailed, match="60 characters"):
        split_batch(shelf.pk, amount(1), lot_number="L" * 61, actor=WORKER)
    with pytest.raises(InsufficientStock):
        split_batch(shelf.pk, amount(11), actor=WORKER)

    assert Batch.objects.count() == 1


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


def test_goods_that_joined_by_their_date_alone_gain_nothing_in_the_freezer(house: Site) -> None:
    """All expire with the label, but some used more of their life on the way: frozen together they keep as short as those."""
    beef = ProductFactory(sku="BEEF", freezable=True, lives={"cool": 10, "chilled": 20, "frozen": 120})
    cool, other = (
        LocationFactory(warehouse=house.warehouse, code="COOL", condition="cool"),
        LocationFactory(warehouse=house.warehouse, code="F-02", condition="frozen"),
    )
    tired = stocked(beef, cool, 5, lot="L", expires_in_days=10)
    fresh = move_stock(tired.pk, Decimal(1), house.cool.pk, actor=ACTOR)
    days_pass(6)
    alone = change_phase(tired.pk, Decimal(1), "freeze", house.freezer.pk, actor=ACTOR)
    assert move_stock(tired.pk, Decimal(3), house.cool.pk, actor=ACTOR) == fresh

    together = change_phase(fresh, Decimal(4), "freeze", other.pk, actor=ACTOR)

    assert keeps_for(together) == pytest.approx(keeps_for(alone), abs=0.1)
    assert_books_balance()
