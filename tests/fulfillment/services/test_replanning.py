"""Picking tasks follow promises that move, or are taken."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
import redis as redis_client
from django.db import connection
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext

from fulfillment.models import Order, PackingTask, Pick, PickingTask, PickingTaskItem
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_tasks import complete_picking_task, create_picking_task
from fulfillment.services.replanning import replan_picking
from fulfillment.services.shorts import short_item
from fulfillment.services.undo import undo_pick
from inventory.errors import PromiseMoved
from inventory.models import BatchLocation, Location, Product, Reservation
from inventory.orchestrator import WriteOffLine, reallocate_item, remove_stock
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, site, stocked
from tests.factories.inventory import LocationFactory, ProductFactory, Site
from tests.inventory.books import assert_books_balance
from tests.inventory.events import heard
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, PermissionDenied, TransitionRefused
from warehouse.outbox import subscribers
from warehouse.outbox.relay import Relay

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: None) -> Site:
    return site(code="MAIN", external_id="1")


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK")


@pytest.fixture
def picker(db: None) -> Actor:
    return person(Role.PICKER)


def shelf(house: Site, code: str, walk: int) -> Location:
    return LocationFactory(warehouse=house.warehouse, code=code, pick_sequence=walk)


def write_off(place: BatchLocation, quantity: Any) -> None:
    line = WriteOffLine(place.pk, Decimal(quantity), "damaged")
    remove_stock(warehouse_id=place.warehouse_id, line=line, release_reservations=True, actor=ACTOR)


def replan() -> int:
    return replan_picking(Reservation.objects.values_list("pk", flat=True), actor=ACTOR)


def stops(task: PickingTask | None = None) -> list[tuple[int, str, str, Decimal, Decimal, str]]:
    """(sequence, place, lot, required, picked, status) of the items, in the order of the walk."""
    items = PickingTaskItem.objects.select_related("location", "batch").filter(**({"task": task} if task else {})).order_by("task", "sequence")
    return [(i.sequence, i.location.code, i.batch.lot_number, i.quantity_required, i.quantity_picked, i.status) for i in items]


def counts() -> tuple[int, int]:
    return PickingTask.objects.values_list("picked_items", "total_items").get()


def agrees() -> None:
    """Every pending item asks for what its promise holds, where it lies."""
    for item in PickingTaskItem.objects.filter(status="pending"):
        (held,) = [row for row in Reservation.objects.get(pk=item.task.reservation_id).items.all() if row.pk == item.reservation_item_id]
        assert (held.held, held.batch_location_id, item.batch_location.location_id) == (item.remaining, item.batch_location_id, item.location_id)
    assert_books_balance()


def test_the_item_goes_where_the_promise_went(milk: Product, house: Site, picker: Actor) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    order_for([(milk, 4)])
    stocked(milk, shelf(house, "B-01", 5), 10, lot="B", expires_in_days=60)
    task = PickingTask.objects.get()
    write_off(place, 10)

    with heard() as events:
        assert replan() == 1

    assert stops() == [(1, "B-01", "B", 4, 0, "pending")]
    assert PickingTaskItem.objects.get().notes == "instead of A-01"
    assert (PickingTask.objects.get().version, counts(), events.types()) == (task.version + 1, (0, 1), [])
    assert Order.objects.get().status == "accepted"
    agrees()
    begun(task, picker)
    pick(task.items.get(), picker)
    complete_picking_task(task.pk, actor=picker)
    assert PackingTask.objects.get().items.get().quantity == 4
    assert_books_balance()


def test_a_part_moves_and_the_walk_is_kept_in_order(milk: Product, house: Site) -> None:
    """Of the first stop a part goes to a place before it and a part to a place after it."""
    bread = ProductFactory(sku="BREAD")
    place = stocked(milk, shelf(house, "M-50", 50), 10, lot="A", expires_in_days=30)
    stocked(bread, shelf(house, "N-60", 60), 10, lot="X")
    order_for([(milk, 6), (bread, 1)])
    stocked(milk, shelf(house, "B-10", 10), 2, lot="B", expires_in_days=40)
    stocked(milk, shelf(house, "Z-90", 90), 9, lot="C", expires_in_days=50)
    write_off(place, 8)

    replan()

    assert stops() == [
        (1, "B-10", "B", 2, 0, "pending"),
        (2, "M-50", "A", 2, 0, "pending"),
        (3, "N-60", "X", 1, 0, "pending"),
        (4, "Z-90", "C", 2, 0, "pending"),
    ]
    assert counts() == (0, 4)
    agrees()


def test_twice_or_late_is_once(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    order_for([(milk, 6)])
    stocked(milk, shelf(house, "B-10", 10), 4, lot="B", expires_in_days=40)
    write_off(place, 6)
    assert replan() == 1
    before = (stops(), PickingTask.objects.get().version)

    with heard() as events:
        assert replan() == 0

    assert ((stops(), PickingTask.objects.get().version), events.types()) == (before, [])
    # Taken again before fulfilment looked: one look is enough.
    write_off(place, 2)
    write_off(BatchLocation.objects.get(batch__lot_number="B"), 1)
    assert (replan(), replan()) == (1, 0)
    agrees()


def test_what_is_not_promised_anew_is_short_and_a_person_is_asked(milk: Product, house: Site, picker: Actor) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    order = order_for([(milk, 6)])
    stocked(milk, shelf(house, "B-10", 10), 1, lot="B", expires_in_days=40)
    write_off(place, 8)

    with heard() as events:
        replan()

    pending = {(place, lot, required, status) for _, place, lot, required, _, status in stops()}
    assert pending == {("A-01", "A", 2, "pending"), ("B-10", "B", 1, "pending"), ("A-01", "A", 3, "short")}
    short = PickingTaskItem.objects.get(status="short")
    task = PickingTask.objects.get()
    assert events == [
        (
            "picking.short",
            {
                "task_id": task.pk, "order_id": order.external_id, "item_id": short.pk, "listing_id": "", "product_id": milk.pk,
                "quantity": "3", "reallocated": "0", "missing": "3",
                "location": "A-01", "reason": "GOODS_TAKEN",
            },
        ),
        (
            "order.needs_attention",
            {
                "order_id": order.external_id, "order_source": "listings", "order_number": "",
                "missing": [{"product_id": milk.pk, "sku": "MILK", "quantity": "3"}],
            },
        ),
    ]  # fmt: skip
    assert (Order.objects.get().status, task.status, counts()) == ("needs_attention", "pending", (1, 3))
    agrees()
    # What there is goes on, and more may be sent for.
    begun(task, picker)
    for item in task.items.filter(status="pending"):
        pick(item, picker)
    complete_picking_task(task.pk, actor=picker)
    assert PackingTask.objects.get().total_items == 2
    assert_books_balance()


def test_nothing_left_to_walk_for(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10, lot="A")
    order = order_for([(milk, 6)])
    write_off(place, 10)

    with heard() as events:
        replan()

    task = PickingTask.objects.get()
    assert (task.status, task.cancellation_reason, task.cancelled_at is not None) == ("cancelled", "GOODS_TAKEN", True)
    assert stops() == [(1, "A-01", "A", 6, 0, "short")]
    assert events.types() == ["picking.short", "picking.cancelled", "order.needs_attention"]
    assert (Order.objects.get().status, replan()) == ("needs_attention", 0)
    # Goods come: a person sends for them.
    stocked(milk, house.shelf, 10, lot="B")
    again = create_picking_task(order.pk, house.id, [{"sku": "MILK", "quantity": 6}], actor=ACTOR)
    assert stops(again) == [(1, "A-01", "B", 6, 0, "pending")]


def test_several_places_give_way_at_once(milk: Product, house: Site) -> None:
    places = [stocked(milk, shelf(house, f"P-{n}", n), 2, lot=f"L{n}", expires_in_days=30 + n) for n in range(3)]
    order_for([(milk, 6)])
    stocked(milk, shelf(house, "Z-99", 99), 9, lot="Z", expires_in_days=90)
    for place in places[:2]:
        write_off(place, 2)

    replan()

    assert sorted(stop[1:] for stop in stops()) == [
        ("P-2", "L2", 2, 0, "pending"),
        ("Z-99", "Z", 2, 0, "pending"),
        ("Z-99", "Z", 2, 0, "pending"),
    ]
    agrees()


def test_rows_that_ask_for_nothing_any_more_go(milk: Product, house: Site) -> None:
    """Two stops lose all they had and nothing comes instead: one short item says it."""
    places = [stocked(milk, shelf(house, f"P-{n}", n), 2, lot=f"L{n}", expires_in_days=30 + n) for n in range(3)]
    order_for([(milk, 6)])
    for place in places[:2]:
        write_off(place, 2)

    replan()

    assert stops() == [(1, "P-0", "L0", 4, 0, "short"), (3, "P-2", "L2", 2, 0, "pending")]
    assert counts() == (1, 2)
    agrees()


def test_a_picker_who_promised_another_lot_finds_it_on_the_task(milk: Product, house: Site, picker: Actor) -> None:
    stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    order_for([(milk, 6)])
    other = stocked(milk, shelf(house, "B-10", 999_999), 9, lot="B", expires_in_days=40)
    task = begun(PickingTask.objects.get(), picker)
    item = task.items.get()
    pick(item, picker, 2)
    held = PickingTaskItem.objects.get().reservation_item_id
    assert held is not None
    reallocate_item(held, other.pk, quantity=Decimal(3), reason="wet", actor=picker)

    replan()

    assert stops() == [(1, "A-01", "A", 3, 2, "pending"), (2, "B-10", "B", 3, 0, "pending")]
    agrees()
    reallocate_item(held, other.pk, reason="wet too", actor=picker)
    replan()
    assert stops() == [(1, "A-01", "A", 2, 2, "picked"), (2, "B-10", "B", 3, 0, "pending"), (3, "B-10", "B", 1, 0, "pending")]
    assert counts() == (1, 3)
    for row in task.items.filter(status="pending"):
        pick(row, picker)
    complete_picking_task(task.pk, actor=picker)
    assert sum(row.quantity for row in PackingTask.objects.get().items.all()) == 6
    assert_books_balance()


# --- until it ran ----------------------------------------------------------------------------------------------------------------------------


def test_a_pick_of_what_was_moved_is_refused_with_the_new_place(milk: Product, house: Site, picker: Actor) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    order_for([(milk, 4)])
    stocked(milk, shelf(house, "B-01", 5), 10, lot="B", expires_in_days=60)
    task = begun(PickingTask.objects.get(), picker)
    item = task.items.get()
    write_off(place, 9)

    with pytest.raises(PromiseMoved) as refusal:
        pick(item, picker)

    assert refusal.value.errors == [{"location": "B-01", "lot": "B", "quantity": "3"}]
    assert "3 in B-01 (lot B)" in refusal.value.detail
    assert stops() == [(1, "A-01", "A", 4, 0, "pending")]
    replan()
    for row in task.items.all():
        pick(row, picker)
    assert complete_picking_task(task.pk, actor=picker).status == "completed"
    assert_books_balance()


def test_a_pick_of_what_was_taken_is_refused(milk: Product, house: Site, picker: Actor) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    order_for([(milk, 4)])
    task = begun(PickingTask.objects.get(), picker)
    write_off(place, 9)

    with pytest.raises(Conflict, match="Only 1 is promised here, not 4"):
        pick(task.items.get(), picker)
    write_off(place, 1)
    with pytest.raises(TransitionRefused, match="nothing is promised"):
        pick(task.items.get(), picker)


# --- what changes nothing --------------------------------------------------------------------------------------------------------------------


def test_what_fulfilment_released_itself_changes_nothing(milk: Product, house: Site, picker: Actor) -> None:
    bread = ProductFactory(sku="BREAD")
    stocked(milk, house.shelf, 10, lot="A")
    stocked(bread, house.shelf, 10, lot="A")
    order_for([(milk, 6), (bread, 2)])
    task = begun(PickingTask.objects.get(), picker)
    first, second = task.items.order_by("sequence")
    pick(first, picker, 1)
    short_item(first.pk, actor=picker)
    before = (stops(), PickingTask.objects.get().version)

    assert replan() == 0
    assert (stops(), PickingTask.objects.get().version) == before
    pick(second, picker)
    complete_picking_task(task.pk, actor=picker)
    version = PickingTask.objects.get().version
    assert (replan(), PickingTask.objects.get().version) == (0, version)


def test_a_cancelled_order_stays_cancelled(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10, lot="A")
    order = order_for([(milk, 6)])
    write_off(place, 2)
    process_order_cancelled(order.source, order.external_id, "", actor=ACTOR)

    assert (replan(), Order.objects.get().status, PickingTask.objects.get().status) == (0, "cancelled", "cancelled")


def test_only_the_system_and_managers_replan(db: None, picker: Actor) -> None:
    with pytest.raises(PermissionDenied):
        replan_picking([1], actor=picker)
    assert replan_picking([], actor=ACTOR) == 0


def test_as_many_statements_for_thirty_items_as_for_one(house: Site) -> None:
    found = []
    for number in (1, 30):
        goods = [ProductFactory() for _ in range(number)]
        places = [stocked(product, house.shelf, 2, lot="A", expires_in_days=30) for product in goods]
        order = order_for([(product, 2) for product in goods])
        for product in goods:
            stocked(product, house.shelf, 1, lot="B", expires_in_days=60)
        for place in places:
            write_off(place, 1)
        task = PickingTask.objects.get(order=order)
        with CaptureQueriesContext(connection) as queries:
            assert replan_picking([task.reservation_id], actor=ACTOR) == 1
        found.append(len(queries))

    assert found[0] == found[1]


@pytest.mark.django_db(transaction=True)
def test_the_events_bring_it_about(redis: redis_client.Redis) -> None:
    house, milk = site(code="MAIN", external_id="1"), ProductFactory(sku="MILK")
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    order_for([(milk, 4)])
    stocked(milk, shelf(house, "B-01", 5), 3, lot="B", expires_in_days=60)
    write_off(place, 10)

    Relay(redis).drain(threading.Event())
    subscribers.advance(subscribers.REGISTERED["replan-picking"])

    assert {stop[1:] for stop in stops()} == {("B-01", "B", 3, 0, "pending"), ("A-01", "A", 1, 0, "short")}
    assert Order.objects.get().status == "needs_attention"
    write_off(BatchLocation.objects.get(batch__lot_number="B"), 3)
    Relay(redis).drain(threading.Event())
    subscribers.advance(subscribers.REGISTERED["replan-picking"])
    assert PickingTask.objects.get().status == "cancelled"
    assert_books_balance()


@pytest.mark.django_db(transaction=True)
def test_what_was_scanned_is_kept_though_its_stop_is_not_needed(milk: Product, house: Site, picker: Actor) -> None:
    """One is picked of lot A and put back, then all of A is given up: the scan still names the stop it was of, as that was."""
    stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    order_for([(milk, 4)])
    other = stocked(milk, shelf(house, "B-01", 5), 10, lot="B", expires_in_days=60)
    task = begun(PickingTask.objects.get(), picker)
    pick(task.items.get(), picker, 1)
    undo_pick(task.pk, actor=picker)
    held = PickingTaskItem.objects.get().reservation_item_id
    assert held is not None
    reallocate_item(held, other.pk, reason="wet", actor=picker)
    assert replan() == 1
    assert stops() == [(1, "A-01", "A", 4, 0, "skipped"), (2, "B-01", "B", 4, 0, "pending")]
    (scan,) = Pick.objects.all()
    assert (scan.item.location.code, scan.quantity, scan.undone_at is not None) == ("A-01", 1, True)
    with pytest.raises(ProtectedError):
        scan.item.delete()
    assert (counts(), replan()) == ((1, 2), 0)
    agrees()
    pick(PickingTaskItem.objects.get(status="pending"), picker)
    complete_picking_task(task.pk, actor=picker)
    assert (PackingTask.objects.get().items.get().quantity, Order.objects.get().status) == (4, "packing")
    assert_books_balance()
