"""Batches of picking that contradict their tasks."""

from __future__ import annotations

from fulfillment.models import Order, PickingBatch, PickingTask, PickingTaskItem
from fulfillment.services.orders import process_order_cancelled
from tests.factories.fulfillment import ACTOR, order_for, person
from tests.fulfillment.batches import batch_of, pick_stop
from tests.fulfillment.queries.broken.house import House
from warehouse.core.actor import Role


def half_a_batch(house: House) -> PickingTask:
    """Two orders in one walk, something of the first in its tote; that task."""
    tasks = [PickingTask.objects.get(order=order_for([(house.product, 4)])) for _ in range(2)]
    batch_of(tasks, picker := person(Role.PICKER))
    pick_stop(tasks[0].items.get(), picker, 1)
    return tasks[0]


def a_walk_that_nobody_closes(house: House) -> set[str]:
    half_a_batch(house)
    for order in Order.objects.all():
        process_order_cancelled(order.source, order.external_id, "", actor=ACTOR)
    return {"picking_batches"}


def a_batch_that_is_closed_before_its_tasks(house: House) -> set[str]:
    half_a_batch(house)
    PickingBatch.objects.update(status="completed")
    return {"picking_batches"}


def a_task_that_runs_ahead_of_its_batch(house: House) -> set[str]:
    PickingTask.objects.filter(pk=half_a_batch(house).pk).update(worker=None)
    return {"picking_batches"}


def a_stop_without_a_place_in_the_walk(house: House) -> set[str]:
    half_a_batch(house)
    PickingTaskItem.objects.filter(quantity_picked=0).update(walk_position=None)
    return {"picking_batches"}


def goods_in_no_tote(house: House) -> set[str]:
    PickingTask.objects.filter(pk=half_a_batch(house).pk).update(tote_code="")
    return {"picking_batches"}


def two_orders_in_one_tote(house: House) -> set[str]:
    packing = house.to_pack()
    task = half_a_batch(house)
    PickingTask.objects.filter(pk=packing.picking_task_id).update(tote_code=PickingTask.objects.get(pk=task.pk).tote_code)
    return {"picking_batches"}
