"""Which picking tasks go on one cart: what each of them asks of it, what the cart takes, and what is not known. Reads, and locks nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from fulfillment.enums import BatchingMethod, PickingItemStatus, PickingStatus
from fulfillment.models import PickingTask, PickingTaskItem, WalkSettings
from fulfillment.queries.package_weights import BY_UNIT
from fulfillment.queries.site_layout import SiteLayout, layout_of
from fulfillment.routing.batching import Batching, Capacity, Length, Load, make_batches
from fulfillment.routing.layout import Pick
from fulfillment.routing.quick import quick_length
from warehouse.core.quantities import ZERO
from warehouse.core.texts import require_one_of

# Cubic centimetres in a litre.
LITRE = 1000
# So many goods without a size or a weight are named.
NAMED = 5


@dataclass(frozen=True, slots=True)
class TaskLoad:
    """What a task asks of a cart, and the SKUs of its goods whose volume or weight nobody has entered: those take up nothing."""

    task: PickingTask
    load: Load
    unknown: frozenset[str]


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """Which tasks go together by a `method` of batching: of each walk the numbers of its tasks in `loads`, the most urgent task first."""

    site: SiteLayout
    method: str
    loads: Sequence[TaskLoad]
    walks: Sequence[Sequence[int]]

    def fits(self, loads: Sequence[TaskLoad]) -> bool:
        """Whether these are still the same tasks, as urgent, with the same to be picked in the same places."""
        return [(each.task.pk, each.load) for each in loads] == [(each.task.pk, each.load) for each in self.loads]


def plan_batches(warehouse_id: int, task_ids: Collection[int], method: str) -> BatchPlan:
    """Put those of these tasks that wait in this warehouse into walks, by a method of batching, or by the warehouse's own for an empty one.

    For a thousand tasks it takes seconds, so it comes before the locks; who writes the batches compares. Four statements. Raises ValidationFailed for an
    unknown method.
    """
    if method:
        require_one_of(method, BatchingMethod.values, field="method")
    waiting = PickingTask.objects.filter(pk__in=task_ids, warehouse=warehouse_id, status=PickingStatus.PENDING, picking_batch=None)
    site = layout_of(warehouse_id)
    loads = loads_of(most_urgent_first(waiting), site)
    used = method or site.settings.batching
    walks = make_batches([each.load for each in loads], cart_of(site.settings), Batching(used), _length_in(site))
    return BatchPlan(site, used, loads, walks)


def most_urgent_first(tasks: Iterable[PickingTask]) -> list[PickingTask]:
    """By priority, then ship-by, then age."""
    return sorted(tasks, key=lambda task: (task.urgency, task.ship_by is None, task.ship_by or task.created_at, task.pk))


def cart_of(settings: WalkSettings) -> Capacity:
    """What a cart takes: totes, items (lines to be picked), litres, kilograms."""
    return Capacity(settings.totes, settings.max_items, settings.max_volume, settings.max_weight)


def loads_of(tasks: Sequence[PickingTask], site: SiteLayout) -> list[TaskLoad]:
    """What each task asks of a cart, from what is still to be picked of it. One statement. A place that is not on the map counts for no way."""
    items: dict[int, list[PickingTaskItem]] = defaultdict(list)
    for item in PickingTaskItem.objects.filter(task__in=tasks, status=PickingItemStatus.PENDING).select_related("product").order_by("pk"):
        items[item.task_id].append(item)
    return [_load(task, items[task.pk], site) for task in tasks]


def remarks(loads: Collection[TaskLoad], settings: WalkSettings) -> str:
    """What somebody should know of such a batch: that it is more than the cart takes, and which goods were not counted."""
    said = []
    exceeded = cart_of(settings).exceeded_by([each.load for each in loads])
    if exceeded:
        said.append(f"More than the cart takes: {', '.join(exceeded)}.")
    unknown = sorted({sku for each in loads for sku in each.unknown})
    if unknown and (settings.max_volume is not None or settings.max_weight is not None):
        more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        said.append(f"Not counted, for volume or weight is not known: {', '.join(unknown[:NAMED])}{more}.")
    return " ".join(said)


def _load(task: PickingTask, items: Sequence[PickingTaskItem], site: SiteLayout) -> TaskLoad:
    picks = tuple(dict.fromkeys(site.spots[item.location_id] for item in items if item.location_id in site.spots))
    volumes = [_volume(item) for item in items]
    weights = [_weight(item) for item in items]
    unknown = {item.product.sku for item, volume, weight in zip(items, volumes, weights, strict=True) if _lacks(volume, weight, site.settings)}
    return TaskLoad(
        task, Load(picks, len(items), sum((v or ZERO for v in volumes), ZERO), sum((w or ZERO for w in weights), ZERO)), frozenset(unknown)
    )


def _lacks(volume: Decimal | None, weight: Decimal | None, settings: WalkSettings) -> bool:
    return (volume is None and settings.max_volume is not None) or (weight is None and settings.max_weight is not None)


def _volume(item: PickingTaskItem) -> Decimal | None:
    """Litres of what is still to be picked; a product's sizes are those of a base unit."""
    product = item.product
    if not (product.length and product.width and product.height):
        return None
    return Decimal(product.length * product.width * product.height * item.remaining / LITRE)


def _weight(item: PickingTaskItem) -> Decimal | None:
    """Kilograms of what is still to be picked."""
    each = item.product.weight or BY_UNIT.get(item.product.base_unit)
    return None if each is None else Decimal(each * item.remaining)


def _length_in(site: SiteLayout) -> Length:
    """How long a walk through some picks is; a place without a map is no way at all."""

    def length(picks: Sequence[Pick]) -> int:
        return quick_length(site.layout, picks, by_leg=site.settings.cold_last) if site.layout is not None and picks else 0

    return length
