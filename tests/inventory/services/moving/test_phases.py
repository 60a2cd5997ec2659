"""Goods that are frozen, thawed and opened: the worked cases, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from inventory.models import BatchLocation, Product
from inventory.orchestrator import InsufficientStock, OrderedLine, PlaceNotAllowed, change_phase, move_stock, promise_order
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import about, days_pass, keeps_for
from tests.inventory.events import heard
from tests.inventory.moves import WORKER, amount, ledger, row_of
from warehouse.core.errors import ValidationFailed

pytestmark = pytest.mark.django_db


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


# --- goods that joined -------------------------------------------------------------------------------------------------------------------


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
