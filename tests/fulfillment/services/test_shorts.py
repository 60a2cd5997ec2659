"""Goods that are not where they should be: the promise goes on to other goods, the place is counted, the order is told."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import Order, PackingTask, PickingTaskItem
from fulfillment.queries.picking_tasks import next_item
from fulfillment.services.orders import process_order_confirmed
from fulfillment.services.picking_tasks import complete_picking_task
from fulfillment.services.picks import defer_item
from fulfillment.services.replanning import replan_picking
from fulfillment.services.shorts import short_item, skip_item
from inventory.errors import PromiseMoved
from inventory.models import Batch, BatchLocation, CountRequest, Location, Product, Reservation, Stock
from inventory.orchestrator import WriteOffLine, explain_reservation, remove_stock
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.fulfillment.walks import agrees, counts, held, shelf, stops, three_lots, walk_for
from tests.inventory.events import heard
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import PermissionDenied, StaleVersion, ValidationFailed

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


def test_what_is_missing_is_picked_from_the_next_lots_on_the_same_task(milk: Product, house: Site, picker: Actor) -> None:
    lots = three_lots(house, milk, 10, 3, 10)
    task = walk_for(picker, (milk, 9))
    item = task.items.get()
    pick(item, picker, 4)

    with heard() as events:
        short = short_item(item.pk, actor=picker, notes="shelf is empty")

    assert (short.status, short.notes) == ("short", "shelf is empty")
    # Z-90 lies ahead of the picker, who stands at M-50; B-10 behind.
    assert stops(task) == [
        (1, "M-50", "A", 9, 4, "short"),
        (2, "Z-90", "C", 2, 0, "pending"),
        (3, "B-10", "B", 3, 0, "pending"),
    ]
    assert [i.notes for i in task.items.filter(status="pending")] == ["instead of M-50", "instead of M-50"]
    assert counts(task) == (1, 3)
    assert [held(lot) for lot in lots] == [(6, 0), (3, 3), (10, 2)]
    (told,) = events.of("picking.short")
    assert (told["quantity"], told["reallocated"], told["missing"], told["location"]) == ("5", "5", "0", "M-50")
    assert sorted(kind for kind in events.types() if kind != "stock.changed") == [
        "inventory.count.requested", "picking.short", "stock.reallocated", "stock.reallocated",
    ]  # fmt: skip
    assert Order.objects.get().status == "picking"
    request = CountRequest.objects.get()
    assert (request.location_id, request.product_id, request.closed_at) == (lots.first.location_id, milk.pk, None)
    assert request.reason == f"{task.number}: 5 of MILK missing"
    agrees()
    for item in task.items.filter(status="pending"):
        pick(item, picker)
    assert complete_picking_task(task.pk, actor=picker).status == "completed"
    assert sum(PackingTask.objects.get().items.values_list("quantity", flat=True)) == 9
    why = explain_reservation(task.reservation_id)["lines"][-1]
    assert (why["reallocated"], why["instead_of"]["location"]) == ("PICKING_SHORT", "M-50")
    agrees()


def test_a_place_where_goods_were_missed_is_not_offered_again(milk: Product, house: Site, picker: Actor) -> None:
    """By the books the first place has goods all the time; the picker knows better."""
    three_lots(house, milk, 10, 4, 2)
    task = walk_for(picker, (milk, 4))
    short_item(task.items.get().pk, actor=picker)
    (second,) = task.items.filter(status="pending")
    assert second.batch.lot_number == "B"

    short_item(second.pk, actor=picker)

    assert stops(task) == [
        (1, "M-50", "A", 4, 0, "short"),
        (2, "B-10", "B", 4, 0, "short"),
        (3, "Z-90", "C", 2, 0, "pending"),
    ]
    assert Order.objects.get().status == "needs_attention"
    assert sorted(CountRequest.objects.values_list("location__code", flat=True)) == ["B-10", "M-50"]
    agrees()


def test_what_nobody_has_is_released_and_the_order_needs_attention(milk: Product, house: Site, picker: Actor) -> None:
    three_lots_of_two(house, milk)
    task = walk_for(picker, (milk, 5))
    with heard() as events:
        short_item(task.items.get().pk, actor=picker)
    (told,) = events.of("picking.short")
    assert (told["quantity"], told["reallocated"], told["missing"]) == ("5", "2", "3")
    assert "order.needs_attention" in events.types()
    assert [told["quantity"] for told in events.of("inventory.released")] == ["3"]
    assert Order.objects.get().status == "needs_attention"
    assert Stock.objects.get().reserved == 2
    agrees()


def three_lots_of_two(house: Site, milk: Product) -> None:
    stocked(milk, house.shelf, 5, lot="A", expires_in_days=30)
    stocked(milk, shelf(house, "B-10", 10), 2, lot="B", expires_in_days=40)


def test_nothing_anywhere_else(milk: Product, house: Site, picker: Actor) -> None:
    stocked(milk, house.shelf, 5)
    task = walk_for(picker, (milk, 5))
    short_item(task.items.get().pk, actor=picker)
    assert Reservation.objects.get().status == "released"
    assert next_item(task.pk) is None
    assert complete_picking_task(task.pk, actor=picker).status == "completed"
    assert Order.objects.get().status == "needs_attention"
    assert not PackingTask.objects.exists()
    agrees()


def test_the_customers_days_hold_for_other_goods_too(milk: Product, house: Site, picker: Actor) -> None:
    stocked(milk, house.shelf, 5, lot="A", expires_in_days=90)
    stocked(milk, shelf(house, "B-10", 10), 5, lot="B", expires_in_days=40)
    order = process_order_confirmed("listings", "60", [{"sku": "MILK", "quantity": 4, "min_remaining_days": 60}], actor=ACTOR)
    task = begun(order.picking_tasks.get(), picker)
    short_item(task.items.get().pk, actor=picker)
    assert stops(task) == [(1, "A-01", "A", 4, 0, "short")]


def test_goods_that_are_there_but_may_not_leave_are_not_counted(milk: Product, house: Site, picker: Actor) -> None:
    stocked(milk, house.shelf, 5, lot="A", expires_in_days=30)
    stocked(milk, shelf(house, "B-10", 10), 5, lot="B", expires_in_days=40)
    task = walk_for(picker, (milk, 4))
    Batch.objects.filter(lot_number="A").update(status="on_hold")
    BatchLocation.objects.filter(batch__lot_number="A").update(blocked_reason="held")
    Stock.objects.update(blocked=1)
    short_item(task.items.get().pk, actor=picker)
    assert stops(task)[1][1:] == ("B-10", "B", 4, 0, "pending")
    assert not CountRequest.objects.exists()


def test_a_short_after_the_promise_moved_names_the_new_place(milk: Product, house: Site, picker: Actor) -> None:
    place = stocked(milk, house.shelf, 5, lot="A", expires_in_days=30)
    stocked(milk, shelf(house, "B-10", 10), 5, lot="B", expires_in_days=40)
    task = walk_for(picker, (milk, 4))
    remove_stock(warehouse_id=house.id, line=WriteOffLine(place.pk, Decimal(5), "damaged"), release_reservations=True, actor=ACTOR)
    item = task.items.get()
    with pytest.raises(PromiseMoved) as refusal:
        short_item(item.pk, actor=picker)
    assert "4 in B-10 (lot B)" in refusal.value.detail
    assert not CountRequest.objects.exists()
    replan_picking([task.reservation_id], actor=ACTOR)
    assert stops(task) == [(1, "B-10", "B", 4, 0, "pending")]


def test_replanning_after_a_short_changes_nothing(milk: Product, house: Site, picker: Actor) -> None:
    three_lots(house, milk, 5, 5, 5)
    task = walk_for(picker, (milk, 4))
    pick(task.items.get(), picker, 1)
    short_item(task.items.get().pk, actor=picker)
    before = stops(task)
    assert replan_picking([task.reservation_id], actor=ACTOR) == 0
    assert stops(task) == before


def test_what_was_put_off_stays_last(milk: Product, house: Site, picker: Actor) -> None:
    bread = ProductFactory(sku="BREAD")
    stocked(bread, shelf(house, "K-05", 5), 5)
    three_lots(house, milk, 5, 5, 5)
    task = walk_for(picker, (milk, 3), (bread, 1))
    defer_item(task.items.get(product=bread).pk, actor=picker)
    short_item(task.items.get(product=milk).pk, actor=picker)
    assert [(code, status) for _, code, _, _, _, status in stops(task)] == [("M-50", "short"), ("B-10", "pending"), ("K-05", "pending")]


def test_weighed_goods_fall_short_by_the_gram(house: Site, picker: Actor) -> None:
    cheese = ProductFactory(base_unit="kg", quantity_step=Decimal("0.001"))
    stocked(cheese, house.shelf, Decimal("2.5"), lot="A", expires_in_days=30)
    stocked(cheese, shelf(house, "B-10", 10), Decimal("0.7"), lot="B", expires_in_days=40)
    task = walk_for(picker, (cheese, "2.1"))
    pick(task.items.get(), picker, "1.25")
    short_item(task.items.get().pk, actor=picker)
    assert stops(task)[1][1:] == ("B-10", "B", Decimal("0.7"), 0, "pending")
    assert Stock.objects.get().reserved == Decimal("1.95")
    agrees()


def test_who_may_not(milk: Product, house: Site, picker: Actor) -> None:
    three_lots(house, milk, 5, 5, 5)
    task = walk_for(picker, (milk, 4))
    item = task.items.get()
    for stranger in (person(Role.PICKER), person(Role.PACKER), person(Role.VIEWER)):
        with pytest.raises(PermissionDenied):
            short_item(item.pk, actor=stranger)
    with pytest.raises(StaleVersion):
        short_item(item.pk, actor=picker, expected_version=1)
    assert PickingTaskItem.objects.get().status == "pending"


# --- closing a part-picked walk ----------------------------------------------------------------------------------------------------------


def test_a_part_picked_walk_is_closed_and_the_rest_freed(milk: Product, house: Site, picker: Actor) -> None:
    bread = ProductFactory(sku="BREAD")
    three_lots(house, milk, 5, 5, 5)
    stocked(bread, shelf(house, "K-05", 5), 5)
    task = walk_for(picker, (milk, 4), (bread, 2))
    pick(task.items.get(product=milk), picker, 3)
    with pytest.raises(ValidationFailed):
        complete_picking_task(task.pk, actor=picker, short_rest=True, reason=" ")

    with heard() as events:
        done = complete_picking_task(task.pk, actor=picker, short_rest=True, reason="the lorry leaves")

    assert (done.status, counts(task)) == ("completed", (2, 2))
    assert [(code, picked, status) for _, code, _, _, picked, status in stops(task)] == [("K-05", 0, "short"), ("M-50", 3, "short")]
    assert set(task.items.values_list("notes", flat=True)) == {"the lorry leaves"}
    assert sorted((told["quantity"], told["missing"], told["reason"]) for told in events.of("picking.short")) == [
        ("1", "1", "PICKING_CLOSED"), ("2", "2", "PICKING_CLOSED"),
    ]  # fmt: skip
    assert {"order.needs_attention", "picking.completed", "packing.started"} <= set(events.types())
    assert Order.objects.get().status == "needs_attention"
    assert PackingTask.objects.get().items.get().quantity == 3
    assert dict(Stock.objects.values_list("product__sku", "reserved")) == {"MILK": 3, "BREAD": 0}
    assert not CountRequest.objects.exists()
    agrees()


def test_closing_short_with_nothing_left_is_completing(milk: Product, house: Site, picker: Actor) -> None:
    three_lots(house, milk, 5, 5, 5)
    task = walk_for(picker, (milk, 4))
    pick(task.items.get(), picker)
    with heard() as events:
        complete_picking_task(task.pk, actor=picker, short_rest=True, reason="enough")
    assert "picking.short" not in events.types()
    assert Order.objects.get().status == "packing"


def test_statements_of_closing_short_do_not_grow(house: Site, picker: Actor) -> None:
    spent = []
    for lines in (1, 1, 3):  # the first draws the first number of the year
        goods = [ProductFactory() for _ in range(lines + 1)]
        for product in goods:
            stocked(product, house.shelf, 9)
        task = walk_for(picker, *((product, 2) for product in goods))
        pick(task.items.first(), picker, 1)
        with CaptureQueriesContext(connection) as queries:
            complete_picking_task(task.pk, actor=picker, short_rest=True, reason="enough")
        spent.append(len(queries))
    assert spent[1] == spent[2]


def test_statements_of_a_short_do_not_grow(milk: Product, house: Site, picker: Actor) -> None:
    spent = []
    for others in (1, 4):
        goods, more = ProductFactory(), [ProductFactory() for _ in range(others)]
        stocked(goods, house.shelf, 9, lot="A", expires_in_days=9)
        stocked(goods, Location.objects.filter(code="B-10").first() or shelf(house, "B-10", 10), 9, lot="B", expires_in_days=19)
        for product in more:
            stocked(product, house.shelf, 9)
        task = walk_for(picker, (goods, 5), *((product, 1) for product in more))
        with CaptureQueriesContext(connection) as queries:
            short_item(task.items.get(product=goods).pk, actor=picker)
        spent.append(len(queries))
    assert spent[0] == spent[1]
    assert spent[0] <= 40


def test_a_skipped_item_asks_for_nothing_else(milk: Product, house: Site, picker: Actor) -> None:
    three_lots(house, milk, 5, 5, 5)
    order_for([(milk, 1)])
    task = walk_for(picker, (milk, 4))
    skip_item(task.items.get().pk, actor=picker)
    assert stops(task) == [(1, "M-50", "A", 4, 0, "skipped")]
    assert not CountRequest.objects.exists()
    agrees()
