"""Promises kept: the goods leave, and weighed goods may be less or a little more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from inventory.models import Movement, Product, Reservation, ReservationItem
from inventory.orchestrator import InsufficientStock, consume_reservation, release_reservation
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.promises import line
from warehouse.core.errors import TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db


def test_a_promise_is_kept(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 7))

    with heard() as events:
        consume_reservation(reserved.reservation_id, actor=ACTOR)

    assert events.types() == ["stock.sold"]
    assert totals(milk.pk, house.id) == (3, 0, 0, 3)
    assert sorted(ReservationItem.objects.values_list("quantity", "consumed", "released", "actual")) == [(2, 2, 0, 2), (5, 5, 0, 5)]
    assert sorted(Movement.objects.filter(type="sale").values_list("quantity_change", "reserved_change", "document_type")) == [
        (-5, -5, "reservation"),
        (-2, -2, "reservation"),
    ]
    assert Reservation.objects.get().status == "fulfilled"
    assert_books_balance()


def test_keeping_twice_is_once_and_what_was_kept_is_not_released(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 7))
    consume_reservation(reserved.reservation_id, actor=ACTOR)

    with heard() as events:
        consume_reservation(reserved.reservation_id, actor=ACTOR)
        with pytest.raises(TransitionRefused, match="have left"):
            release_reservation(reserved.reservation_id, reason="X", actor=ACTOR)

    assert list(events) == []
    assert totals(milk.pk, house.id) == (3, 0, 0, 3)


def test_what_was_released_is_not_kept(milk: Product, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 7))
    release_reservation(reserved.reservation_id, reason="X", actor=ACTOR)

    with pytest.raises(TransitionRefused, match="released"):
        consume_reservation(reserved.reservation_id, actor=ACTOR)


@pytest.fixture
def ham(house: Site) -> Product:
    product = ProductFactory(sku="HAM", base_unit="kg", quantity_step=Decimal("0.001"), weight_tolerance=Decimal("0.1"), lives={"chilled": 30})
    stocked(product, house.cool, 2, lot="H1", expires_in_days=9)
    return product


def test_weighed_goods_that_are_less(ham: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))

    with heard() as events:
        consume_reservation(reserved.reservation_id, actual={reserved.items[0].id: Decimal("0.487")}, actor=ACTOR)

    assert totals(ham.pk, house.id) == (Decimal("1.513"), 0, 0, Decimal("1.513"))
    item = ReservationItem.objects.get()
    assert (item.consumed, item.released, item.actual) == (Decimal("0.487"), Decimal("0.013"), Decimal("0.487"))
    assert list(Movement.objects.exclude(type="receiving").order_by("pk").values_list("type", "quantity_change", "reserved_change")) == [
        ("reservation", 0, Decimal("0.5")),
        ("sale", Decimal("-0.487"), Decimal("-0.487")),
        ("release", 0, Decimal("-0.013")),
    ]
    assert events.of("stock.changed")[0]["available"] == "1.513"
    assert_books_balance()


def test_weighed_goods_that_are_more_within_the_tolerance(ham: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))

    consume_reservation(reserved.reservation_id, actual={reserved.items[0].id: Decimal("0.6")}, actor=ACTOR)

    assert totals(ham.pk, house.id) == (Decimal("1.4"), 0, 0, Decimal("1.4"))
    item = ReservationItem.objects.get()
    assert (item.consumed, item.released, item.actual) == (Decimal("0.5"), 0, Decimal("0.6"))
    assert_books_balance()


def test_weighed_goods_that_are_too_much(ham: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))

    with pytest.raises(ValidationFailed, match=r"0.601 is 0.101 more than promised; the tolerance is 0.1"):
        consume_reservation(reserved.reservation_id, actual={reserved.items[0].id: Decimal("0.601")}, actor=ACTOR)

    assert totals(ham.pk, house.id) == (2, Decimal("0.5"), 0, Decimal("1.5"))


def test_a_surplus_that_is_promised_to_others(ham: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))
    reserve("shop:2", line(ham, "1.45"))

    with pytest.raises(InsufficientStock) as refusal:
        consume_reservation(reserved.reservation_id, actual={reserved.items[0].id: Decimal("0.6")}, actor=ACTOR)

    assert [(s.asked, s.available) for s in refusal.value.shortages] == [(Decimal("0.1"), Decimal("0.05"))]


def test_nothing_of_it_was_there(ham: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))

    consume_reservation(reserved.reservation_id, actual={reserved.items[0].id: Decimal(0)}, actor=ACTOR)

    assert totals(ham.pk, house.id) == (2, 0, 0, 2)
    assert_books_balance()


@pytest.mark.parametrize("actual", ["-0.1", "0.4999", "NaN"])
def test_a_weight_that_is_none(ham: Product, house: Site, reserve: Any, actual: str) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))

    with pytest.raises(ValidationFailed):
        consume_reservation(reserved.reservation_id, actual={reserved.items[0].id: Decimal(actual)}, actor=ACTOR)

    assert totals(ham.pk, house.id)[1] == Decimal("0.5")


def test_a_weight_of_an_item_that_is_not_held(ham: Product, reserve: Any) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))

    with pytest.raises(ValidationFailed, match="not held by the reservation"):
        consume_reservation(reserved.reservation_id, actual={999_999: Decimal(1)}, actor=ACTOR)


def test_a_tenth_and_two_tenths_of_a_kilogram(ham: Product, house: Site, reserve: Any) -> None:
    reserve("shop:1", line(ham, "0.1"), line(ham, "0.2"))

    assert totals(ham.pk, house.id)[1] == Decimal("0.300")
