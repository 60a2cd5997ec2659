"""Promises taken back, whole or in part."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from inventory.models import Product, Reservation
from inventory.orchestrator import consume_reservation, extend_reservation, release_items, release_reservation
from tests.factories.inventory import ACTOR, Site
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.promises import held, line
from warehouse.core.errors import Conflict, NotFound, TransitionRefused, ValidationFailed
from warehouse.core.quantities import plain

pytestmark = pytest.mark.django_db


def test_what_is_released_is_free_again_once(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 7))

    with heard() as events:
        release_reservation(reserved.reservation_id, reason="ORDER_CANCELLED", actor=ACTOR)

    assert events.types() == ["stock.released", "stock.changed", "inventory.released", "inventory.reservation.released"]
    assert events.of("inventory.released")[0] | {"quantity": "7", "reason": "ORDER_CANCELLED", "order_id": "1"} == events.of("inventory.released")[0]
    [told] = events.of("inventory.reservation.released")
    parts = [
        {"reservation_item": item.id, "product_id": milk.pk, "quantity": plain(item.quantity)}
        for item in sorted(reserved.items, key=lambda item: item.id)
    ]
    assert told == {"reservation_id": reserved.reservation_id, "order_ref": "shop:1", "order_id": "1", "reason": "ORDER_CANCELLED", "items": parts}
    assert totals(milk.pk, house.id) == (10, 0, 0, 10)
    reservation = Reservation.objects.get()
    assert (reservation.status, reservation.reason, reservation.closed_at is not None) == ("released", "ORDER_CANCELLED", True)

    with heard() as events:
        release_reservation(reserved.reservation_id, reason="AGAIN", actor=ACTOR)
    assert (list(events), Reservation.objects.get().reason) == ([], "ORDER_CANCELLED")
    assert_books_balance()


def test_a_reservation_that_does_not_exist() -> None:
    with pytest.raises(NotFound):
        release_reservation(999_999, reason="X", actor=ACTOR)
    with pytest.raises(NotFound):
        consume_reservation(999_999, actor=ACTOR)
    with pytest.raises(NotFound):
        extend_reservation(999_999, until=timezone.now(), actor=ACTOR)


def test_a_part_is_released(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 7))
    first, second = reserved.items

    with heard() as events:
        release_items(reserved.reservation_id, {first.id: Decimal(2)}, reason="SHORT", actor=ACTOR)

    assert dict(held(reserved)) == {"L5": 3, "L9": 2}
    assert Reservation.objects.get().status == "active"
    assert events.of("inventory.released")[0]["quantity"] == "2"
    release_items(reserved.reservation_id, {first.id: Decimal(3), second.id: Decimal(2)}, reason="SHORT", actor=ACTOR)
    assert Reservation.objects.get().status == "released"
    assert totals(milk.pk, house.id) == (10, 0, 0, 10)
    with pytest.raises(TransitionRefused):
        release_items(reserved.reservation_id, {first.id: Decimal(1)}, reason="SHORT", actor=ACTOR)
    assert_books_balance()


@pytest.mark.parametrize("quantity", ["6", "0.5", "-1", "NaN"])
def test_a_part_that_is_none(milk: Product, house: Site, reserve: Any, quantity: str) -> None:
    reserved = reserve("shop:1", line(milk, 7))

    with pytest.raises((Conflict, ValidationFailed)):
        release_items(reserved.reservation_id, {reserved.items[0].id: Decimal(quantity)}, reason="SHORT", actor=ACTOR)

    assert totals(milk.pk, house.id) == (10, 7, 0, 3)


def test_an_item_of_another_reservation_is_refused(milk: Product, reserve: Any) -> None:
    mine, other = reserve("shop:1", line(milk, 3)), reserve("shop:2", line(milk, 3))

    with pytest.raises(Conflict, match="holds 0"):
        release_items(mine.reservation_id, {other.items[0].id: Decimal(1)}, reason="SHORT", actor=ACTOR)
