"""Picking tasks: made for promises, given to a worker, closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Max
from django.utils import timezone

from fulfillment import events
from fulfillment.enums import (
    OPEN_ORDERS,
    OPEN_PACKING,
    OPEN_PICKING,
    OPEN_QUALITY,
    OrderStatus,
    PickingItemStatus,
    PickingStatus,
    Priority,
)
from fulfillment.errors import Surplus, WorkLeft
from fulfillment.locks import lock_next_picking_task, lock_order, lock_picking_task, lock_worker
from fulfillment.models import Order, PackingTask, PickingTask, QualityCheck
from fulfillment.queries.missing import on_no_task
from fulfillment.queries.picking_batches import my_picking_batch, my_single_task
from fulfillment.queries.picking_tasks import let_go
from fulfillment.services import put_backs, quality_checks, shorts
from fulfillment.services.intake import make_picking_tasks
from fulfillment.services.progress import recount, settle
from fulfillment.services.walks import begin_walk
from fulfillment.services.workers import require_active_user, require_person, require_single, require_worker
from inventory import orchestrator
from inventory.orchestrator import LocationKind
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import cancel, require_reason, take
from warehouse.core.errors import Conflict
from warehouse.core.quantities import ZERO, plain
from warehouse.core.texts import require_one_of
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish

ROUTE = ("route_method", "route_length", "shortest_length")


@operation(Role.INTEGRATION)
def create_picking_task(
    order_id: int, warehouse_id: int, items: Sequence[Mapping[str, Any]], *, actor: Actor, priority: str = "", expected_version: int | None = None
) -> PickingTask:
    """Promise more of an order from one warehouse and make its picking task: what was short before, or what a manager sends for by hand.

    `items` as for an order (what the order's lines ask of remaining days holds for them too), `warehouse_id` is ours. The order goes without them no more.
    Locks the order, then what inventory locks. Events inventory.reserved, picking.created. Raises Conflict for an order that is closed or has open work
    in this warehouse, Surplus for more than was ordered and is not yet on a task, InsufficientStock.
    """
    if priority:
        require_one_of(priority, Priority.values, field="priority")
    order = lock_order(order_id, expected_version)
    if order.status not in OPEN_ORDERS:
        raise Conflict(f"{order} is {order.get_status_display()}: no picking can be added.", status=order.status)
    _require_nothing_open(order, warehouse_id)
    days = dict(order.lines.order_by().values_list("product_id").annotate(Max("min_remaining_days")))
    lines = [
        orchestrator.OrderedLine(
            line.product_id, line.quantity, warehouse_id, max(line.min_remaining_days, days.get(line.product_id, 0)), line.listing_id
        )
        for line in orchestrator.resolve_lines(items, storefront_id=order.storefront_external_id or None)
    ]
    _require_ordered(order, lines)
    promised = orchestrator.reserve_for_order.inside(
        order.order_ref, lines, warehouse_id=warehouse_id, actor=actor, ship_at=order.ships_at, confirmed=True
    )
    listings = {line.product_id: line.listing_id for line in lines if line.listing_id}
    (task_id,) = make_picking_tasks(order, [promised], listings, actor=actor, priority=priority, accepted=False)
    recount(order, actor=actor)
    return PickingTask.objects.get(pk=task_id)


@operation(Role.PICKER)
def assign_picking_task(task_id: int, worker_id: int, *, actor: Actor, expected_version: int | None = None) -> PickingTask:
    """Give a task to a worker, or to another one before it is started; a picker only to oneself. Locks order and task. Event picking.assigned.

    Of one that is started `reassign_picking_task` changes the hands. Raises Conflict for one that no wave has let go yet, and for one in a batch: that is
    given as a whole.
    """
    task = lock_picking_task(task_id, expected_version)
    require_single(task)
    _require_let_go(task)
    if worker_id != actor.user_id:
        actor.require(frozenset(), "assign tasks to others")
    require_active_user(worker_id)
    return _assign(task, worker_id, actor)


@operation(Role.PICKER)
def claim_next_picking_task(warehouse_id: int, *, actor: Actor) -> PickingTask | None:
    """The task that the actor should do now: the one at hand, else the best pending one of the warehouse, assigned. None when there is no work.

    Best is by priority, then ship-by, then age. Locks the worker, so that two scanners of one person get one task; then that one task only, passing over
    one that somebody else is claiming. Event picking.assigned. Raises Conflict while the actor has a batch at hand.
    """
    person = require_person(actor)
    lock_worker(person)
    at_hand = my_single_task(warehouse_id, person)
    if at_hand is not None:
        return at_hand
    batch = my_picking_batch(warehouse_id, person)
    if batch is not None:
        raise Conflict(f"{batch} is at hand: finish that first.", picking_batch=batch.pk)
    task = lock_next_picking_task(warehouse_id)
    return task and _assign(task, person, actor)


@operation(Role.PICKER)
def start_picking_task(task_id: int, *, actor: Actor, expected_version: int | None = None) -> PickingTask:
    """The worker begins to walk; the packing bench of the warehouse is where the goods will go. Locks order and task.

    The stops are put into walking order by the settings of the warehouse, and the task keeps how long the walk is. Raises NotFound when the warehouse has no
    bench, Conflict for a task in a batch: that is started as a whole.
    """
    task = lock_picking_task(task_id, expected_version)
    require_single(task)
    take(task, "start")
    require_worker(task, actor)
    task.packing_location_id = orchestrator.default_location(task.warehouse_id, LocationKind.PACKING)
    task.started_at = timezone.now()
    begin_walk(task)
    task.save_changes("status", "packing_location", "started_at", *ROUTE)
    if task.order.status == OrderStatus.ACCEPTED:
        take(task.order, "begin_picking")
        task.order.save_changes("status")
    return task


@operation(Role.PICKER)
def complete_picking_task(
    task_id: int, *, actor: Actor, short_rest: bool = False, reason: str = "", expected_version: int | None = None
) -> PickingTask:
    """Close a task whose items are all done, and make the packing task for what was picked in the same transaction.

    `short_rest` closes a part-picked one too, for a `reason`: what is left is released, not promised anew, and the order needs attention. Nothing picked: no
    packing task. Locks order and task. Events picking.completed, packing.started (or
    quality.created, where a rule asks for a look at the goods), with `short_rest` picking.short. Raises WorkLeft listing the items that are not done.
    """
    reason = require_reason(reason, needed=short_rest)
    task = lock_picking_task(task_id, expected_version)
    take(task, "complete")
    require_worker(task, actor)
    left = list(task.items.filter(status=PickingItemStatus.PENDING).select_related("product", "location"))
    if left and not short_rest:
        raise WorkLeft(
            f"{task}: {len(left)} of {task.total_items} items are not done: pick, short or skip them.",
            errors=[{"item": i.pk, "sku": i.product.sku, "location": i.location.code, "remaining": plain(i.remaining)} for i in left],
        )
    if left:
        shorts.close_short(task, left, reason, actor=actor)
    task.completed_at = timezone.now()
    task.save_changes("status", "completed_at", "picked_items")
    started = quality_checks.after_picking(task, actor=actor)
    publish([events.of_picking(events.PICKING_COMPLETED, task), *started], actor=actor)
    (recount if left else settle)(task.order, actor=actor)
    return task


@operation()
def cancel_picking_task(task_id: int, reason: str, *, actor: Actor, expected_version: int | None = None) -> PickingTask:
    """Stop a task: what is promised is released, what was picked becomes put-backs; the order goes without it, and needs attention.

    Locks order and task, then what inventory locks. Event picking.cancelled. Raises TransitionRefused, ValidationFailed for a reason that is missing or
    too long.
    """
    task = lock_picking_task(task_id, expected_version)
    reason = cancel(task, reason)
    orchestrator.release_reservation.inside(task.reservation_id, reason=reason, actor=actor, for_order=True)
    put_backs.make_put_backs(task)
    publish([events.of_picking(events.PICKING_CANCELLED, task, reason=reason)], actor=actor)
    recount(task.order, actor=actor)
    return task


def _require_let_go(task: PickingTask) -> None:
    if task.status == PickingStatus.PENDING and not PickingTask.objects.filter(let_go(task.warehouse_id), pk=task.pk).exists():
        what = "release its wave first" if task.wave_id else "this warehouse works by waves only: put it into a wave and release that"
        raise Conflict(f"{task} is not let go yet: {what}.", task=task.pk, wave=task.wave_id)


def _assign(task: PickingTask, worker_id: int, actor: Actor) -> PickingTask:
    take(task, "assign")
    task.worker_id = worker_id
    task.save_changes("status", "worker")
    publish([events.of_picking(events.PICKING_ASSIGNED, task, worker_id=worker_id)], actor=actor)
    return task


def _require_nothing_open(order: Order, warehouse_id: int) -> None:
    """Two tasks must not stand on one promise: that of goods which are still looked at or packed would be found again for the new one."""
    kinds: tuple[tuple[type[PickingTask | QualityCheck | PackingTask], set[Any]], ...] = (
        (PickingTask, set(OPEN_PICKING)),
        (QualityCheck, set(OPEN_QUALITY)),
        (PackingTask, set(OPEN_PACKING)),
    )
    for kind, states in kinds:
        found = kind._default_manager.filter(order=order, warehouse=warehouse_id, status__in=states).first()
        if found is not None:
            raise Conflict(f"{order} has open work in this warehouse: finish or cancel {found} first.", order=order.pk, warehouse=warehouse_id)


def _require_ordered(order: Order, lines: Iterable[orchestrator.OrderedLine]) -> None:
    """Not more than was ordered and is on no task yet."""
    open_ = on_no_task(order)
    errors = []
    for line in lines:
        open_[line.product_id] -= line.quantity
        if open_[line.product_id] < 0:
            errors.append(
                {"product_id": line.product_id, "asked": str(line.quantity), "open": str(max(ZERO, open_[line.product_id] + line.quantity))}
            )
    if errors:
        raise Surplus(f"That is more than {order} still needs.", errors=errors)
