"""Write-offs of goods that are promised."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from inventory.errors import GoodsPromised
from inventory.models import BatchLocation, Product, Reservation
from inventory.orchestrator import OrderedLine, confirm_write_off, promise_order, remove_stock
from tests.factories.inventory import ACTOR, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.write_offs import draft, lost

pytestmark = pytest.mark.django_db


def promised(product: Product, quantity: Any, ref: str, **more: Any) -> Reservation:
    (made,) = promise_order(ref, [OrderedLine(product.pk, Decimal(quantity), **more)], actor=ACTOR)
    return Reservation.objects.get(pk=made.reservation_id)


def test_promised_goods_are_refused_naming_the_reservations(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10)
    first, second = promised(milk, 3, "shop:1"), promised(milk, 4, "shop:2")
    write_off = draft(house, lost(place, 8))

    with heard() as events, pytest.raises(GoodsPromised) as refusal:
        confirm_write_off(write_off.pk, actor=ACTOR)

    assert refusal.value.errors == [
        {"reservation": second.pk, "order_ref": "shop:2", "quantity": "4", "picking_started": False},
        {"reservation": first.pk, "order_ref": "shop:1", "quantity": "3", "picking_started": False},
    ]
    assert "shop:1, shop:2" in refusal.value.detail
    assert events.types() == []
    assert totals(milk.pk, house.id) == (10, 7, 0, 3)


def test_the_free_part_needs_nobody(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10)
    promised(milk, 7, "shop:1")

    remove_stock(warehouse_id=house.id, line=lost(place, 3), actor=ACTOR)

    assert totals(milk.pk, house.id) == (7, 7, 0, 0)


def test_promises_move_to_other_goods_when_told_so(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    promised(milk, 7, "shop:1")
    other = stocked(milk, house.shelf, 10, lot="B", expires_in_days=60)

    with heard() as events:
        done = remove_stock(warehouse_id=house.id, line=lost(place, 10), release_reservations=True, actor=ACTOR)

    assert done.status == "confirmed"
    assert totals(milk.pk, house.id) == (10, 7, 0, 3)
    assert BatchLocation.objects.get(pk=other.pk).reserved == 7
    assert events.types() == ["stock.reallocated", "stock.changed", "stock.low", "inventory.writeOff.confirmed"]
    assert_books_balance()


def test_a_promise_does_not_move_to_what_leaves_in_the_same_write_off(milk: Product, house: Site) -> None:
    """The second place is free, but six of its ten go with this paper: four may be promised anew."""
    first = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    reservation = promised(milk, 7, "shop:1")
    second = stocked(milk, house.shelf, 10, lot="B", expires_in_days=60)
    write_off = draft(house, lost(first, 10), lost(second, 6), release_reservations=True)

    confirm_write_off(write_off.pk, actor=ACTOR)

    assert totals(milk.pk, house.id) == (4, 4, 0, 0)
    assert sorted(item.held for item in reservation.items.all()) == [0, 4]
    assert_books_balance()
