"""Every row lock of fulfilment. The order: the worker; Order; waves, picking batches, picking tasks, quality checks, packing tasks, packages, shipments, put-backs;
then what inventory locks.

A task is locked together with its order in one statement: PostgreSQL takes the locks of a row in the order in which OF names the tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.db import connection, models, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from fulfillment.enums import OPEN_PICKING, PackingStatus, PickingStatus, PrintStatus, PutBackStatus, QualityStatus
from fulfillment.models import (
    BoxType,
    DeliveryProvider,
    LabelPrint,
    Order,
    OrderDisagreement,
    PackingTask,
    PickingBatch,
    PickingTask,
    PickingTaskItem,
    Printer,
    PutBack,
    QualityCheck,
    QualityCheckItem,
    QualityRule,
    Shipment,
    StatusReport,
    SweepCursor,
    WalkSettings,
    Wave,
)
from fulfillment.queries.picking_batches import batches_waiting, holders_of
from fulfillment.queries.picking_tasks import waiting_tasks
from fulfillment.queries.ranks import BY_URGENCY
from warehouse.core.errors import NotFound
from warehouse.core.locking import check_version, lock_row, lock_rows
from warehouse.core.transactions import StartAgain, require_transaction

M = TypeVar("M", bound=models.Model)
T = TypeVar("T", QualityCheck, PackingTask)


def lock_order(order_id: int, expected_version: int | None = None) -> Order:
    """The order, FOR NO KEY UPDATE."""
    return lock_row(Order, order_id, expected_version)


def find_and_lock_order(source: str, external_id: str) -> Order | None:
    """The order by its business key, or None."""
    require_transaction()
    return Order.objects.select_for_update(no_key=True).filter(source=source, external_id=external_id).first()


def lock_worker(user_id: int) -> None:
    """The person alone: what one person asks for at the same time is decided one after the other."""
    lock_row(get_user_model(), user_id)


def lock_picking_task(task_id: int, expected_version: int | None = None) -> PickingTask:
    """The order, then the picking task; the warehouse is read with it."""
    task = _one(_for_update(PickingTask, "order", "self").select_related("order", "warehouse"), task_id)
    return _checked(task, expected_version)


@dataclass(frozen=True, slots=True)
class LockedItem:
    """A locked item; whether the barcode that was asked about is one of its product's; for which other task the tote that was asked about stands."""

    item: PickingTaskItem
    knows_barcode: bool
    tote_holder: PickingTask | None


def lock_picking_item(item_id: int, expected_version: int | None = None, *, barcode: str = "", tote: str = "") -> LockedItem:
    """The order, the task and the item; product, batch, location and warehouse are read with them. `expected_version` is the task's.

    What is asked about a barcode and a tote is told by the same statement; who holds the tote is read by one more, with the order.
    """
    rows = _for_update(PickingTaskItem, "task__order", "task", "self")
    known = Exists(PickingTaskItem.objects.filter(pk=OuterRef("pk"), product__barcodes__code=barcode))
    others = holders_of(tote.strip().upper(), OuterRef("task__warehouse")).exclude(pk=OuterRef("task"))
    rows = rows.annotate(barcode_is_its_products=known, tote_holder=Subquery(others.values("pk")[:1]))
    item = _one(rows.select_related("task__order", "task__warehouse", "product", "batch", "location"), item_id)
    _checked(item.task, expected_version)
    told = vars(item)  # the model does not declare what was asked beside its columns
    holder = PickingTask.objects.select_related("order").get(pk=told["tote_holder"]) if told["tote_holder"] else None
    return LockedItem(item, told["barcode_is_its_products"], holder)


def lock_picking_tasks(ids: Iterable[int]) -> list[PickingTask]:
    """These tasks, by id: first all their orders by id, then the tasks; each knows its order and warehouse. Three statements, whatever their number."""
    wanted = sorted(set(ids))
    lock_rows(Order, PickingTask.objects.filter(pk__in=wanted).values_list("order", flat=True))
    return list(_for_update(PickingTask, "self").select_related("order", "warehouse").filter(pk__in=wanted).order_by("pk"))


@dataclass(slots=True)
class BatchWork:
    """A picking batch with its open tasks, by position on the cart; each task knows its order and warehouse."""

    batch: PickingBatch
    tasks: list[PickingTask]


