"""The freshness of goods that come back: the clock ran on while they were away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from inventory.errors import MoreThanShipped, ShortDated
from inventory.models import Batch, BatchLocation, Discount, PastClock, Product, Return
from inventory.orchestrator import (
    PlaceNotAllowed,
    SaleLine,
    change_phase,
    change_return,
    complete_return,
    inspect_return,
    move_stock,
    process_offline_sale,
)
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontProductFactory, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import about, days_pass, keeps_for
from tests.inventory.events import heard
from tests.inventory.returns import draft, found, ledger, line, looked_at, returned, ship
from warehouse.core.errors import ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], datetime]:
    """Lets time pass for the programme; the database's own clock stays."""

    def later(by: timedelta) -> datetime:
        now = timezone.now() + by
        monkeypatch.setattr(timezone, "now", lambda: now)
        return now

    return later


def test_the_clock_ran_on_while_they_were_away(house: Site, clock: Any) -> None:
    """Ten days of forty-two used on the shelf and away; the inspector can't make it better."""
    apples = ProductFactory(lives={"ambient": 21, "chilled": 42})
    stocked(apples, house.cool, 1)
    start = BatchLocation.objects.get().clock_started_at
    ship(house, (apples, 1))
    clock(timedelta(days=10))

    document = returned(house, line(apples, 1), freshness_remaining=Decimal(1))

    row = BatchLocation.objects.get()
    assert abs(row.effective_expires_at - (start + timedelta(days=42))) < timedelta(seconds=5)
    assert abs(row.consumed_fraction - Decimal(10) / 42) < Decimal("0.0001")
    assert document.items.get().new_expires_at == row.effective_expires_at


def test_what_the_inspector_says_can_make_it_worse(house: Site, clock: Any) -> None:
    apples = ProductFactory(lives={"ambient": 21, "chilled": 42})
    stocked(apples, house.cool, 1)
    ship(house, (apples, 1))
    now = clock(timedelta(days=10))

    returned(house, line(apples, 1), freshness_remaining=Decimal("0.25"))

    row = BatchLocation.objects.get()
    assert (row.consumed_fraction, row.effective_expires_at) == (Decimal("0.75"), now + timedelta(days=10.5))


def test_into_another_condition(house: Site, clock: Any) -> None:
    """Half of the life in the cold is used; half of the life in ambient is left."""
    apples = ProductFactory(lives={"ambient": 21, "chilled": 42})
    stocked(apples, house.cool, 1)
    start = BatchLocation.objects.get().clock_started_at
    ship(house, (apples, 1))
    clock(timedelta(days=21))

    returned(house, line(apples, 1), place=house.shelf)

    row = BatchLocation.objects.get(quantity__gt=0)
    assert (row.location, row.clock_condition) == (house.shelf, "ambient")
    assert abs(row.effective_expires_at - (start + timedelta(days=21 + 10.5))) < timedelta(seconds=5)


def test_the_label_is_the_law(milk: Product, house: Site) -> None:
    label = datetime.combine(Batch.objects.get(lot_number="L5").label_expires_on + timedelta(days=1), datetime.min.time(), UTC)
    ship(house, (milk, 5))

    returned(house, line(milk, 5), freshness_remaining=Decimal(1))

    assert BatchLocation.objects.get(batch__lot_number="L5").effective_expires_at == label


def test_opened_goods_keep_for_their_opened_life(milk: Product, house: Site, clock: Any) -> None:
    ship(house, (milk, 7))
    now = clock(timedelta(hours=1))

    returned(house, line(milk, 2, batch_id=Batch.objects.get(lot_number="L9").pk), condition="opened")

    row = BatchLocation.objects.get(phase="opened")
    assert (row.batch.lot_number, row.quantity, row.effective_expires_at) == ("L9", 2, now + timedelta(days=3))
    assert_books_balance()


def test_opened_goods_without_an_opened_life_can_only_be_written_off(house: Site) -> None:
    eggs = ProductFactory(sku="EGGS", lives={"chilled": 28})
    stocked(eggs, house.cool, 2)
    ship(house, (eggs, 2))
    document = draft(house, line(eggs, 2))

    with pytest.raises(ValidationFailed, match="EGGS has no opened life in chilled"):
        looked_at(document, condition="opened")
    complete_return(looked_at(document, condition="opened", decision="write_off").pk, actor=ACTOR)
    assert totals(eggs.pk, house.id)[0] == 0


