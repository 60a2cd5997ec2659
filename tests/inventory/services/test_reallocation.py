"""Promises that move to other goods: whose give way, where they go, what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.errors import GoodsPromised, InsufficientStock, UnfitNow
from inventory.models import BatchLocation, Movement, Product, Reservation, ReservationItem
from inventory.orchestrator import (
    OrderedLine,
    explain_reservation,
    pick_reserved,
    promise_order,
    reallocate_item,
    release_reservation,
    reserve_for_order,
)
from inventory.services.reallocation import Seizure, free_up
from inventory.stock.gate import StockKey, lock_stock
from tests.factories.fulfillment import person
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontProductFactory, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK")


def promised(product: Product, quantity: Any, ref: str, **more: Any) -> Reservation:
    ship_at = more.pop("ship_at", None)
    (made,) = promise_order(ref, [OrderedLine(product.pk, Decimal(quantity), **more)], actor=ACTOR, ship_at=ship_at)
    return Reservation.objects.get(pk=made.reservation_id)


def seized(needs: Mapping[BatchLocation, Any], **more: Any) -> list[Seizure]:
    with transaction.atomic():
        gate = lock_stock({StockKey(place.warehouse_id, place.product_id) for place in needs})
        return free_up(gate, {place.pk: Decimal(n) for place, n in needs.items()}, reason="RECALL", actor=ACTOR, **more)


def held(reservation: Reservation) -> list[tuple[str, Decimal]]:
    """What it still holds: (lot, quantity) in the order of promising."""
    rows = reservation.items.select_related("batch_location__batch").order_by("pk")
    return [(row.batch_location.batch.lot_number, row.held) for row in rows if row.held]


def picked(reservation: Reservation, house: Site, quantity: Any = 1, item: ReservationItem | None = None) -> None:
    row = item or reservation.items.order_by("pk").first()
    assert row is not None
    pick_reserved(
        row.pk, Decimal(quantity), warehouse_id=house.id, product_id=row.product_id, to_location_id=house.bench.pk,
        document_type="picking_task", document_id=1, actor=ACTOR,
    )  # fmt: skip


# --- whose promises give way ---------------------------------------------------------------------------------------------------------------


def test_the_newest_promise_gives_way_first_and_a_part_of_it_is_enough(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    first, second, third = (promised(milk, 3, f"shop:{n}") for n in (1, 2, 3))
    stocked(milk, house.shelf, 10, lot="B", expires_in_days=60)

    result = seized({place: 4})

    assert [(seizure.holder.order_ref, seizure.quantity, seizure.missing) for seizure in result] == [("shop:3", 3, 0), ("shop:2", 1, 0)]
    assert (held(first), held(second), held(third)) == ([("A", 3)], [("A", 2), ("B", 1)], [("B", 3)])
    assert totals(milk.pk, house.id) == (20, 9, 0, 11)
    assert_books_balance()


def test_the_oldest_of_those_that_give_way_gets_the_better_part(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    first, second = promised(milk, 3, "shop:1"), promised(milk, 3, "shop:2")
    stocked(milk, house.shelf, 2, lot="B", expires_in_days=40)
    stocked(milk, house.shelf, 9, lot="C", expires_in_days=50)

    seized({place: 6})

    assert (held(first), held(second)) == ([("B", 2), ("C", 1)], [("C", 3)])
    assert_books_balance()


def test_a_promise_whose_picking_has_begun_is_never_taken(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10, lot="A")
    first, second = promised(milk, 5, "shop:1"), promised(milk, 5, "shop:2")
    picked(second, house)

    with heard() as events, pytest.raises(GoodsPromised) as refusal:
        seized({place: 6})

    assert refusal.value.errors == [{"reservation": second.pk, "order_ref": "shop:2", "quantity": "4", "picking_started": True}]
    assert "cancel or short" in refusal.value.detail
    assert (events.types(), held(first)) == ([], [("A", 5)])
    # What the other one holds may be taken.
    stocked(milk, house.shelf, 9, lot="B")
    assert [seizure.holder.order_ref for seizure in seized({place: 5})] == ["shop:1"]
    assert_books_balance()


def test_a_picking_that_begins_while_we_wait_is_seen(milk: Product, house: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its other product has another gate: what was read of it before its own lock is old."""
    from inventory.services import reallocation
    from warehouse.core.transactions import StartAgain

    place = stocked(milk, house.shelf, 10, lot="A")
    reservation = promised(milk, 5, "shop:1")
    lock = reallocation.lock_reservations

    def late(ids: Any) -> Any:
        Reservation.objects.filter(pk=reservation.pk).update(started_at=timezone.now())
        return lock(ids)

    monkeypatch.setattr(reallocation, "lock_reservations", late)
    with pytest.raises(StartAgain):
        seized({place: 1})