def lock_picking_batch(batch_id: int, expected_version: int | None = None) -> BatchWork:
    """The orders of its open tasks by id, the batch, then these tasks by id. Tasks leave a batch but never join one, so all of them are known before."""
    require_transaction()
    open_ = PickingTask.objects.filter(picking_batch=batch_id, status__in=sorted(OPEN_PICKING))
    lock_rows(Order, open_.values_list("order", flat=True))
    batch = _checked(_one(_for_update(PickingBatch, "self").select_related("warehouse"), batch_id), expected_version)
    tasks = _for_update(PickingTask, "self").select_related("order").filter(picking_batch=batch_id, status__in=sorted(OPEN_PICKING)).order_by("pk")
    work = BatchWork(batch, sorted(tasks, key=lambda task: task.tote or 0))
    for task in work.tasks:
        task.warehouse, task.picking_batch = batch.warehouse, batch
    return work


def lock_picking_batches_alone(ids: Iterable[int]) -> list[PickingBatch]:
    """These batches by id, without their tasks."""
    return list(lock_rows(PickingBatch, ids).values())


def lock_next_picking_batch(warehouse_id: int) -> BatchWork | None:
    """The best pending batch of a warehouse with something to pick that nobody else is claiming, locked with its orders and tasks; by priority, ship-by, age.

    Chosen by SKIP LOCKED and let go at once, for a batch is locked after its orders; one that somebody else got meanwhile is let go too, with its orders, so
    that the next one is locked in order again.
    """
    require_transaction()
    passed: list[int] = []
    while (batch_id := _next_free_batch(warehouse_id, passed)) is not None:
        savepoint = transaction.savepoint()
        work = lock_picking_batch(batch_id)
        if work.batch.status == PickingStatus.PENDING and work.tasks:
            transaction.savepoint_commit(savepoint)
            return work
        transaction.savepoint_rollback(savepoint)
        passed.append(batch_id)
    return None


def _next_free_batch(warehouse_id: int, passed: Iterable[int]) -> int | None:
    rows = batches_waiting(warehouse_id).select_for_update(of=("self",), no_key=True, skip_locked=True)
    savepoint = transaction.savepoint()
    found = rows.exclude(pk__in=list(passed)).order_by(*BY_URGENCY).first()
    transaction.savepoint_rollback(savepoint)
    return None if found is None else found.pk


def lock_next_picking_task(warehouse_id: int) -> PickingTask | None:
    """The best of a warehouse's waiting tasks that nobody else is claiming: by priority, ship-by, age. Locks that one task only."""
    require_transaction()
    rows = waiting_tasks(warehouse_id).select_for_update(of=("self",), no_key=True, skip_locked=True).select_related("order", "warehouse")
    return rows.order_by(*BY_URGENCY).first()


@dataclass(slots=True)
class WaveWork:
    """A wave with its open tasks, by id; each knows its order and warehouse."""

    wave: Wave
    tasks: list[PickingTask]


def lock_wave_planning(warehouse_id: int) -> None:
    """Whoever plans a wave for this warehouse: one after the other, so that no two choose the same tasks. Taken before everything else."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"waves of warehouse {warehouse_id}"])


def lock_wave(wave_id: int, expected_version: int | None = None) -> Wave:
    """The wave alone; warehouse and provider are read with it."""
    return _checked(_one(_for_update(Wave, "self").select_related("warehouse", "provider"), wave_id), expected_version)


def lock_waves(ids: Iterable[int]) -> list[Wave]:
    """These waves by id, without their tasks; the warehouse is read with them."""
    return list(_for_update(Wave, "self").select_related("warehouse").filter(pk__in=sorted(set(ids))).order_by("pk"))


def lock_wave_with_orders(wave_id: int, expected_version: int | None = None) -> WaveWork:
    """The orders of its open tasks by id, the wave, then these tasks by id. Raises StartAgain when one joined meanwhile whose order is not locked."""
    require_transaction()
    open_ = PickingTask.objects.filter(wave=wave_id, status__in=sorted(OPEN_PICKING))
    orders = lock_rows(Order, open_.values_list("order", flat=True))
    wave = lock_wave(wave_id, expected_version)
    tasks = list(_for_update(PickingTask, "self").filter(wave=wave, status__in=sorted(OPEN_PICKING)).order_by("pk"))
    if any(task.order_id not in orders for task in tasks):
        raise StartAgain
    for task in tasks:
        task.order, task.warehouse = orders[task.order_id], wave.warehouse
    return WaveWork(wave, tasks)


def lock_picking_tasks_alone(ids: Iterable[int]) -> list[PickingTask]:
    """These tasks by id, without their orders, for what concerns the tasks only. Order, warehouse, batch and wave are read with them, by a later statement: a row
    that was waited for would bring the batch and wave that it had before."""
    locked = list(_for_update(PickingTask, "self").filter(pk__in=sorted(set(ids))).order_by("pk").values_list("pk", flat=True))
    return list(PickingTask.objects.filter(pk__in=locked).select_related("order", "warehouse", "picking_batch", "wave").order_by("pk"))


def lock_quality_rule(rule_id: int, expected_version: int | None = None) -> QualityRule:
    """The rule alone."""
    return lock_row(QualityRule, rule_id, expected_version)


def lock_quality_check(check_id: int, expected_version: int | None = None) -> QualityCheck:
    """The order, the picking task, then the check; worker and warehouse are read with them."""
    rows = _for_update(QualityCheck, "order", "picking_task", "self").select_related("order", "picking_task", "warehouse", "worker")
    return _checked(_one(rows, check_id), expected_version)


def lock_quality_item(item_id: int, expected_version: int | None = None) -> QualityCheckItem:
    """The order, the check and the item; product and batch are read with them. `expected_version` is the check's."""
    rows = _for_update(QualityCheckItem, "check_document__order", "check_document", "self")
    item = _one(rows.select_related("check_document__order", "check_document__worker", "product", "batch"), item_id)
    _checked(item.check_document, expected_version)
    return item


