"""The last scan of a walk taken back."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.models import Order, PackingTask, Pick, PutBack
from fulfillment.queries.picking_tasks import next_item
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_tasks import cancel_picking_task, complete_picking_task
from fulfillment.services.replanning import replan_picking
from fulfillment.services.shorts import short_item
from fulfillment.services.undo import undo_pick
from inventory.errors import PlaceNotAllowed
from inventory.models import BatchLocation, Location, Movement, Product, ReservationItem, Stock
from tests.factories.fulfillment import ACTOR, person, pick, site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.fulfillment.walks import agrees, counts, held, shelf, stops, walk_for
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, PermissionDenied, StaleVersion, TransitionRefused

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: None) -> Site:
    return site(code="MAIN", external_id="1")


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK")


@pytest.fixture
def place(milk: Product, house: Site) -> BatchLocation:
    return stocked(milk, house.shelf, 20, lot="A", expires_in_days=30)


@pytest.fixture
def picker(db: None) -> Actor:
    return person(Role.PICKER)


def test_a_whole_item_goes_back_with_its_promise(milk: Product, place: BatchLocation, house: Site, picker: Actor) -> None:
    task = walk_for(picker, (milk, 10))
    pick(task.items.get(), picker)
    before = Stock.objects.values_list("quantity", "reserved", "blocked").get()

    undone = undo_pick(task.pk, actor=picker)

    assert undone.undone_at is not None
    assert stops(task) == [(1, "A-01", "A", 10, 0, "pending")]
    assert (counts(task), task.items.get().picked_at) == ((0, 1), None)
    assert held(place) == (20, 10)
    assert BatchLocation.objects.get(location=house.bench).quantity == 0
    assert Stock.objects.values_list("quantity", "reserved", "blocked").get() == before
    lines = Movement.objects.filter(type="put_back").order_by("quantity_change")
    assert list(lines.values_list("quantity_change", "reserved_change", "document_type", "document_id", "order_ref")) == [
        (Decimal(-10), Decimal(-10), "picking_task", task.pk, task.order.order_ref),
        (Decimal(10), Decimal(10), "picking_task", task.pk, task.order.order_ref),
    ]
    agrees()
    pick(task.items.get(), picker)
    complete_picking_task(task.pk, actor=picker)
    assert PackingTask.objects.get().items.get().quantity == 10
    agrees()


def test_scans_are_taken_back_one_by_one_the_last_first(milk: Product, place: BatchLocation, picker: Actor) -> None:
    task = walk_for(picker, (milk, 10))
    for quantity in (4, 3):
        pick(task.items.get(), picker, quantity)
    assert undo_pick(task.pk, actor=picker).quantity == 3
    assert stops(task) == [(1, "A-01", "A", 10, 4, "pending")]
    agrees()
    pick(task.items.get(), picker, 6)  # the last of it: the item is done
    assert undo_pick(task.pk, actor=picker).quantity == 6
    assert undo_pick(task.pk, actor=picker).quantity == 4
    assert stops(task) == [(1, "A-01", "A", 10, 0, "pending")]
    assert held(place) == (20, 10)
    assert ReservationItem.objects.get().held == 10  # no crumbs are left of the parts
    with pytest.raises(Conflict) as refusal:
        undo_pick(task.pk, actor=picker)
    assert "nothing to undo" in refusal.value.detail
    assert Pick.objects.exclude(undone_at=None).count() == 3
    agrees()


def test_the_last_scan_of_another_item_is_next_again(milk: Product, place: BatchLocation, house: Site, picker: Actor) -> None:
    bread = ProductFactory(sku="BREAD")
    stocked(bread, house.shelf, 5, lot="X")
    task = walk_for(picker, (milk, 2), (bread, 1))
    first, second = task.items.order_by("sequence")
    pick(first, picker)
    pick(second, picker)
    undo_pick(task.pk, actor=picker)
    assert next_item(task.pk) == second
    assert counts(task) == (1, 2)
    undo_pick(task.pk, actor=picker)
    assert next_item(task.pk) == first
    agrees()


def test_what_went_back_of_an_item_that_was_short_since_is_a_stop_of_its_own(milk: Product, place: BatchLocation, house: Site, picker: Actor) -> None:
    stocked(milk, shelf(house, "B-10", 10**6), 2, lot="B", expires_in_days=60)
    task = walk_for(picker, (milk, 10))
    pick(task.items.get(), picker, 7)
    short_item(task.items.get().pk, actor=picker)

    undo_pick(task.pk, actor=picker)

    assert stops(task) == [
        (1, "A-01", "A", 3, 0, "short"),
        (2, "A-01", "A", 7, 0, "pending"),
        (3, "B-10", "B", 2, 0, "pending"),
    ]
    agrees()
    for item in task.items.filter(status="pending"):
        pick(item, picker)
    complete_picking_task(task.pk, actor=picker)
    assert sum(PackingTask.objects.get().items.values_list("quantity", flat=True)) == 9
    agrees()


def test_goods_that_kept_worse_on_the_bench_come_back_as_a_lot_of_their_own(house: Site, picker: Actor) -> None:
    """They were picked from the fridge and stood on a bench that counts as warm; by now they keep for days less than the rest of their lot."""
    cheese = ProductFactory(sku="CHEESE", lives={"chilled": 40, "ambient": 8})
    fridge = stocked(cheese, house.cool, 10, lot="A")
    task = walk_for(picker, (cheese, 6))
    pick(task.items.get(), picker, 4)
    on_bench = BatchLocation.objects.get(location=house.bench)
    BatchLocation.objects.filter(pk=on_bench.pk).update(consumed_fraction=Decimal("0.5"), effective_expires_at=timezone.now() + timedelta(days=20))

    undo_pick(task.pk, actor=picker)

    (rest, back) = stops(task)
    assert rest == (1, "C-01", "A", 2, 0, "pending")
    assert (back[1], back[3:]) == ("C-01", (4, 0, "pending"))
    assert back[2] != "A"
    assert held(fridge) == (6, 2)
    agrees()
    for item in task.items.all():
        pick(item, picker)
    complete_picking_task(task.pk, actor=picker)
    assert sorted(PackingTask.objects.get().items.values_list("quantity", flat=True)) == [2, 4]


def test_a_cancelled_walk_puts_back_only_what_still_lies_on_the_bench(milk: Product, place: BatchLocation, house: Site, picker: Actor) -> None:
    task = walk_for(picker, (milk, 10))
    pick(task.items.get(), picker, 4)
    pick(task.items.get(), picker, 3)
    undo_pick(task.pk, actor=picker)
    cancel_picking_task(task.pk, "stop", actor=ACTOR)
    assert PutBack.objects.get().quantity == 4
    assert held(place) == (16, 0)
    agrees()


def test_picked_seven_of_ten_then_cancelled(milk: Product, place: BatchLocation, house: Site, picker: Actor) -> None:
    """3 are released, 7 are to be put back; cancelled again nothing happens."""
    task = walk_for(picker, (milk, 10))
    pick(task.items.get(), picker, 7)
    order = Order.objects.get()
    process_order_cancelled(order.source, order.external_id, "changed my mind", actor=ACTOR)
    after = (list(Movement.objects.values_list("pk", flat=True)), Stock.objects.values_list("quantity", "reserved", "blocked").get())
    assert after[1] == (20, 0, 7)
    assert PutBack.objects.get().quantity == 7
    assert held(place) == (13, 0)
    released = Movement.objects.filter(type="release").values_list("batch_location", "reserved_change")
    assert sorted(released) == sorted([(place.pk, Decimal(-3)), (BatchLocation.objects.get(location=house.bench).pk, Decimal(-7))])
    process_order_cancelled(order.source, order.external_id, "changed my mind", actor=ACTOR)
    assert (list(Movement.objects.values_list("pk", flat=True)), Stock.objects.values_list("quantity", "reserved", "blocked").get()) == after
    assert PutBack.objects.count() == 1
    with pytest.raises(TransitionRefused):
        undo_pick(task.pk, actor=picker)
    agrees()


def test_replanning_sees_where_the_goods_are(milk: Product, place: BatchLocation, picker: Actor) -> None:
    task = walk_for(picker, (milk, 10))
    pick(task.items.get(), picker)
    undo_pick(task.pk, actor=picker)
    assert replan_picking([task.reservation_id], actor=ACTOR) == 0
    assert stops(task) == [(1, "A-01", "A", 10, 0, "pending")]


def test_who_may_not_and_when_not(milk: Product, place: BatchLocation, house: Site, picker: Actor) -> None:
    task = walk_for(picker, (milk, 10))
    with pytest.raises(Conflict):
        undo_pick(task.pk, actor=picker)
    pick(task.items.get(), picker)
    for stranger in (person(Role.PICKER), person(Role.PACKER)):
        with pytest.raises(PermissionDenied):
            undo_pick(task.pk, actor=stranger)
    with pytest.raises(StaleVersion):
        undo_pick(task.pk, actor=picker, expected_version=1)
    Location.objects.filter(pk=house.shelf.pk).update(is_active=False)
    with pytest.raises(PlaceNotAllowed):
        undo_pick(task.pk, actor=picker)
    Location.objects.filter(pk=house.shelf.pk).update(is_active=True)
    complete_picking_task(task.pk, actor=picker)
    with pytest.raises(TransitionRefused) as refusal:
        undo_pick(task.pk, actor=picker)
    assert refusal.value.data["status"] == "completed"
    assert Pick.objects.get().undone_at is None


def test_statements_do_not_grow_with_the_walk(house: Site, picker: Actor) -> None:
    spent = []
    for lines in (1, 3):
        goods = [ProductFactory() for _ in range(lines)]
        for product in goods:
            stocked(product, house.shelf, 9)
        task = walk_for(picker, *((product, 2) for product in goods))
        for item in task.items.all():
            pick(item, picker)
        with CaptureQueriesContext(connection) as queries:
            undo_pick(task.pk, actor=picker)
        spent.append(len(queries))
    assert spent[0] == spent[1]
    assert spent[0] <= 22