def test_nobody_gives_way_unless_told_so(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10)
    promised(milk, 5, "shop:1")

    with pytest.raises(GoodsPromised, match="say that reservations may be released"):
        seized({place: 1}, release=False)


def test_nothing_needed_is_nothing_done(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10)

    assert seized({place: 0}) == []
    assert seized({place: -3}) == []


def test_goods_that_no_reservation_explains(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10)
    promised(milk, 5, "shop:1")

    with pytest.raises(GoodsPromised):
        seized({place: 6})


# --- where they go -------------------------------------------------------------------------------------------------------------------------


def test_what_is_said_and_written(milk: Product, house: Site) -> None:
    StorefrontProductFactory(product=milk, external_listing_id="listing-1")
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    reservation = promised(milk, 3, "shop:1")
    old = reservation.items.get()
    other = stocked(milk, house.shelf, 10, lot="B", expires_in_days=60)

    with heard() as events:
        seized({place: 3})

    new = reservation.items.latest("pk")
    assert events.types() == ["stock.reallocated"]
    (told,) = events.of("stock.reallocated")
    assert told | {"stock_id": 0, "shop_product_id": 0} == {
        "stock_id": 0, "shop_product_id": 0, "listing_id": "listing-1", "product_id": milk.pk, "warehouse_id": "1", "available": "17", "status": "in_stock",
        "reservation_id": reservation.pk, "reservation_item": old.pk, "order_ref": "shop:1", "quantity": "3", "reason": "RECALL",
        "from": {"reservation_item": old.pk, "batch_location": place.pk, "batch": place.batch_id, "lot": "A", "location": house.shelf.pk, "location_code": "A-01"},
        "to": {"reservation_item": new.pk, "batch_location": other.pk, "batch": other.batch_id, "lot": "B", "location": house.shelf.pk, "location_code": "A-01"},
    }  # fmt: skip
    lines = Movement.objects.order_by("-pk").values_list("type", "batch_location", "reserved_change", "order_ref", "reservation_id", "reason")[:2]
    assert list(lines) == [
        ("reservation", other.pk, 3, "shop:1", reservation.pk, "RECALL"),
        ("release", place.pk, -3, "shop:1", reservation.pk, "RECALL"),
    ]
    assert (old.pk, ReservationItem.objects.get(pk=old.pk).released) == (old.pk, 3)
    why = explain_reservation(reservation.pk)["lines"][-1]
    assert (why["reallocated"], why["instead_of"]["lot"], why["taken"][0]["lot"], why["taken"][0]["quantity"]) == ("RECALL", "A", "B", "3.000")
    assert Reservation.objects.get(pk=reservation.pk).version == reservation.version + 1
    assert_books_balance()