def lock_next_quality_check(warehouse_id: int) -> QualityCheck | None:
    """The best pending check of a warehouse that nobody else is claiming, as with picking tasks. Locks that one check only."""
    return _next(QualityCheck, warehouse_id, QualityStatus.PENDING)


def lock_packing_task(task_id: int, expected_version: int | None = None) -> PackingTask:
    """The order, then the packing task; warehouse and provider are read with it."""
    task = _one(_for_update(PackingTask, "order", "self").select_related("order", "warehouse", "provider", "picking_task"), task_id)
    return _checked(task, expected_version)


def lock_next_packing_task(warehouse_id: int) -> PackingTask | None:
    """The best pending packing task of a warehouse that nobody else is claiming, as with picking tasks. Locks that one task only."""
    return _next(PackingTask, warehouse_id, PackingStatus.PENDING)


def lock_packing_tasks(ids: Iterable[int]) -> list[PackingTask]:
    """These tasks, by id: first all their orders by id, then the tasks, as everybody who locks one of each."""
    wanted = sorted(set(ids))
    lock_rows(Order, PackingTask.objects.filter(pk__in=wanted).values_list("order", flat=True))
    return list(_for_update(PackingTask, "self").select_related("order", "warehouse", "provider").filter(pk__in=wanted).order_by("pk"))


def lock_shipments_of(tasks: Iterable[PackingTask]) -> list[Shipment]:
    """All shipments of these locked packing tasks, by id; their packages are read with them."""
    return list(_for_update(Shipment, "self").select_related("package").filter(packing_task__in=list(tasks)).order_by("pk"))


def lock_shipment(shipment_id: int, expected_version: int | None = None) -> Shipment:
    """The order, its packing task, the package, the shipment."""
    rows = _for_update(Shipment, "order", "packing_task", "package", "self").select_related(
        "order", "packing_task", "package", "provider", "replaces"
    )
    return _checked(_one(rows, shipment_id), expected_version)


def lock_successor(shipment: Shipment) -> Shipment | None:
    """The shipment that replaces this locked one, if there is one. Its order is locked with this one: nobody else changes whether there is."""
    return _for_update(Shipment, "self").filter(replaces=shipment).first()


def try_lock_shipment(shipment_id: int) -> Shipment | None:
    """The shipment alone, for a worker that claims it; None while somebody else holds it."""
    require_transaction()
    rows = Shipment.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    return rows.select_related("order", "package", "provider", "packing_task__warehouse").filter(pk=shipment_id).first()


def lock_status_report(report_id: int, *, wait: bool) -> StatusReport | None:
    """The report, with its order read; None while somebody else holds it and we do not `wait`."""
    require_transaction()
    rows = StatusReport.objects.select_for_update(of=("self",), no_key=True, skip_locked=not wait)
    return rows.select_related("order").filter(pk=report_id).first()


def lock_report(order: Order, status: str) -> StatusReport | None:
    """The report of a status of a locked order, or None; waits for a worker that is recording it."""
    return _for_update(StatusReport, "self").filter(order=order, status=status).first()


def lock_unsent_reports(order: Order) -> list[StatusReport]:
    """What the order system has not been told of a locked order, by id; waits for a worker that is recording one."""
    return list(_for_update(StatusReport, "self").filter(order=order, sent_at=None).order_by("pk"))


