"""Picking part of a promise, and putting it back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from inventory.models import BatchLocation, Movement, Product, Reservation
from inventory.orchestrator import (
    InsufficientStock,
    consume_reservation,
    pick_reserved,
    put_back,
    quarantine_picked,
    release_items,
    release_reservation,
    unpick_reserved,
)
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.promises import line
from warehouse.core.errors import Conflict, NotFound, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db


def pick(item_id: int, quantity: int | str, house: Site, product: Product) -> Any:
    return pick_reserved(
        item_id, Decimal(quantity), warehouse_id=house.id, product_id=product.pk, to_location_id=house.bench.pk,
        document_type="picking_task", document_id=7, actor=ACTOR,
    )  # fmt: skip


def test_a_part_is_picked_the_rest_stays(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 4))
    (item,) = reserved.items

    first = pick(item.id, 1, house, milk)
    second = pick(item.id, 2, house, milk)
    last = pick(item.id, 1, house, milk)

    assert (first.remaining_item_id, second.remaining_item_id, last.remaining_item_id) == (item.id, item.id, None)
    assert len({first.batch_location_id, second.batch_location_id, last.batch_location_id}) == 1
    assert BatchLocation.objects.get(pk=first.batch_location_id).location == house.bench
    assert totals(milk.pk, house.id) == (10, 4, 0, 6)
    lines = Movement.objects.filter(type="pick").order_by("pk").values_list("location__code", "quantity_change", "reserved_change", "document_id")
    assert list(lines)[:2] == [("A-01", -1, -1, 7), ("PACK", 1, 1, 7)]
    assert_books_balance()
    consume_reservation(reserved.reservation_id, actor=ACTOR)
    assert totals(milk.pk, house.id) == (6, 0, 0, 6)
    assert_books_balance()


@pytest.mark.parametrize("quantity", ["5", "0", "-1", "0.5", "NaN"])
def test_more_than_promised_or_nothing_is_not_picked(milk: Product, house: Site, reserve: Any, quantity: str) -> None:
    (item,) = reserve("shop:1", line(milk, 4)).items

    with pytest.raises((Conflict, ValidationFailed)):
        pick(item.id, quantity, house, milk)

    assert not Movement.objects.filter(type="pick").exists()


def test_the_wrong_product_or_warehouse_named(milk: Product, house: Site, reserve: Any) -> None:
    (item,) = reserve("shop:1", line(milk, 4)).items
    bread = ProductFactory()
    stocked(bread, house.shelf, 1)

    with pytest.raises(ValidationFailed, match="not of this product"):
        pick(item.id, 1, house, bread)
    with pytest.raises(NotFound):
        pick(999_999, 1, house, milk)


def test_what_was_released_is_not_picked(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 4))
    release_reservation(reserved.reservation_id, reason="X", actor=ACTOR)

    with pytest.raises(TransitionRefused):
        pick(reserved.items[0].id, 1, house, milk)


def test_every_change_of_what_is_held_is_a_new_version(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 5))
    (item,) = reserved.items

    def version() -> int:
        return Reservation.objects.get().version

    seen = [version()]
    for _ in range(2):
        picked = pick(item.id, 1, house, milk)
        seen.append(version())
    unpick_reserved(
        picked.item_id, Decimal(1), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.shelf.pk,
        document_type="picking_task", document_id=7, actor=ACTOR,
    )  # fmt: skip
    seen.append(version())
    release_items(reserved.reservation_id, {item.id: Decimal(1)}, reason="SHORT", actor=ACTOR)
    assert [*seen, version()] == [1, 2, 3, 4, 5]


def test_picked_seven_of_ten_cancelled_then_put_back(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 10))
    on_bench = [pick(item.id, quantity, house, milk) for item, quantity in zip(reserved.items, (5, 2), strict=True)]

    release_reservation(reserved.reservation_id, reason="ORDER_CANCELLED", actor=ACTOR)
    assert totals(milk.pk, house.id) == (10, 0, 7, 3)
    assert_books_balance()

    with heard() as events:
        for picked, quantity, shelf in zip(on_bench, (5, 2), (house.shelf, house.cool), strict=True):
            put_back(
                picked.batch_location_id, Decimal(quantity), warehouse_id=house.id, product_id=milk.pk, to_location_id=shelf.pk,
                document_id=3, actor=ACTOR,
            )  # fmt: skip
    assert totals(milk.pk, house.id) == (10, 0, 0, 10)
    assert events.of("inventory.moved")[0] == {
        "listing_id": None, "product_id": milk.pk, "warehouse_id": "1", "from_location": "PACK", "to_location": "A-01", "quantity": "5",
    }  # fmt: skip
    assert_books_balance()
    with pytest.raises(InsufficientStock):
        put_back(
            on_bench[0].batch_location_id, Decimal(1), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.shelf.pk,
            document_id=3, actor=ACTOR,
        )  # fmt: skip


def test_what_is_promised_on_the_bench_is_not_put_back(milk: Product, house: Site, reserve: Any) -> None:
    (item,) = reserve("shop:1", line(milk, 4)).items
    picked = pick(item.id, 4, house, milk)

    with pytest.raises(InsufficientStock) as refusal:
        put_back(
            picked.batch_location_id, Decimal(1), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.shelf.pk,
            document_id=3, actor=ACTOR,
        )  # fmt: skip

    assert refusal.value.shortages[0].available == 0


@pytest.mark.parametrize("quantity", ["0", "-1", "0.5", "NaN"])
def test_nothing_is_not_put_back(milk: Product, house: Site, quantity: str) -> None:
    place = stocked(milk, house.bench, 4)

    with pytest.raises(ValidationFailed):
        put_back(place.pk, Decimal(quantity), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.shelf.pk, document_id=3, actor=ACTOR)


def test_put_back_of_what_is_not_there(milk: Product, house: Site) -> None:
    with pytest.raises(NotFound):
        put_back(999_999, Decimal(1), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.shelf.pk, document_id=3, actor=ACTOR)


@pytest.mark.parametrize("quantity", ["0", "1"])
def test_an_item_of_nobody_is_not_put_into_quarantine(milk: Product, reserve: Any, quantity: str) -> None:
    reserved = reserve("shop:1", line(milk, 5))

    with pytest.raises(Conflict, match="item 999999 holds 0"):
        quarantine_picked(
            reserved.reservation_id, {999_999: Decimal(quantity)}, reason="bruised", document_type="quality_check", document_id=1, actor=ACTOR
        )