def test_goods_that_do_not_expire(house: Site) -> None:
    lamp = ProductFactory(tracks_expiry=False, lives={})
    stocked(lamp, house.shelf, 2)
    StorefrontProductFactory(product=lamp, price=Decimal(5))
    ship(house, (lamp, 2))

    document = returned(house, line(lamp, 2), place=house.freezer, condition="opened", decision="return_with_discount", discount_percent=Decimal(5))

    assert BatchLocation.objects.get(quantity__gt=0).effective_expires_at is None
    assert document.items.get().new_expires_at is None
    assert Discount.objects.get().valid_to is None


def test_frozen_goods_go_back_to_the_freezer_only(house: Site) -> None:
    beef = ProductFactory(sku="BEEF", lives={"chilled": 2, "frozen": 120}, freezable=True)
    row = stocked(beef, house.freezer, 2)
    BatchLocation.objects.filter(pk=row.pk).update(frozen_at=timezone.now())
    ship(house, (beef, 2))
    document = draft(house, line(beef, 2))

    with pytest.raises(PlaceNotAllowed, match="BEEF left frozen"):
        looked_at(document)
    change_return(document.pk, {"location_id": house.freezer.pk}, actor=ACTOR)
    complete_return(looked_at(document).pk, actor=ACTOR)
    assert BatchLocation.objects.get(quantity__gt=0).frozen_at is not None


def test_goods_that_came_after_the_sale_lend_their_clock_to_nobody(house: Site) -> None:
    """The shelf was emptied by the sale and filled again from the cold: what comes back is as old as it was."""
    apples = ProductFactory(sku="APPLES", lives={"ambient": 21, "chilled": 42})
    warm, cold = stocked(apples, house.shelf, 1, lot="L"), stocked(apples, house.cool, 5, lot="L")
    days_pass(20)
    ship(house, (apples, 1))
    assert move_stock(cold.pk, Decimal(4), house.shelf.pk, actor=ACTOR) == warm.pk
    assert keeps_for(warm) == 11

    document = returned(house, line(apples, 1))

    assert about(document.items.get().new_expires_at, 2)
    (past,) = PastClock.objects.all()
    assert (past.batch_location_id, past.clock_condition, past.consumed_fraction) == (warm.pk, "ambient", 0)
    assert_books_balance()


def test_each_sale_has_the_clock_of_its_day(house: Site) -> None:
    """The shelf was emptied and filled three times; each order gets back what it bought. The same clock again makes no past."""
    apples = ProductFactory(sku="APPLES", lives={"ambient": 21, "chilled": 42})
    cold = stocked(apples, house.cool, 9, lot="L")
    for turn in range(3):
        move_stock(cold.pk, Decimal(1), house.shelf.pk, actor=ACTOR)
        ship(house, (apples, 1), ref=f"shop:{turn}")
        days_pass(7)
    assert PastClock.objects.count() == 2
    assert keeps_for(cold) == 21

    # A week uses a third of the life in ambient and a sixth in the cold; the first had all three weeks in ambient.
    for turn, days in ((1, 7), (2, 14)):
        assert about(returned(house, line(apples, 1), ref=f"shop:{turn}").items.get().new_expires_at, days)
    with pytest.raises(ShortDated):
        returned(house, line(apples, 1), ref="shop:0")
    assert_books_balance()


def test_opened_goods_that_came_after_the_sale(house: Site) -> None:
    dogs = ProductFactory(sku="DOGS", lives={"chilled": 14, ("chilled", "opened"): 7})
    sealed = stocked(dogs, house.cool, 5, lot="L")
    opened = change_phase(sealed.pk, Decimal(1), "open", actor=ACTOR)
    days_pass(5)
    ship(house, (dogs, 1))
    assert change_phase(sealed.pk, Decimal(1), "open", actor=ACTOR) == opened
    assert keeps_for(opened) == 7

    document = returned(house, line(dogs, 1), condition="opened")

    assert about(document.items.get().new_expires_at, 2)


def test_goods_frozen_after_the_sale_lend_their_clock_to_nobody(house: Site) -> None:
    """Only freezing lifts the label: what was sold before from the same place has it still."""
    beef = ProductFactory(sku="BEEF", lives={"chilled": 6, "frozen": 120}, freezable=True)
    fresh, sold = (stocked(beef, place, 2, lot="L", expires_in_days=4) for place in (house.cool, house.freezer))
    BatchLocation.objects.filter(pk=sold.pk).update(received_at=fresh.received_at - timedelta(days=1))
    ship(house, (beef, 2))
    assert change_phase(fresh.pk, Decimal(2), "freeze", house.freezer.pk, actor=ACTOR) == sold.pk
    assert keeps_for(sold) > 30

    document = returned(house, line(beef, 2), place=house.freezer)

    assert document.items.get().new_expires_at == sold.effective_expires_at
    assert document.items.get().batch_location.frozen_at is None
    assert_books_balance()


