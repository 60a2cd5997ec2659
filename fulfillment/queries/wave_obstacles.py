"""Why a task of a wave can't be released now, and what somebody should know who releases it. Computed afresh whenever it is asked; nothing of it is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from fulfillment.enums import OPEN_ORDERS, OrderStatus, PickingItemStatus, PickingStatus
from fulfillment.models import PickingTask, PickingTaskItem, Wave
from fulfillment.queries.ranks import BY_URGENCY
from inventory import orchestrator
from inventory.orchestrator import HeldGoods, LocationKind
from warehouse.core.errors import NotFound
from warehouse.core.quantities import plain

ATTENTION = "order_needs_attention"


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` for programs, `text` for people: what is in the way, and what to do."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A task that waits to be released: what keeps it back, and what is worth knowing though it keeps nothing back."""

    task: PickingTask
    obstacles: tuple[Reason, ...]
    warnings: tuple[Reason, ...]


def obstacles(wave: Wave) -> list[Judged]:
    """Every task of a wave that is not released, the most urgent first, as `judge` sees it. Four statements, whatever the number of tasks."""
    return judge(waiting_in(wave), warehouse_id=wave.warehouse_id, cut_off=wave.cut_off)


def waiting_in(wave: Wave) -> Sequence[PickingTask]:
    """The tasks of a wave that are not released yet, the most urgent first; each knows its order and warehouse."""
    rows = PickingTask.objects.filter(wave=wave, status=PickingStatus.PENDING, released_at=None).select_related("order", "warehouse")
    return list(rows.order_by(*BY_URGENCY))


def judge(tasks: Sequence[PickingTask], *, warehouse_id: int, cut_off: datetime | None = None, attended: bool = False) -> list[Judged]:
    """What is in the way of each of these tasks, in their order. With `attended` orders that need attention are nothing in the way: somebody has looked.

    Obstacles: the order is closed or needs attention; the goods may not leave any more (held, recalled, expired, their place closed); the promise moved or is
    gone; the warehouse has no packing bench. Warnings: the carrier has left, or the order should have; somebody missed goods in a place (a short is fetched from
    elsewhere by itself, so that stops nobody). Three statements.
    """
    stops: dict[int, list[PickingTaskItem]] = defaultdict(list)
    for item in (
        PickingTaskItem.objects.filter(task__in=tasks, status=PickingItemStatus.PENDING).select_related("product", "location").order_by("sequence")
    ):
        stops[item.task_id].append(item)
    held = {part.item_id: part for part in orchestrator.held_goods(task.reservation_id for task in tasks)}
    shared = list(_no_bench(warehouse_id))
    return [
        Judged(
            task, (*shared, *_of_order(task, attended), *_of_goods(task, stops[task.pk], held)), tuple(_warnings(task, cut_off, stops[task.pk], held))
        )
        for task in tasks
    ]


def _no_bench(warehouse_id: int) -> Iterator[Reason]:
    try:
        orchestrator.default_location(warehouse_id, LocationKind.PACKING)
    except NotFound:
        yield Reason("no_packing_bench", "The warehouse has no active packing bench. Make a location of this kind.")


def _of_order(task: PickingTask, attended: bool) -> Iterator[Reason]:
    order = task.order
    if order.status not in OPEN_ORDERS:
        yield Reason("order_closed", f"The order is {order.get_status_display()}. Take the task out of the wave and cancel it.")
    elif order.status == OrderStatus.NEEDS_ATTENTION and not attended:
        yield Reason(ATTENTION, "The order needs attention. Look at it first; to have it picked as it is, release it as attended.")


def _of_goods(task: PickingTask, stops: Collection[PickingTaskItem], held: dict[int, HeldGoods]) -> Iterator[Reason]:
    for stop in stops:
        what = f"{plain(stop.remaining)} × {stop.product.sku} in {stop.location.code}"
        part = held.get(stop.reservation_item_id or 0)
        if part is None or part.reservation_id != task.reservation_id or part.held < stop.remaining:
            yield Reason("promise_gone", f"{what}: promised elsewhere now, or not any more. The task follows by itself: look again in a moment.")
        elif part.batch_location_id != stop.batch_location_id:
            yield Reason("promise_gone", f"{what}: promised in {part.location} now. The task follows by itself: look again in a moment.")
        elif part.unfit:
            yield Reason("goods_unfit", f"{what}, lot {part.lot_number}: {part.unfit}. Free them, or have others promised instead.")


def _warnings(task: PickingTask, cut_off: datetime | None, stops: Collection[PickingTaskItem], held: dict[int, HeldGoods]) -> Iterator[Reason]:
    now = timezone.now()
    if cut_off is not None and cut_off <= now:
        yield Reason("cut_off_passed", "The carrier's cut-off has passed.")
    elif task.ship_by is not None and task.ship_by <= now:
        yield Reason("late", "It should have left by now.")
    for stop in stops:
        part = held.get(stop.reservation_item_id or 0)
        if part is not None and part.count_asked:
            yield Reason("count_asked", f"{stop.product.sku} in {stop.location.code}: somebody missed goods there, and nobody has counted since.")
