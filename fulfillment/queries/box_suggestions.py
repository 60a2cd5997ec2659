"""Which boxes to take for the goods of a packing task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from fulfillment.models import BoxType, Package, PackingTask, PackingTaskItem
from fulfillment.packing.boxes import MAX_PIECES, Box, Goods, Size, suggest
from fulfillment.queries.package_weights import BY_UNIT
from warehouse.core.quantities import ZERO

# So many different goods are no parcel any more, and a screen would wait.
MAX_KINDS = 60


@dataclass(frozen=True, slots=True)
class SuggestedBox:
    """A box to take, and how much of which items goes into it."""

    box_type: BoxType
    contents: list[tuple[PackingTaskItem, int]]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The boxes to take, the largest first; and the goods about which nothing can be said: without sizes, or larger than any box."""

    boxes: list[SuggestedBox]
    unsized: list[PackingTaskItem]
    too_big: list[PackingTaskItem]
    too_many: bool = False


def suggest_boxes(task: PackingTask, package: Package | None = None, items: Sequence[PackingTaskItem] | None = None) -> Suggestion:
    """Boxes for all that is still to be packed, and for what is in `package` already; its goods may be prefetched, the task's `items` given with products.

    A product's sizes are those of a base unit; a begun kilogram counts as a whole one. Weights keep a box from bearing too much, as far as they are known,
    and from becoming heavier than the task's provider takes. Goods without sizes are named, never guessed.
    """
    if items is None:
        items = list(task.items.select_related("product").order_by("pk"))
    inside = {part.item_id: part.quantity for part in package.items.all()} if package is not None else {}
    wanted = [(item, item.remaining + inside.get(item.pk, ZERO)) for item in items]
    return _suggest([(item, quantity) for item, quantity in wanted if quantity], task, BoxType.objects.filter(is_active=True))


def _suggest(wanted: list[tuple[PackingTaskItem, Decimal]], task: PackingTask, kept: Iterable[BoxType]) -> Suggestion:
    unsized = [item for item, _ in wanted if _size(item) is None]
    goods = [
        Goods(item.pk, size, int(quantity.to_integral_value(ROUND_CEILING)), _weight(item)) for item, quantity in wanted if (size := _size(item))
    ]
    if len(goods) > MAX_KINDS or sum(each.count for each in goods) > MAX_PIECES:
        return Suggestion([], unsized, [], too_many=True)
    heaviest = task.provider.max_weight if task.provider else None
    types = {box.pk: box for box in kept}
    plan = suggest(goods, [Box(box.pk, Size(box.length, box.width, box.height), _bears(box, heaviest)) for box in types.values()])
    by_id = {item.pk: item for item, _ in wanted}
    boxes = [SuggestedBox(types[filled.box.key], [(by_id[pk], count) for pk, count in filled.counts.items()]) for filled in plan.boxes]
    return Suggestion(boxes, unsized, [by_id[pk] for pk in plan.too_big])


def _size(item: PackingTaskItem) -> Size | None:
    sides = (item.product.length, item.product.width, item.product.height)
    if not all(sides):
        return None
    length, width, height = (Decimal(side or 0) for side in sides)
    return Size(length, width, height)


def _weight(item: PackingTaskItem) -> Decimal:
    return item.product.weight or BY_UNIT.get(item.product.base_unit, ZERO)


def _bears(box: BoxType, heaviest_package: Decimal | None) -> Decimal | None:
    limits = [box.max_weight, None if heaviest_package is None else max(ZERO, heaviest_package - box.own_weight)]
    return min((limit for limit in limits if limit is not None), default=None)
