"""Reading picking batches: the next stop, the last scan, who is where on the cart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from fulfillment.enums import OPEN_PICKING, OPEN_QUALITY, PackingStatus, PickingItemStatus, PickingStatus, PutBackStatus
from fulfillment.models import PackingTask, Pick, PickingBatch, PickingTask, PickingTaskItem, PutBack, QualityCheck
from fulfillment.queries.picking_tasks import picks_of_walk
from fulfillment.queries.ranks import ranked

AT_HAND = (PickingStatus.ASSIGNED, PickingStatus.IN_PROGRESS)
# Packing tasks whose goods are still in their tote.
PACKED_FROM_TOTE = (PackingStatus.PENDING, PackingStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch is: its orders and items, without what was cancelled, and how many of them are done."""

    tasks: int
    tasks_done: int
    items: int
    done: int

    @property
    def percent(self) -> int:
        """Every item counts alike."""
        return int(self.done * 100 / self.items) if self.items else 100


def batch_progress(tasks: Iterable[PickingTask]) -> BatchProgress:
    """How far a batch is, from all its tasks. Asks the database nothing."""
    walked = [task for task in tasks if task.status != PickingStatus.CANCELLED]
    done = [task for task in walked if task.picked_items == task.total_items]
    return BatchProgress(len(walked), len(done), sum(task.total_items for task in walked), sum(task.picked_items for task in walked))


def remaining_stops(batch_id: int) -> QuerySet[PickingTaskItem]:
    """What is still to be picked in the walk of a batch, in its order; what was put off comes last."""
    pending = PickingTaskItem.objects.filter(task__picking_batch=batch_id, task__status=PickingStatus.IN_PROGRESS, status=PickingItemStatus.PENDING)
    return pending.order_by(F("deferred_at").asc(nulls_first=True), F("walk_position").asc(nulls_last=True), "pk")


def stops_done(batch_id: int) -> QuerySet[PickingTaskItem]:
    """What of the walk of a batch is done, as it was walked; short and skipped items first."""
    done = PickingTaskItem.objects.filter(task__picking_batch=batch_id).exclude(status=PickingItemStatus.PENDING)
    return done.order_by(F("picked_at").asc(nulls_first=True), "pk")


def next_stop(batch_id: int) -> PickingTaskItem | None:
    """The next stop of a batch, with product, batch, location, task and order; None when nothing is left to pick."""
    return remaining_stops(batch_id).select_related("product", "batch", "location", "task__order").first()


def last_pick_of_batch(batch_id: int) -> Pick | None:
    """The last scan of a batch that can be undone: of a task that is still being picked."""
    standing = picks_of_walk().filter(item__task__picking_batch=batch_id, item__task__status=PickingStatus.IN_PROGRESS, undone_at=None)
    return standing.select_related("item__product", "item__batch", "item__location", "item__task").order_by("-pk").first()


def standing_at(batch_id: int) -> int | None:
    """The place of the last scan of a batch: there its picker stands. None before the first."""
    picks = picks_of_walk().filter(item__task__picking_batch=batch_id).order_by("-pk")
    return picks.values_list("item__location", flat=True).first()


def in_use() -> Q:
    """Of picking tasks: whether goods may lie in their tote: being picked, looked at, waiting to be packed, or cancelled and not yet put back."""
    packing = PackingTask.objects.filter(picking_task=OuterRef("pk"), status__in=PACKED_FROM_TOTE)
    checks = QualityCheck.objects.filter(picking_task=OuterRef("pk"), status__in=sorted(OPEN_QUALITY))
    back = PutBack.objects.filter(picking_task=OuterRef("pk"), status=PutBackStatus.PENDING)
    return Q(status__in=sorted(OPEN_PICKING)) | Q(Exists(packing)) | Q(Exists(checks)) | (Q(status=PickingStatus.CANCELLED) & Q(Exists(back)))


def holders_of(code: str, warehouse: int | OuterRef) -> QuerySet[PickingTask]:
    """The picking tasks of a warehouse whose goods may lie in the tote of this code, as it is kept: in capitals."""
    return PickingTask.objects.filter(in_use(), warehouse=warehouse, tote_code=code).exclude(tote_code="")


def with_work() -> Exists:
    """Of batches: whether one of its orders is still to be picked."""
    return Exists(PickingTask.objects.filter(picking_batch=OuterRef("pk"), status__in=sorted(OPEN_PICKING)))


def batches_waiting(warehouse_id: int) -> QuerySet[PickingBatch]:
    """Batches that nobody has yet and of which something is to be picked."""
    return PickingBatch.objects.filter(with_work(), warehouse=warehouse_id, status=PickingStatus.PENDING)


def my_picking_batch(warehouse_id: int, user_id: int) -> PickingBatch | None:
    """The batch that this person walks, or was given."""
    mine = PickingBatch.objects.filter(with_work(), warehouse=warehouse_id, worker=user_id, status__in=AT_HAND)
    return mine.order_by(ranked(PickingStatus.IN_PROGRESS), "pk").first()


def my_single_task(warehouse_id: int, user_id: int) -> PickingTask | None:
    """The picking task outside any batch that this person walks, or was given."""
    mine = PickingTask.objects.filter(picking_batch=None, warehouse=warehouse_id, worker=user_id, status__in=AT_HAND)
    return mine.select_related("order", "warehouse").order_by(ranked(PickingStatus.IN_PROGRESS), "pk").first()