@pytest.mark.parametrize(("share", "days"), [("0.5", 1), ("1", 2)])
def test_what_the_inspector_says_of_thawed_goods(house: Site, share: str, days: float) -> None:
    """No sealed life counts in the cold: it is a share of the life that they have once thawed."""
    document = returned(house, line(thawed_and_sold(house), 2), freshness_remaining=Decimal(share))

    assert about(document.items.get().new_expires_at, days)


def test_thawed_goods_with_nothing_left_are_not_sold_again(house: Site) -> None:
    nuggets = thawed_and_sold(house)

    with pytest.raises(ShortDated, match="NUGGETS lot L expires"):
        returned(house, line(nuggets, 2), freshness_remaining=Decimal(0))


def thawed_and_sold(house: Site) -> Product:
    nuggets = ProductFactory(sku="NUGGETS", lives={"frozen": 90, ("chilled", "thawed"): 2})
    change_phase(stocked(nuggets, house.freezer, 5, lot="L").pk, Decimal(2), "thaw", house.cool.pk, actor=ACTOR)
    ship(house, (nuggets, 2))
    return nuggets


def test_what_a_till_sold(milk: Product, house: Site) -> None:
    sale = process_offline_sale(warehouse_id=house.id, receipt_number="77", lines=[SaleLine(milk.pk, Decimal(6))], actor=ACTOR)

    document = returned(house, line(milk, 6), ref=sale.order_ref)

    assert ledger(document) == [("return_to_stock", "L5", "C-01", 5, "till:MAIN:77"), ("return_to_stock", "L9", "C-01", 1, "till:MAIN:77")]
    with pytest.raises(MoreThanShipped):
        draft(house, line(milk, 1), ref=sale.order_ref)


def test_the_worse_of_two_places_they_left_from(house: Site, clock: Any) -> None:
    """One lot from two places under one order: nobody knows which of the pieces came back. Ten of twenty-one days are used in ambient."""
    apples = ProductFactory(lives={"ambient": 21, "chilled": 42})
    stocked(apples, house.cool, 1, lot="A")
    stocked(apples, house.shelf, 1, lot="A")
    ship(house, (apples, 2))
    now = clock(timedelta(days=10))

    document = returned(house, line(apples, 1))

    assert abs(document.items.get().new_expires_at - (now + timedelta(days=22))) < timedelta(seconds=10)


@pytest.mark.parametrize("decision", ["return_to_shelf", "return_with_discount"])
def test_expired_goods_are_not_sold_again(milk: Product, house: Site, clock: Any, decision: str) -> None:
    ship(house, (milk, 7))
    document = draft(house, line(milk, 7))
    first, second = document.items.order_by("pk")
    percent = Decimal(10) if decision == "return_with_discount" else None
    clock(timedelta(days=7))

    with pytest.raises(ShortDated) as refusal:
        looked_at(document, decision=decision, discount_percent=percent)

    assert [(e["line"], e["sku"], e["lot"]) for e in refusal.value.errors] == [(first.pk, "MILK", "L5")]
    assert Return.objects.get().status == "draft"
    inspect_return(document.pk, findings=[found(first, "write_off"), found(second)], actor=ACTOR)
    complete_return(document.pk, actor=ACTOR)
    assert_books_balance()


def test_what_expires_between_the_inspection_and_the_end_is_refused_then(milk: Product, house: Site, clock: Any) -> None:
    ship(house, (milk, 5))
    document = looked_at(draft(house, line(milk, 5)))
    clock(timedelta(days=6))

    with heard() as events, pytest.raises(ShortDated):
        complete_return(document.pk, actor=ACTOR)

    assert (Return.objects.get().status, list(events)) == ("inspected", [])
    assert totals(milk.pk, house.id)[0] == 5


def test_too_short_dated_to_be_sold_is_as_good_as_expired(milk: Product, house: Site, clock: Any) -> None:
    ship(house, (milk, 5))
    Product.objects.filter(pk=milk.pk).update(min_remaining_days=6)

    with pytest.raises(ShortDated, match="Write it off"):
        looked_at(draft(house, line(milk, 5)))