def lock_put_back(put_back_id: int, expected_version: int | None = None) -> PutBack:
    """The put-back; its places and goods are read with it."""
    rows = _for_update(PutBack, "self").select_related("order", "product", "batch", "from_location")
    return _checked(_one(rows, put_back_id), expected_version)


def lock_put_backs(ids: Iterable[int]) -> list[PutBack]:
    """These put-backs, by id."""
    return list(lock_rows(PutBack, ids).values())


def lock_free_put_backs(warehouse_id: int, *, bench: str, limit: int) -> list[PutBack]:
    """The oldest pending put-backs of a warehouse (of one bench, if it is named) that nobody has on the way or is claiming now."""
    require_transaction()
    rows = PutBack.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    free = rows.filter(Q(claimed_until=None) | Q(claimed_until__lte=timezone.now()), warehouse=warehouse_id, status=PutBackStatus.PENDING)
    return list((free.filter(batch_location__location__code=bench) if bench else free).order_by("pk")[:limit])


def lock_sweep(name: str, *, wait: bool) -> SweepCursor | None:
    """The cursor of a sweep; None while somebody else holds it and we do not `wait`."""
    require_transaction()
    return SweepCursor.objects.select_for_update(no_key=True, skip_locked=not wait).filter(pk=name).first()


def lock_disagreement(external_id: str) -> OrderDisagreement | None:
    """The open disagreement about an order, or None."""
    require_transaction()
    return OrderDisagreement.objects.select_for_update(no_key=True).filter(external_id=external_id, resolved_at=None).first()


@dataclass(slots=True)
class Work:
    """All that was made for an order."""

    picking: list[PickingTask] = field(default_factory=list)
    checks: list[QualityCheck] = field(default_factory=list)
    packing: list[PackingTask] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)


def lock_work_of(order: Order) -> Work:
    """All tasks, checks and shipments of a locked order, by type and id; each task knows its order and warehouse."""
    picking = list(_for_update(PickingTask, "self").select_related("warehouse").filter(order=order).order_by("pk"))
    checks = list(_for_update(QualityCheck, "self").filter(order=order).order_by("pk"))
    packing = list(_for_update(PackingTask, "self").filter(order=order).order_by("pk"))
    shipments = list(_for_update(Shipment, "self").filter(order=order).order_by("pk"))
    tasks: list[PickingTask | QualityCheck | PackingTask] = [*picking, *checks, *packing]
    for task in tasks:
        task.order = order
    return Work(picking, checks, packing, shipments)


def lock_carrier(provider_id: int, expected_version: int | None = None) -> DeliveryProvider:
    """The delivery provider, alone."""
    return lock_row(DeliveryProvider, provider_id, expected_version)


def lock_box_type(box_type_id: int, expected_version: int | None = None) -> BoxType:
    """The box type, alone."""
    return lock_row(BoxType, box_type_id, expected_version)


def lock_walk_settings(settings_id: int, expected_version: int | None = None) -> WalkSettings:
    """The walk settings of a warehouse, alone."""
    return lock_row(WalkSettings, settings_id, expected_version)


def lock_printer(printer_id: int, expected_version: int | None = None) -> Printer:
    """The printer alone."""
    return lock_row(Printer, printer_id, expected_version)


def lock_next_print(printer: Printer) -> LabelPrint | None:
    """What waits longest for a locked printer; package and task are read with it."""
    task = "package__packing_task"
    rows = _for_update(LabelPrint, "self").select_related(f"{task}__order", f"{task}__warehouse", f"{task}__provider")
    return rows.filter(printer=printer, status=PrintStatus.QUEUED).order_by("pk").first()


def _next(model: type[T], warehouse_id: int, pending: str) -> T | None:
    require_transaction()
    rows = model._default_manager.select_for_update(of=("self",), no_key=True, skip_locked=True).select_related("order", "warehouse")
    return rows.filter(warehouse=warehouse_id, status=pending).order_by(*BY_URGENCY).first()


def _for_update(model: type[M], *of: str) -> QuerySet[M]:
    require_transaction()
    return model._default_manager.select_for_update(of=of, no_key=True)


def _one(rows: QuerySet[M], pk: int) -> M:
    row = rows.filter(pk=pk).first()
    if row is None:
        raise NotFound(f"There is no {rows.model._meta.verbose_name} {pk}.", kind=rows.model._meta.model_name, id=pk)
    return row


V = TypeVar("V", bound=Any)


def _checked(row: V, expected_version: int | None) -> V:
    if expected_version is not None:
        check_version(row, expected_version)
    return row
