"""How urgent the work for an order is."""

from __future__ import annotations

from fulfillment import events
from fulfillment.enums import OPEN_ORDERS, OPEN_PACKING, OrderStatus, Priority
from fulfillment.locks import lock_order, lock_picking_task, lock_work_of
from fulfillment.models import Order, PackingTask, PickingTask, QualityCheck
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict
from warehouse.core.texts import require_one_of
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish

CHANGEABLE = OPEN_ORDERS | {OrderStatus.REJECTED}


@operation()
def change_priority(order_id: int, priority: str, *, actor: Actor, expected_version: int | None = None) -> Order:
    """Say how urgent an order is, and with it all its open work, and what follows from that: who asks for work gets it by that.

    Locks the order and its work. Event order.priority_changed. Raises Conflict for an order that is closed.
    """
    order = lock_order(order_id, expected_version)
    _change(order, priority, actor)
    return order


@operation()
def change_picking_priority(task_id: int, priority: str, *, actor: Actor, expected_version: int | None = None) -> PickingTask:
    """As `change_priority` of the order of a picking task; the version is the task's."""
    task = lock_picking_task(task_id, expected_version)
    _change(task.order, priority, actor)
    return PickingTask.objects.select_related("order").get(pk=task.pk)


def _change(order: Order, priority: str, actor: Actor) -> None:
    require_one_of(priority, Priority.values, field="priority")
    if order.status not in CHANGEABLE:
        raise Conflict(f"{order} is {order.get_status_display()}: there is no work that could be more or less urgent.", status=order.status)
    work = lock_work_of(order)
    checks = [check for check in work.checks if check.is_open]
    # A walk whose goods are looked at may be walked again, and its packing task takes the urgency from it.
    looked_at = {check.picking_task_id for check in checks}
    walks = [task for task in work.picking if task.is_open or task.pk in looked_at]
    tasks: list[PickingTask | QualityCheck | PackingTask] = [*walks, *checks, *(task for task in work.packing if task.status in OPEN_PACKING)]
    if order.priority == priority and all(task.priority == priority for task in tasks):
        return
    before, order.priority = order.priority, priority
    order.save_changes("priority")
    for task in tasks:
        task.priority = priority
        task.save_changes("priority")
    publish([events.of_order(events.ORDER_PRIORITY_CHANGED, order, priority=priority, before=before)], actor=actor)
