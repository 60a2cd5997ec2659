"""Picking tasks: begun, completed, cancelled, and sent for again."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.errors import Surplus, WorkLeft
from fulfillment.models import Order, PackingTask, PickingTask, PutBack
from fulfillment.queries.picking_tasks import next_item
from fulfillment.services.missing import accept_missing
from fulfillment.services.orders import process_order_confirmed
from fulfillment.services.packing_tasks import cancel_packing_task
from fulfillment.services.picking_tasks import (
    assign_picking_task,
    cancel_picking_task,
    complete_picking_task,
    create_picking_task,
    start_picking_task,
)
from fulfillment.services.shorts import short_item, skip_item
from inventory import orchestrator
from inventory.models import BatchLocation, Stock
from inventory.orchestrator import InsufficientStock
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, picked, site, stocked
from tests.factories.inventory import LocationFactory, ProductFactory
from tests.fulfillment.picking import events, one_item
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, PermissionDenied, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_task_goes_through_its_states_and_leaves_a_packing_task():
    place, product, other = site(), ProductFactory(), ProductFactory()
    stocked(product, place.shelf, 10)
    stocked(other, place.shelf, 10)
    order = order_for([(product, 2), (other, 1)], priority="urgent")
    picker = person(Role.PICKER)
    task = PickingTask.objects.get()

    assigned = assign_picking_task(task.pk, picker.user_id, actor=picker)
    assert (assigned.status, assigned.worker_id, assigned.version) == ("assigned", picker.user_id, 2)
    started = start_picking_task(task.pk, actor=picker)
    assert (started.status, started.packing_location_id) == ("in_progress", place.bench.pk)
    assert Order.objects.get().status == "picking"
    first = next_item(task.pk)
    assert first.sequence == 1
    pick(first, picker)
    second = next_item(task.pk)
    assert second.sequence == 2
    pick(second, picker)
    assert next_item(task.pk) is None
    done = complete_picking_task(task.pk, actor=picker)

    assert (done.status, done.picked_items, done.total_items) == ("completed", 2, 2)
    packing = PackingTask.objects.get()
    assert (packing.order_id, packing.picking_task_id, packing.status, packing.priority) == (order.pk, task.pk, "pending", "urgent")
    assert (packing.reservation_id, packing.total_items, packing.provider.code) == (task.reservation_id, 2, "postexpress")
    assert sorted(packing.items.values_list("product", "quantity")) == sorted([(product.pk, Decimal(2)), (other.pk, Decimal(1))])
    assert Order.objects.get().status == "packing"
    ours = {"task_id": task.pk, "order_id": order.external_id}
    assert events("picking.assigned", "picking.completed", "packing.started") == [
        ("picking.assigned", {**ours, "worker_id": picker.user_id}),
        ("picking.completed", ours),
        ("packing.started", {"task_id": packing.pk, "order_id": order.external_id}),
    ]


def test_a_task_with_items_left_is_not_complete():
    task, item, picker, _, _ = one_item(10)
    pick(item, picker, 4)
    with pytest.raises(WorkLeft) as caught:
        complete_picking_task(task.pk, actor=picker)
    assert caught.value.errors == [{"item": item.pk, "sku": "APPLE", "location": "A-01", "remaining": "6"}]
    assert PickingTask.objects.get().status == "in_progress"


def test_a_cancelled_task_gives_back_what_it_holds_and_the_order_needs_attention():
    task, item, picker, place, _ = one_item(10)
    pick(item, picker, 7)

    cancelled = cancel_picking_task(task.pk, "wrong goods", actor=person(Role.MANAGER))

    assert (cancelled.status, cancelled.cancellation_reason) == ("cancelled", "wrong goods")
    back = PutBack.objects.get()
    assert (back.quantity, back.from_location_id, back.status) == (Decimal(7), place.shelf.pk, "pending")
    stock = Stock.objects.get()
    assert (stock.quantity, stock.reserved, stock.blocked) == (Decimal(20), Decimal(0), Decimal(7))
    assert Order.objects.get().status == "needs_attention"
    assert [name for name, _ in events("picking.cancelled")] == ["picking.cancelled"]
    with pytest.raises(PermissionDenied):
        cancel_picking_task(task.pk, "again", actor=picker)
    with pytest.raises(ValidationFailed):
        cancel_picking_task(task.pk, " ", actor=ACTOR)


def test_what_was_short_can_be_sent_for_again():
    task, item, picker, place, order = one_item(10)
    skip_item(item.pk, actor=picker)
    complete_picking_task(task.pk, actor=picker)
    with pytest.raises(Surplus):
        create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 11}], actor=ACTOR)
    with pytest.raises(InsufficientStock):
        Stock.objects.all().update(reserved=0)
        BatchLocation.objects.update(blocked_reason="held")
        create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 10}], actor=ACTOR)
    BatchLocation.objects.update(blocked_reason="")

    again = create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 10}], actor=ACTOR, priority="high")

    assert (again.status, again.priority, again.items.get().quantity_required) == ("pending", "high", Decimal(10))
    assert Order.objects.get().status == "picking"
    begun(again, picker)
    assert Order.objects.get().status == "picking"
    with pytest.raises(Conflict):
        create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 1}], actor=ACTOR)


def test_what_is_sent_for_again_is_good_until_the_order_ships():
    place, product = site(), ProductFactory(sku="APPLE")
    stocked(product, place.shelf, 10, expires_in_days=5)
    good = stocked(product, LocationFactory(warehouse=place.warehouse), 10, expires_in_days=60)
    order = order_for([(product, 4)], ship_by=timezone.now() + timedelta(days=20))
    assert order.picking_tasks.get().items.get().batch_location_id == good.pk
    cancel_picking_task(order.picking_tasks.get().pk, "again", actor=ACTOR)
    again = create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 4}], actor=ACTOR)
    assert again.items.get().batch_location_id == good.pk


def test_what_is_sent_for_again_keeps_the_days_that_the_customer_wants():
    place, product = site(), ProductFactory(sku="APPLE")
    stocked(product, place.shelf, 10, expires_in_days=20)
    good = stocked(product, LocationFactory(warehouse=place.warehouse), 10, expires_in_days=90)
    lines = [{"sku": "APPLE", "quantity": 4, "min_remaining_days": 60}]
    order = process_order_confirmed("listings", "60", lines, actor=ACTOR)
    cancel_picking_task(order.picking_tasks.get().pk, "again", actor=ACTOR)
    again = create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 4}], actor=ACTOR)
    assert again.items.get().batch_location_id == good.pk


def test_the_promise_of_a_task_is_released_by_its_fulfilment_only():
    task, _item, _picker, place, order = one_item(10)
    cancel_picking_task(task.pk, "again", actor=ACTOR)
    again = create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 10}], actor=ACTOR)
    with pytest.raises(Conflict):
        orchestrator.release_reservation(again.reservation_id, reason="mine", actor=ACTOR)
    assert cancel_picking_task(again.pk, "enough", actor=ACTOR).status == "cancelled"
    assert Stock.objects.get().reserved == 0


def test_an_order_on_the_bench_is_being_picked_again_while_somebody_walks_for_the_rest():
    task, item, picker, place, order = one_item(10)
    pick(item, picker, 4)
    short_item(item.pk, actor=picker)
    complete_picking_task(task.pk, actor=picker)
    cancel_packing_task(PackingTask.objects.get().pk, "squashed", actor=ACTOR)
    other = site(code="B2")
    stocked(item.product, other.shelf, 10)
    for where in (place, other):
        create_picking_task(order.pk, where.id, [{"sku": "APPLE", "quantity": 3}], actor=ACTOR)
    first, second = PickingTask.objects.filter(status="pending").order_by("pk")
    picked(first, picker)
    cancel_picking_task(second.pk, "not there", actor=ACTOR)
    assert Order.objects.get().status == "needs_attention"
    accept_missing(order.pk, "three will do", actor=ACTOR)
    assert Order.objects.get().status == "packing"
    third = create_picking_task(order.pk, other.id, [{"sku": "APPLE", "quantity": 3}], actor=ACTOR)
    begun(third, picker)
    assert Order.objects.get().status == "picking"
    cancel_picking_task(third.pk, "not there either", actor=ACTOR)
    # Three more are missing than were agreed to.
    assert Order.objects.get().status == "needs_attention"
    accept_missing(order.pk, "three will do after all", actor=ACTOR)
    assert Order.objects.get().status == "packing"


def test_statements_of_a_completion_do_not_grow_with_the_items():
    counts = []
    for lines in (1, 3):
        place = site()
        products = [ProductFactory() for _ in range(lines)]
        for product in products:
            stocked(product, place.shelf, 10)
        order = order_for([(product, 1) for product in products])
        picker = person(Role.PICKER)
        task = begun(PickingTask.objects.get(order=order), picker)
        for item in task.items.all():
            pick(item, picker)
        with CaptureQueriesContext(connection) as queries:
            complete_picking_task(task.pk, actor=picker)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 18