def test_other_goods_must_keep_as_long_as_was_asked(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    reservation = promised(milk, 3, "shop:1", min_remaining_days=20)
    stocked(milk, house.shelf, 9, lot="SHORT", expires_in_days=10)
    stocked(milk, house.shelf, 2, lot="LONG", expires_in_days=40)

    (seizure,) = seized({place: 3})

    assert (seizure.missing, held(reservation)) == (1, [("LONG", 2)])
    assert_books_balance()


def test_and_at_the_time_when_the_order_ships(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    reservation = promised(milk, 3, "shop:1", ship_at=timezone.now() + timedelta(days=20))
    stocked(milk, house.shelf, 9, lot="SHORT", expires_in_days=10)
    stocked(milk, house.shelf, 3, lot="LONG", expires_in_days=40)

    seized({place: 3})

    assert held(reservation) == [("LONG", 3)]
    # And once more: what was asked at first still holds.
    stocked(milk, house.shelf, 9, lot="SHORT2", expires_in_days=11)
    seized({BatchLocation.objects.get(batch__lot_number="LONG"): 3})
    assert held(reservation) == [("A", 3)]


def test_neither_the_batch_in_question_nor_what_leaves_is_promised_anew(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    docked = stocked(milk, house.dock, 10, lot="D", expires_in_days=30)
    reservation = promised(milk, 3, "shop:1")
    stocked(milk, house.shelf, 10, lot="BAD", expires_in_days=40)
    other = stocked(milk, house.shelf, 10, lot="C", expires_in_days=60)
    bad = BatchLocation.objects.get(batch__lot_number="BAD")

    (seizure,) = seized({place: 3}, avoid_batches=[bad.batch_id], leaving={other.pk: Decimal(8)})

    assert (seizure.missing, held(reservation)) == (1, [("C", 2)])
    assert BatchLocation.objects.get(pk=docked.pk).reserved == 0  # a dock is not for picking
    assert_books_balance()


def test_several_products_at_once(milk: Product, house: Site) -> None:
    bread = ProductFactory(sku="BREAD")
    places = [stocked(product, house.shelf, 5, lot="A") for product in (milk, bread)]
    lines = [OrderedLine(product.pk, Decimal(5)) for product in (milk, bread)]
    (made,) = promise_order("shop:1", lines, actor=ACTOR)
    stocked(bread, house.shelf, 5, lot="B")

    with heard() as events:
        result = seized(dict.fromkeys(places, 5))

    assert {(seizure.holder.product_id, seizure.missing) for seizure in result} == {(milk.pk, 5), (bread.pk, 0)}
    assert held(Reservation.objects.get(pk=made.reservation_id)) == [("B", 5)]
    assert [kind for kind in events.types() if not kind.startswith("stock.l") and kind != "stock.changed"] == [
        "stock.reallocated",
        "stock.released",
        "inventory.released",
        "inventory.reservation.released",
    ]
    assert_books_balance()


# --- nothing left --------------------------------------------------------------------------------------------------------------------------


def test_what_is_missing_is_released_and_said(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    reservation = promised(milk, 5, "shop:1")
    stocked(milk, house.shelf, 2, lot="B", expires_in_days=60)
    old = reservation.items.get()

    with heard() as events:
        (seizure,) = seized({place: 4})

    assert seizure.missing == 2
    assert held(reservation) == [("A", 1), ("B", 2)]
    assert ReservationItem.objects.get(pk=old.pk).released == 4
    assert events.types() == ["stock.reallocated", "stock.released", "stock.changed", "inventory.released", "inventory.reservation.released"]
    assert events.of("inventory.reservation.released") == [
        {
            "reservation_id": reservation.pk, "order_ref": "shop:1", "order_id": "1", "reason": "RECALL",
            "items": [{"reservation_item": old.pk, "product_id": milk.pk, "quantity": "2"}],
        }
    ]  # fmt: skip
    assert Reservation.objects.get(pk=reservation.pk).status == "active"
    assert_books_balance()


def test_a_promise_that_holds_nothing_any_more_is_released(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 5)
    reservation = promised(milk, 5, "shop:1")

    seized({place: 5})

    reservation = Reservation.objects.get(pk=reservation.pk)
    assert (reservation.status, reservation.reason, reservation.closed_at is not None) == ("released", "RECALL", True)
    assert totals(milk.pk, house.id) == (5, 0, 0, 5)
    assert_books_balance()


def test_statements_grow_with_the_reservations_only(house: Site) -> None:
    def statements(products: int, orders: int) -> int:
        goods = [ProductFactory() for _ in range(products)]
        places = [stocked(product, house.shelf, 100, lot="A", expires_in_days=30) for product in goods]
        for n in range(orders):
            promise_order(f"shop:{goods[0].pk}-{n}", [OrderedLine(product.pk, Decimal(1)) for product in goods], actor=ACTOR)
        for product in goods:
            stocked(product, house.shelf, 100, lot="B", expires_in_days=60)
        with CaptureQueriesContext(connection) as queries:
            seized(dict.fromkeys(places, orders))
        return len(queries)

    assert statements(30, 1) == statements(1, 1)
    assert statements(1, 11) == statements(1, 1) + 10
    assert_books_balance()


# --- another batch, with a reason ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def lots(milk: Product, house: Site) -> tuple[BatchLocation, BatchLocation]:
    return stocked(milk, house.shelf, 10, lot="A", expires_in_days=30), stocked(milk, house.shelf, 10, lot="B", expires_in_days=60)


def test_a_picker_promises_another_lot_and_says_why(milk: Product, house: Site, lots: tuple[BatchLocation, BatchLocation]) -> None:
    reservation = promised(milk, 5, "shop:1")
    item, picker = reservation.items.get(), person(Role.PICKER)

    with heard() as events:
        new = reallocate_item(item.pk, lots[1].pk, quantity=Decimal(2), reason="the box is wet", actor=picker)

    assert (new.batch_location_id, new.quantity, held(reservation)) == (lots[1].pk, 2, [("A", 3), ("B", 2)])
    assert events.types() == ["stock.reallocated"]
    why = explain_reservation(reservation.pk)["lines"][-1]
    assert (why["override"], why["by"], why["instead_of"]["lot"], why["taken"][0]["lot"]) == ("the box is wet", picker.name, "A", "B")
    assert Reservation.objects.get(pk=reservation.pk).version == reservation.version + 1
    # What was asked of its freshness is still known, and the rest may follow.
    assert reallocate_item(item.pk, lots[1].pk, reason="all of it", actor=picker).quantity == 3
    assert held(reservation) == [("B", 2), ("B", 3)]
    assert_books_balance()


def test_even_when_its_picking_has_begun_but_not_what_lies_on_the_bench(
    milk: Product, house: Site, lots: tuple[BatchLocation, BatchLocation]
) -> None:
    reservation = promised(milk, 5, "shop:1")
    item = reservation.items.get()
    picked(reservation, house, 2)

    assert reallocate_item(item.pk, lots[1].pk, reason="wet", actor=ACTOR).quantity == 3
    on_the_bench = next(row for row in reservation.items.all() if row.batch_location.location == house.bench)
    with pytest.raises(Conflict, match="picked already"):
        reallocate_item(on_the_bench.pk, lots[1].pk, reason="wet", actor=ACTOR)
    assert_books_balance()


def test_what_can_not_be_promised_instead(milk: Product, house: Site, lots: tuple[BatchLocation, BatchLocation]) -> None:
    reservation = promised(milk, 5, "shop:1", min_remaining_days=20)
    item = reservation.items.get()
    short = stocked(milk, house.shelf, 10, lot="C", expires_in_days=10)
    docked = stocked(milk, house.dock, 10, lot="D", expires_in_days=99)
    bread = stocked(ProductFactory(), house.shelf, 10)
    far = stocked(milk, site().shelf, 10)

    def instead(place: int, quantity: str | None = None, reason: str = "x", item_id: int = item.pk) -> None:
        reallocate_item(item_id, place, quantity=None if quantity is None else Decimal(quantity), reason=reason, actor=ACTOR)

    for place in (short, docked):
        with pytest.raises(UnfitNow):
            instead(place.pk)
    for place in (bread, far):
        with pytest.raises(Conflict, match="not of this product"):
            instead(place.pk)
    with pytest.raises(Conflict, match="holds 5, not 6"):
        instead(lots[1].pk, "6")
    for quantity in ("0", "-1", "0.5", "NaN", "1e30"):
        with pytest.raises(ValidationFailed):
            instead(lots[1].pk, quantity)
    with pytest.raises(ValidationFailed, match="Say why"):
        instead(lots[1].pk, reason="  ")
    with pytest.raises(NotFound):
        instead(999_999)
    with pytest.raises(NotFound):
        instead(lots[1].pk, item_id=999_999)
    with pytest.raises(Conflict, match="from there already"):
        instead(lots[0].pk)
    with pytest.raises(PermissionDenied):
        reallocate_item(item.pk, lots[1].pk, reason="x", actor=person(Role.PACKER))
    promised(milk, 10, "shop:2", min_remaining_days=40)
    with pytest.raises(InsufficientStock):
        instead(lots[1].pk, "1")
    assert held(reservation) == [("A", 5)]
    release_reservation(reservation.pk, reason="x", actor=ACTOR, for_order=True)
    with pytest.raises(TransitionRefused):
        instead(lots[1].pk, "1")
    assert_books_balance()


def test_a_checkouts_promise_moves_too(milk: Product, house: Site, lots: tuple[BatchLocation, BatchLocation]) -> None:
    made = reserve_for_order("shop:1", [OrderedLine(milk.pk, Decimal(5))], warehouse_id=house.id, actor=ACTOR, ttl=timedelta(minutes=5))

    seized({lots[0]: 5})

    assert held(Reservation.objects.get(pk=made.reservation_id)) == [("B", 5)]
