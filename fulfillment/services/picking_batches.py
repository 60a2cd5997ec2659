"""Picking batches: several orders in one walk. Made for waiting tasks, given to a worker, walked, closed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Q
from django.utils import timezone
from django_fsm import can_proceed

from fulfillment import events
from fulfillment.enums import OPEN_PICKING, OrderStatus, PickingItemStatus, PickingStatus
from fulfillment.errors import CartTooSmall, WorkLeft
from fulfillment.locks import BatchWork, lock_next_picking_batch, lock_picking_batch, lock_picking_batches_alone, lock_worker
from fulfillment.models import Pick, PickingBatch, PickingTask, PickingTaskItem
from fulfillment.queries.picking_batches import my_picking_batch, my_single_task
from fulfillment.queries.site_layout import layout_of
from fulfillment.services import quality_checks
from fulfillment.services.batch_planning import cart_of, loads_of, plan_batches
from fulfillment.services.batch_rows import lock_waiting, urgency_of, write_batches, write_planned
from fulfillment.services.batch_walks import plan_batch
from fulfillment.services.chosen_tasks import named_tasks
from fulfillment.services.picking_tasks import claim_next_picking_task
from fulfillment.services.progress import settle
from fulfillment.services.workers import require_active_user, require_person, require_worker
from inventory import orchestrator
from inventory.orchestrator import LocationKind
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import cancel, save_all, take
from warehouse.core.errors import Conflict
from warehouse.core.quantities import plain
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish

NOTHING_LEFT = "NOTHING_LEFT_TO_PICK"


@operation()
def make_picking_batches(warehouse_id: int, task_ids: Sequence[int], *, actor: Actor, method: str = "") -> list[PickingBatch]:
    """Put waiting picking tasks into walks, by the warehouse's walk settings or another `method` of batching; every task is in exactly one batch then.

    Lines, litres and kilograms of a cart are kept to as far as they are known (a product without sizes or weight counts for nothing; the batch's notes name it). A
    task that alone is more than the cart takes walks alone, and the notes say so. Positions on the cart go by urgency. Plans first, then locks the orders, then the
    tasks, and plans anew when one of them changed meanwhile. Events picking.batch_created. Raises ValidationFailed for an unknown method or too many tasks, Conflict
    listing every task that is not waiting here. A constant number of statements.
    """
    wanted = named_tasks(task_ids)
    return write_planned(plan_batches(warehouse_id, wanted, method), wanted, wave_id=None, actor=actor)


@operation()
def create_picking_batch(warehouse_id: int, task_ids: Sequence[int], *, actor: Actor) -> PickingBatch:
    """Put these waiting picking tasks into one walk, chosen by hand. Locks and event as `make_picking_batches`.

    Raises CartTooSmall for more than the warehouse's cart takes, Conflict listing every task that is not waiting here.
    """
    tasks = lock_waiting(warehouse_id, task_ids)
    site = layout_of(warehouse_id)
    loads = loads_of(tasks, site)
    exceeded = cart_of(site.settings).exceeded_by([each.load for each in loads])
    if exceeded:
        raise CartTooSmall(
            f"{len(loads)} orders are more than one cart takes, by {', '.join(exceeded)}. Choose fewer, or change the walk settings of the warehouse.",
            errors=[{"limit": limit, "asked": str(asked), "takes": str(takes)} for limit, (asked, takes) in exceeded.items()],
        )
    (batch,) = write_batches([loads], site, batching="", wave_id=None, actor=actor)
    return batch


@operation(Role.PICKER)
def assign_picking_batch(batch_id: int, worker_id: int, *, actor: Actor, expected_version: int | None = None) -> PickingBatch:
    """Give a batch to a worker, with all its tasks, or to another one before it is started; a picker only to oneself.

    Locks its orders, the batch and its tasks. Events picking.batch_assigned, picking.assigned for each task.
    """
    work = lock_picking_batch(batch_id, expected_version)
    if worker_id != actor.user_id:
        actor.require(frozenset(), "assign batches to others")
    require_active_user(worker_id)
    return _give(work, worker_id, "assign", actor)


@operation()
def reassign_picking_batch(batch_id: int, worker_id: int, *, actor: Actor, expected_version: int | None = None) -> PickingBatch:
    """Another one goes on with a batch that is begun; what was picked lies in its totes. Locks its orders, the batch and its tasks.

    Events picking.batch_assigned, picking.assigned for each open task. Raises TransitionRefused for a batch that nobody walks, NotFound for no active user.
    """
    work = lock_picking_batch(batch_id, expected_version)
    require_active_user(worker_id)
    return _give(work, worker_id, "hand_on", actor)


@operation(Role.PICKER)
def claim_next_picking_batch(warehouse_id: int, *, actor: Actor) -> PickingBatch | None:
    """The batch that the actor should do now: the one at hand, else the best waiting one of the warehouse, assigned. None when there is none.

    Best is by priority, then ship-by, then age; one of which every order was cancelled is passed over. Locks the worker, so that two scanners of one person get one
    batch; chooses by SKIP LOCKED, then locks the orders, the batch and its tasks. Events as for `assign`. Raises Conflict while the actor has a single task at hand.
    """
    batch = _claim(warehouse_id, actor)
    if batch is None and (single := my_single_task(warehouse_id, require_person(actor))) is not None:
        raise Conflict(f"{single} is at hand: finish that first.", task=single.pk)
    return batch


@operation(Role.PICKER)
def claim_next_walk(warehouse_id: int, *, actor: Actor) -> PickingBatch | PickingTask | None:
    """What the actor should walk now: the batch or task at hand, else the best waiting batch, else the best waiting single task. Locks and events as theirs."""
    batch = _claim(warehouse_id, actor)
    return batch if batch is not None else claim_next_picking_task.inside(warehouse_id, actor=actor)


@operation(Role.PICKER)
def start_picking_batch(batch_id: int, *, actor: Actor, expected_version: int | None = None) -> PickingBatch:
    """The worker begins to walk: all its tasks begin, one walk through all their stops is planned and its length kept, and the packing bench is chosen.

    Locks its orders, the batch and its tasks. Raises Conflict when all its orders were cancelled, NotFound when the warehouse has no bench. A constant number of
    statements.
    """
    work = lock_picking_batch(batch_id, expected_version)
    take(work.batch, "start")
    require_worker(work.batch, actor)
    _require_work(work)
    bench = orchestrator.default_location(work.batch.warehouse_id, LocationKind.PACKING)
    now = timezone.now()
    plan_batch(work)
    work.batch.started_at = now
    work.batch.save_changes("status", "started_at", "route_method", "route_length", "shortest_length")
    for task in work.tasks:
        take(task, "start")
        task.packing_location_id, task.started_at = bench, now
    save_all(work.tasks, "status", "packing_location", "started_at")
    begun = [task.order for task in work.tasks if task.order.status == OrderStatus.ACCEPTED]
    for order in begun:
        take(order, "begin_picking")
    save_all(begun, "status")
    return work.batch


@operation(Role.PICKER)
def complete_picking_batch(batch_id: int, *, actor: Actor, expected_version: int | None = None) -> PickingBatch:
    """Close a batch whose items are all done: every task of it is completed, and packing or a quality check follows for each, in one transaction.

    A task of which nothing was picked is completed without packing, as when it is walked alone. Statements grow with the orders, not with their items. Locks its
    orders, the batch and its tasks. Events picking.completed and packing.started or quality.created for each order, picking.batch_completed. Raises WorkLeft
    listing what is not done; Conflict when all its orders were cancelled: then it closes by itself.
    """
    work = lock_picking_batch(batch_id, expected_version)
    take(work.batch, "complete")
    require_worker(work.batch, actor)
    _require_work(work)
    _require_done(work)
    work.batch.completed_at = now = timezone.now()
    work.batch.save_changes("status", "completed_at")
    for task in work.tasks:
        take(task, "complete")
        task.completed_at = now
    save_all(work.tasks, "status", "completed_at")
    for task in work.tasks:
        started = quality_checks.after_picking(task, actor=actor)
        publish([events.of_picking(events.PICKING_COMPLETED, task), *started], actor=actor)
        settle(task.order, actor=actor)
    publish([events.of_picking_batch(events.PICKING_BATCH_COMPLETED, work.batch)], actor=actor)
    return work.batch


@operation()
def cancel_picking_batch(batch_id: int, reason: str, *, actor: Actor, expected_version: int | None = None) -> PickingBatch:
    """Give a batch up. Its orders stay: a task of which nothing was picked goes back to the queue, anybody's again, and may be put into another batch.

    Goods that lie in totes already stay where they are: their tasks go on as tasks of their own, with the worker who has them, and are finished one by one; the tote
    keeps its code. Locks its orders, the batch and its tasks. Events picking.batch_cancelled with those that wait again (`task_ids`) and those that somebody keeps
    (`kept_task_ids`), picking.unassigned for each that somebody had. A constant number of statements.
    """
    work = lock_picking_batch(batch_id, expected_version)
    reason = cancel(work.batch, reason)
    begun = set(Pick.objects.filter(item__task__in=work.tasks, undone_at=None).values_list("item__task", flat=True))
    kept, waiting = [task for task in work.tasks if task.pk in begun], [task for task in work.tasks if task.pk not in begun]
    told = [events.of_picking(events.PICKING_UNASSIGNED, task, worker_id=task.worker_id) for task in waiting if task.worker_id is not None]
    for task in work.tasks:
        task.picking_batch = task.tote = None
    for task in waiting:
        take(task, "wait")
        task.worker = task.packing_location = task.started_at = None
        task.tote_code = ""
    save_all(work.tasks, "status", "picking_batch", "tote", "tote_code", "worker", "packing_location", "started_at")
    PickingTaskItem.objects.filter(task__in=work.tasks).update(walk_position=None)
    ids = {"task_ids": [task.pk for task in waiting], "kept_task_ids": [task.pk for task in kept]}
    publish([events.of_picking_batch(events.PICKING_BATCH_CANCELLED, work.batch, reason=reason, **ids), *told], actor=actor)
    return work.batch


@operation()
def settle_picking_batches(task_ids: Iterable[int], *, actor: Actor, order_ids: Iterable[int] = ()) -> int:
    """Make the open batches of these tasks, or of the tasks of these orders, follow them.

    One without an open task is closed, the others are as urgent as the most urgent of their tasks. Closed is completed when a task of it was, else cancelled.
    Compares states, so repeating it changes nothing. Locks the batches alone: tasks only ever leave the open ones. Returns how many changed. Events
    picking.batch_completed, picking.batch_cancelled.
    """
    theirs = PickingTask.objects.filter(Q(pk__in=set(task_ids)) | Q(order__in=set(order_ids)), picking_batch__isnull=False)
    concerned = PickingBatch.objects.filter(pk__in=theirs.values("picking_batch"), status__in=sorted(OPEN_PICKING)).values_list("pk", flat=True)
    batches = [batch for batch in lock_picking_batches_alone(concerned) if batch.is_open]
    tasks: dict[int, list[PickingTask]] = {batch.pk: [] for batch in batches}
    for task in PickingTask.objects.filter(picking_batch__in=batches):
        tasks[task.picking_batch_id or 0].append(task)
    return sum(_follow(batch, tasks[batch.pk], actor) for batch in batches)


def _claim(warehouse_id: int, actor: Actor) -> PickingBatch | None:
    person = require_person(actor)
    lock_worker(person)
    at_hand = my_picking_batch(warehouse_id, person)
    if at_hand is not None or my_single_task(warehouse_id, person) is not None:
        return at_hand
    work = lock_next_picking_batch(warehouse_id)
    return None if work is None else _give(work, person, "assign", actor)


def _give(work: BatchWork, worker_id: int, transition: str, actor: Actor) -> PickingBatch:
    take(work.batch, transition)
    _require_work(work)
    work.batch.worker_id = worker_id
    work.batch.save_changes("status", "worker")
    for task in work.tasks:
        take(task, transition)
        task.worker_id = worker_id
    save_all(work.tasks, "status", "worker")
    told = [events.of_picking(events.PICKING_ASSIGNED, task, worker_id=worker_id) for task in work.tasks]
    publish([events.of_picking_batch(events.PICKING_BATCH_ASSIGNED, work.batch, worker_id=worker_id), *told], actor=actor)
    return work.batch


def _require_work(work: BatchWork) -> None:
    if not work.tasks:
        raise Conflict(f"Every order of {work.batch} was cancelled or is finished: there is nothing to walk for.", picking_batch=work.batch.pk)


def _require_done(work: BatchWork) -> None:
    left = PickingTaskItem.objects.filter(task__in=work.tasks, status=PickingItemStatus.PENDING).select_related("product", "location")
    totes = {task.pk: task.tote for task in work.tasks}
    errors = [
        {"item": i.pk, "tote": totes[i.task_id], "sku": i.product.sku, "location": i.location.code, "remaining": plain(i.remaining)}
        for i in left.order_by("walk_position", "pk")
    ]
    if errors:
        raise WorkLeft(f"{work.batch}: {len(errors)} items are not done: pick, short or skip them.", errors=errors)


def _follow(batch: PickingBatch, tasks: Sequence[PickingTask], actor: Actor) -> bool:
    open_ = [task for task in tasks if task.is_open]
    if open_:
        wanted = urgency_of(open_)
        if all(getattr(batch, name) == value for name, value in wanted.items()):
            return False
        batch.priority, batch.ship_by = wanted["priority"], wanted["ship_by"]
        batch.save_changes("priority", "ship_by")
        return True
    if can_proceed(batch.complete) and any(task.status == PickingStatus.COMPLETED for task in tasks):
        take(batch, "complete")
        batch.completed_at = timezone.now()
        batch.save_changes("status", "completed_at")
        publish([events.of_picking_batch(events.PICKING_BATCH_COMPLETED, batch)], actor=actor)
        return True
    cancel(batch, NOTHING_LEFT)
    publish([events.of_picking_batch(events.PICKING_BATCH_CANCELLED, batch, reason=NOTHING_LEFT, task_ids=[], kept_task_ids=[])], actor=actor)
    return True
