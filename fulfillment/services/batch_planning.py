"""Which picking tasks go on one cart: what each of them asks of it, what the cart takes, and what is not known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from fulfillment.enums import PickingItemStatus
from fulfillment.models import PickingTask, PickingTaskItem, WalkSettings
from fulfillment.queries.package_weights import BY_UNIT
from fulfillment.queries.site_layout import SiteLayout
from fulfillment.routing.batching import Batching, Capacity, Length, Load, make_batches
from fulfillment.routing.layout import Pick
from fulfillment.routing.quick import quick_length
from warehouse.core.quantities import ZERO

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


def cart_of(settings: WalkSettings) -> Capacity:
    """What a cart takes: totes, items (lines to be picked), litres, kilograms."""
    return Capacity(settings.totes, settings.max_items, settings.max_volume, settings.max_weight)


def loads_of(tasks: Sequence[PickingTask], site: SiteLayout) -> list[TaskLoad]:
    """What each task asks of a cart, from what is still to be picked of it. One statement. A place that is not on the map counts for no way."""
    items: dict[int, list[PickingTaskItem]] = defaultdict(list)
    for item in PickingTaskItem.objects.filter(task__in=tasks, status=PickingItemStatus.PENDING).select_related("product").order_by("pk"):
        items[item.task_id].append(item)
    return [_load(task, items[task.pk], site) for task in tasks]


def group(loads: Sequence[TaskLoad], site: SiteLayout, method: str) -> list[list[TaskLoad]]:
    """The tasks of each walk, by a method of batching. One that alone is more than a cart takes walks alone."""
    made = make_batches([each.load for each in loads], cart_of(site.settings), Batching(method), _length_in(site))
    return [[loads[number] for number in numbers] for numbers in made]


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
