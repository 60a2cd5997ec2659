"""Other quantities for an order that nobody has begun to pick."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from fulfillment import events
from fulfillment.enums import OPEN_ORDERS, OPEN_PICKING, OrderStatus, PackingStatus, PickingStatus, QualityStatus
from fulfillment.locks import Work, find_and_lock_order, lock_waves, lock_work_of
from fulfillment.models import Order, OrderLine, Pick, PickingTask, PickingTaskItem
from fulfillment.services.intake import make_picking_tasks
from fulfillment.services.progress import recount
from inventory import orchestrator
from inventory.orchestrator import OrderedLine, Reserved
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import cancel, require_status, take
from warehouse.core.errors import NotFound, TransitionRefused
from warehouse.core.locking import check_version
from warehouse.core.quantities import ZERO
from warehouse.core.transactions import StartAgain, operation
from warehouse.outbox.events import publish

ORDER_CHANGED = "ORDER_CHANGED"


@operation(Role.INTEGRATION)
def change_order_lines(
    source: str, external_id: str, lines: Sequence[Mapping[str, Any]], *, actor: Actor, expected_version: int | None = None
) -> Order:
    """Have an order that nobody has begun to pick ask for these lines instead of its own: all of them (see `resolve_lines`), or nothing changes.

    Its promise is made to fit: what it holds already counts, only the difference is reserved or released. What the old lines asked of remaining days holds
    for the new ones. A picking task whose goods stay the same stays; another is cancelled, and the new one of its warehouse takes its wave, and its worker
    unless a batch gave it to them: the batch goes on without. A rejected order is tried at once. The same lines again change nothing. Locks the order, the
    waves of its open tasks, its work, then what inventory locks. Events inventory.reserved and inventory.released for the difference, picking.cancelled,
    picking.created, picking.assigned, order.revised with the lines as they were asked for. Raises NotFound, TransitionRefused once picking has begun,
    InsufficientStock, and as `resolve_lines`.
    """
    order = find_and_lock_order(source, external_id)
    if order is None:
        raise NotFound(f"There is no order {source}:{external_id}.", kind="order", id=external_id)
    if expected_version is not None:
        check_version(order, expected_version)
    require_status(order, OPEN_ORDERS | {OrderStatus.REJECTED})
    old = list(order.lines.order_by("pk"))
    ordered = _as_before(orchestrator.resolve_lines(lines, storefront_id=order.storefront_external_id or None), old)
    if order.status != OrderStatus.REJECTED and _amounts(ordered) == _amounts(old):
        return order
    work = _lock_with_waves(order)
    _require_not_begun(order, work)
    was_rejected = order.status == OrderStatus.REJECTED
    promised = orchestrator.promise_order.inside(
        order.order_ref, ordered, actor=actor, ship_at=order.ships_at, reservation_ref=order.reservation_ref if was_rejected else "", changed=True
    )
    if was_rejected:
        take(order, "accept")
        order.shortages, order.retry_due_at = [], None
    order.save_changes("status", "shortages", "retry_due_at")
    _write_lines(order, ordered)
    _rewrite_tasks(order, work, promised, ordered, actor, accepted=was_rejected)
    recount(order, actor=actor)
    publish([events.of_order(events.ORDER_REVISED, order, lines=[dict(line) for line in lines])], actor=actor)
    return order


def _as_before(ordered: Iterable[OrderedLine], old: Iterable[OrderLine]) -> list[OrderedLine]:
    """The new lines with what the old ones of their products asked besides the quantity."""
    days: dict[int, int] = defaultdict(int)
    listings: dict[int, str] = {}
    for row in old:
        days[row.product_id] = max(days[row.product_id], row.min_remaining_days)
        listings[row.product_id] = row.listing_id or listings.get(row.product_id, "")
    return [
        replace(
            line,
            min_remaining_days=max(line.min_remaining_days, days[line.product_id]),
            listing_id=line.listing_id or listings.get(line.product_id, ""),
        )
        for line in ordered
    ]


def _amounts(lines: Iterable[OrderedLine | OrderLine]) -> dict[tuple[int, int | None], Decimal]:
    result: dict[tuple[int, int | None], Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        result[line.product_id, line.warehouse_id] += line.quantity
    return result


def _lock_with_waves(order: Order) -> Work:
    """The waves that new tasks may have to join, then the work. Raises StartAgain when a task joined another wave meanwhile."""
    open_ = PickingTask.objects.filter(order=order, wave__isnull=False, status__in=sorted(OPEN_PICKING))
    waves = {wave.pk: wave for wave in lock_waves(open_.values_list("wave", flat=True))}
    work = lock_work_of(order)
    for task in work.picking:
        if task.is_open and task.wave_id is not None:
            if task.wave_id not in waves:
                raise StartAgain
            task.wave = waves[task.wave_id]
    return work


def _require_not_begun(order: Order, work: Work) -> None:
    """Raise TransitionRefused when somebody walks or has walked for it: those goods are not on the shelves any more."""
    waiting = {PickingStatus.PENDING, PickingStatus.ASSIGNED, PickingStatus.CANCELLED}
    picked = Pick.objects.filter(item__task__in=[task for task in work.picking if task.is_open and task.status in waiting], undone_at=None)
    begun = [task.number for task in work.picking if task.status not in waiting]
    begun += [check.number for check in work.checks if check.status != QualityStatus.CANCELLED]
    begun += [task.number for task in work.packing if task.status != PackingStatus.CANCELLED]
    begun += sorted(set(picked.values_list("item__task__number", flat=True)))
    if begun:
        raise TransitionRefused(
            f"Picking of {order} has begun ({', '.join(begun)}): its quantities can't be changed any more. Cancel it and send a new order for what is wanted, "
            "or take back as a return what is too much.",
            status=order.status,
            asked="change",
            possible=["cancel"],
            begun=begun,
        )


def _write_lines(order: Order, ordered: Iterable[OrderedLine]) -> None:
    order.lines.all().delete()
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            product_id=line.product_id,
            listing_id=line.listing_id,
            quantity=line.quantity,
            warehouse_id=line.warehouse_id,
            min_remaining_days=line.min_remaining_days,
        )
        for line in ordered
    )


def _rewrite_tasks(order: Order, work: Work, promised: Sequence[Reserved], ordered: Iterable[OrderedLine], actor: Actor, *, accepted: bool) -> None:
    """Cancel the open tasks that no longer ask for what is promised, and make those that do."""
    open_ = {task.warehouse_id: task for task in work.picking if task.is_open}
    asked = _asked_for(open_.values())
    kept = {part.warehouse_id for part in promised if asked.get(part.warehouse_id) == {(item.id, item.quantity) for item in part.items}}
    outdated = {warehouse: task for warehouse, task in open_.items() if warehouse not in kept}
    workers = {
        warehouse: task.worker_id for warehouse, task in outdated.items() if task.status == PickingStatus.ASSIGNED and task.picking_batch_id is None
    }
    for task in outdated.values():
        cancel(task, ORDER_CHANGED)
    publish([events.of_picking(events.PICKING_CANCELLED, task, reason=ORDER_CHANGED) for task in outdated.values()], actor=actor)
    fresh = [part for part in promised if part.warehouse_id not in kept]
    listings = {line.product_id: line.listing_id for line in ordered if line.listing_id}
    made = make_picking_tasks(order, fresh, listings, actor=actor, accepted=accepted)
    _take_places(order, made, outdated, workers, actor)


def _asked_for(tasks: Iterable[PickingTask]) -> dict[int, set[tuple[int | None, Decimal]]]:
    """By warehouse: which promises these tasks are to pick, and how much of each."""
    result: dict[int, set[tuple[int | None, Decimal]]] = defaultdict(set)
    items = PickingTaskItem.objects.filter(task__in=list(tasks)).order_by()
    for warehouse, item, quantity in items.values_list("task__warehouse", "reservation_item_id", "quantity_required"):
        result[warehouse].add((item, quantity))
    return result


def _take_places(order: Order, made: Iterable[int], outdated: Mapping[int, PickingTask], workers: Mapping[int, int | None], actor: Actor) -> None:
    """Let new tasks be as urgent as those they came for, in their wave, and with whoever had them."""
    told = []
    for task in PickingTask.objects.filter(pk__in=list(made), warehouse__in=list(outdated)).order_by("pk"):
        before = outdated[task.warehouse_id]
        task.order, task.priority = order, before.priority
        if before.wave is not None and before.wave.is_open:
            task.wave, task.released_at = before.wave, before.released_at
        if task.warehouse_id in workers:
            take(task, "assign")
            task.worker_id = workers[task.warehouse_id]
            told.append(events.of_picking(events.PICKING_ASSIGNED, task, worker_id=task.worker_id))
        task.save_changes("status", "worker", "priority", "wave", "released_at")
    publish(told, actor=actor)
