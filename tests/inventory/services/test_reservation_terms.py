"""What was asked of a promise is kept with it: remaining days and ship time hold when it is adopted, re-allocated and kept."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from inventory.models import Batch, BatchLocation, Movement, Product, Reservation, ReservationItem
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    Reserved,
    UnfitNow,
    consume_reservation,
    explain_reservation,
    extend_reservation,
    pick_reserved,
    promise_order,
    reallocate_item,
    reserve_for_order,
)
from inventory.services.reallocation import free_up
from inventory.stock.gate import StockKey, lock_stock
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from warehouse.core.errors import Conflict

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk(house: Site) -> Product:
    """5 that expire in 3 days, 5 in 10 days, 5 in 30 days."""
    product = ProductFactory(sku="MILK", lives={"ambient": 60, "chilled": 60})
    for lot, days in (("L3", 3), ("L10", 10), ("L30", 30)):
        stocked(product, house.shelf, 5, lot=lot, expires_in_days=days)
    return product


def line(product: Product, quantity: int | str, days: int = 0) -> OrderedLine:
    return OrderedLine(product.pk, Decimal(quantity), min_remaining_days=days)


def checkout(product: Product, house: Site, quantity: int | str, days: int = 0, **more: Any) -> Reserved:
    return reserve_for_order("shop:1", [line(product, quantity, days)], warehouse_id=house.id, actor=ACTOR, ttl=timedelta(minutes=30), **more)


def held() -> dict[str, Decimal]:
    result: dict[str, Decimal] = defaultdict(Decimal)
    for row in ReservationItem.objects.select_related("batch_location__batch").order_by("pk"):
        result[row.batch_location.batch.lot_number] += row.held
    return {number: quantity for number, quantity in result.items() if quantity}


def lot(number: str) -> BatchLocation:
    return BatchLocation.objects.get(batch__lot_number=number)


def taken_away(place: BatchLocation) -> None:
    """Somebody takes the promised goods of this place."""
    with transaction.atomic():
        gate = lock_stock([StockKey(place.warehouse_id, place.product_id)])
        free_up(gate, {place.pk: place.reserved}, reason="DAMAGED", actor=ACTOR)


# --- the days of the line ----------------------------------------------------------------------------------------------------------------


def test_the_days_of_a_checkout_hold_for_its_order(milk: Product, house: Site) -> None:
    checkout(milk, house, 2, days=5)
    assert held() == {"L10": 2}

    with heard() as events:
        promise_order("shop:1", [line(milk, 6)], actor=ACTOR)

    assert held() == {"L10": 5, "L30": 1}  # nothing of L3, which would have left first
    assert events.of("inventory.released") == []
    assert_books_balance()


def test_the_order_may_ask_for_more_than_its_checkout(milk: Product, house: Site) -> None:
    checkout(milk, house, 2)
    assert held() == {"L3": 2}

    promise_order("shop:1", [line(milk, 2, days=5)], actor=ACTOR)

    assert held() == {"L10": 2}
    taken_away(lot("L10"))
    assert held() == {"L30": 2}
    assert_books_balance()


def test_what_the_order_asks_more_of_goods_that_suit_it_is_kept_too(milk: Product, house: Site) -> None:
    checkout(milk, house, 2, days=5)

    promise_order("shop:1", [line(milk, 2, days=8)], actor=ACTOR)

    assert held() == {"L10": 2}
    assert [(told.get("adopted", False), told["min_remaining_days"]) for told in Reservation.objects.get().explanation] == [(False, 5), (True, 8)]
    stocked(milk, house.cool, 5, lot="L7", expires_in_days=7)
    taken_away(lot("L10"))
    assert held() == {"L30": 2}


def test_a_promise_that_moves_keeps_its_days(milk: Product, house: Site) -> None:
    checkout(milk, house, 2, days=5)

    taken_away(lot("L10"))

    assert held() == {"L30": 2}  # not L3, which would have left first
    assert_books_balance()


def test_nothing_that_keeps_long_enough_is_left(milk: Product, house: Site) -> None:
    checkout(milk, house, 7, days=5)
    assert held() == {"L10": 5, "L30": 2}

    taken_away(lot("L10"))

    assert held() == {"L30": 5}
    assert totals(milk.pk, house.id) == (15, 5, 0, 10)
    assert_books_balance()


def test_a_picker_may_not_choose_what_keeps_too_short(milk: Product, house: Site) -> None:
    (item,) = checkout(milk, house, 2, days=5).items

    with pytest.raises(UnfitNow, match="too early"):
        reallocate_item(item.id, lot("L3").pk, reason="It is nearer", actor=ACTOR)
    reallocate_item(item.id, lot("L30").pk, reason="It is nearer", actor=ACTOR)

    assert held() == {"L30": 2}


def test_an_equal_repetition_asks_no_more_than_was_promised(milk: Product, house: Site) -> None:
    first = checkout(milk, house, 2, days=5)

    assert checkout(milk, house, 2, days=5).reservation_id == first.reservation_id
    assert checkout(milk, house, 2).reservation_id == first.reservation_id
    with pytest.raises(Conflict, match="another reservation"):
        checkout(milk, house, 2, days=20)


# --- the ship time -----------------------------------------------------------------------------------------------------------------------


def test_a_promise_that_moves_keeps_its_ship_time(milk: Product, house: Site) -> None:
    checkout(milk, house, 2, ship_at=timezone.now() + timedelta(days=6))
    assert held() == {"L10": 2}

    taken_away(lot("L10"))

    assert held() == {"L30": 2}


def test_the_ship_time_of_a_checkout_holds_for_an_order_that_names_none(milk: Product, house: Site) -> None:
    checkout(milk, house, 2, ship_at=timezone.now() + timedelta(days=6))

    promise_order("shop:1", [line(milk, 8)], actor=ACTOR)

    assert held() == {"L10": 5, "L30": 3}
    with pytest.raises(Conflict, match="confirmed order"):
        promise_order("shop:1", [line(milk, 9)], actor=ACTOR)


def test_days_count_from_the_ship_time(milk: Product, house: Site) -> None:
    soon = timezone.now() + timedelta(days=6)

    with pytest.raises(InsufficientStock) as refusal:
        checkout(milk, house, 6, days=5, ship_at=soon)
    checkout(milk, house, 5, days=5, ship_at=soon)

    assert held() == {"L30": 5}
    assert [(short.available, len(short.skipped)) for short in refusal.value.shortages] == [(5, 2)]


# --- when it leaves ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_the_bench", [False, True])
def test_goods_that_spoiled_meanwhile_do_not_leave(milk: Product, house: Site, on_the_bench: bool) -> None:
    reserved = checkout(milk, house, 2)
    if on_the_bench:
        pick_reserved(
            reserved.items[0].id, Decimal(2), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.bench.pk,
            document_type="picking_task", document_id=1, actor=ACTOR,
        )  # fmt: skip
    BatchLocation.objects.filter(batch__lot_number="L3").update(effective_expires_at=timezone.now() - timedelta(seconds=1))

    with heard() as events, pytest.raises(UnfitNow, match=r"MILK: expires .* too early") as refusal:
        consume_reservation(reserved.reservation_id, actor=ACTOR)

    assert [(error["sku"], error["quantity"]) for error in refusal.value.errors] == [("MILK", "2")]
    assert list(events) == []
    assert totals(milk.pk, house.id)[:2] == (15, 2)
    assert not Movement.objects.filter(type="sale").exists()


def test_goods_that_are_left_out_are_not_judged(milk: Product, house: Site) -> None:
    reserved = checkout(milk, house, 6)
    first, second = reserved.items
    spoiled = lot("L3")
    BatchLocation.objects.filter(pk=spoiled.pk).update(effective_expires_at=timezone.now())
    nothing = {item.id: Decimal(0) for item in (first, second) if item.batch_location_id == spoiled.pk}

    consume_reservation(reserved.reservation_id, actual=nothing, actor=ACTOR)

    assert Reservation.objects.get().status == "fulfilled"
    assert Movement.objects.get(type="sale").quantity_change == -1


def test_the_days_that_were_asked_must_be_left_when_it_leaves(milk: Product, house: Site) -> None:
    reserved = checkout(milk, house, 2, days=9)
    assert held() == {"L10": 2}
    BatchLocation.objects.filter(batch__lot_number="L10").update(effective_expires_at=timezone.now() + timedelta(days=8))

    with pytest.raises(UnfitNow):
        consume_reservation(reserved.reservation_id, actor=ACTOR)


def test_a_held_lot_does_not_leave(milk: Product, house: Site) -> None:
    reserved = checkout(milk, house, 2)
    Batch.objects.filter(lot_number="L3").update(status="on_hold")
    BatchLocation.objects.filter(batch__lot_number="L3").update(blocked_reason="held")

    with pytest.raises(UnfitNow, match="on hold"):
        consume_reservation(reserved.reservation_id, actor=ACTOR)


# --- time limits -------------------------------------------------------------------------------------------------------------------------


def test_what_is_being_picked_needs_no_more_time(milk: Product, house: Site) -> None:
    reserved = checkout(milk, house, 2)
    pick_reserved(
        reserved.items[0].id, Decimal(1), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.bench.pk,
        document_type="picking_task", document_id=1, actor=ACTOR,
    )  # fmt: skip
    before = Reservation.objects.get().expires_at

    with pytest.raises(Conflict, match="does not expire any more"):
        extend_reservation(reserved.reservation_id, until=timezone.now() + timedelta(days=1), actor=ACTOR)

    assert Reservation.objects.get().expires_at == before


# --- explained ---------------------------------------------------------------------------------------------------------------------------


def test_every_choice_is_explained(milk: Product, house: Site) -> None:
    reserved = checkout(milk, house, 2, days=5)
    reallocate_item(reserved.items[0].id, lot("L30").pk, reason="The carton is open", actor=ACTOR)
    taken_away(lot("L30"))

    chosen, override, moved = explain_reservation(reserved.reservation_id)["lines"]

    assert (chosen["sku"], chosen["asked"], chosen["min_remaining_days"]) == ("MILK", "2", 5)
    assert [(part["lot"], part["quantity"]) for part in chosen["taken"]] == [("L10", "2")]
    assert [(part["lot"], part["reason"].endswith("too early")) for part in chosen["skipped"]] == [("L3", True)]
    assert (override["override"], override["by"], override["instead_of"]["lot"]) == ("The carton is open", "tests", "L10")
    assert [(part["lot"], Decimal(part["quantity"])) for part in override["taken"]] == [("L30", 2)]
    assert (moved["reallocated"], moved["instead_of"]["lot"], [part["lot"] for part in moved["taken"]]) == ("DAMAGED", "L30", ["L10"])


def test_an_equal_promise_is_none_for_a_ship_time_that_its_goods_do_not_reach(milk: Product, house: Site) -> None:
    first = checkout(milk, house, 5)
    assert checkout(milk, house, 5, ship_at=timezone.now() + timedelta(days=1)) == first
    with pytest.raises(Conflict, match="do not keep until"):
        checkout(milk, house, 5, ship_at=timezone.now() + timedelta(days=9))
    assert held() == {"L3": 5}
