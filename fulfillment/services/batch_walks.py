"""The one walk through all stops of a batch: planned when it starts, and where a stop comes that was not known then."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from fulfillment.enums import PickingItemStatus
from fulfillment.locks import BatchWork
from fulfillment.models import PickingTask, PickingTaskItem
from fulfillment.queries.picking_batches import remaining_stops, standing_at
from fulfillment.queries.site_layout import SiteLayout, layout_of
from fulfillment.services.planning import plan_walk


def plan_batch(work: BatchWork) -> None:
    """Give every pending item of a locked batch its place in the walk, and keep the walk's length on the batch, for the caller to save.

    What lies in one place follows each other, the same goods together, by position on the cart. A number of statements that does not grow.
    """
    totes = {task.pk: task.tote or 0 for task in work.tasks}
    items = list(PickingTaskItem.objects.filter(task__in=totes, status=PickingItemStatus.PENDING))
    places = sorted({item.location_id for item in items})
    plan = plan_walk(work.batch.warehouse_id, places)
    rank = {places[index]: number for number, index in enumerate(plan.order)}
    items.sort(key=lambda item: (rank[item.location_id], item.product_id, item.batch_id, totes[item.task_id], item.sequence))
    for position, item in enumerate(items, start=1):
        item.walk_position = float(position)
    PickingTaskItem.objects.bulk_update(items, ["walk_position"])
    work.batch.route_method, work.batch.route_length, work.batch.shortest_length = plan.method, plan.length, plan.shortest


def place_stops(task: PickingTask, stops: Sequence[PickingTaskItem], *, standing: int | None = None) -> None:
    """Find where the new ones of all stops of a locked task come in the walk of its batch, in memory: each where it lengthens the rest of the walk least.

    Nothing is written and no row of another order changes: a new stop gets a number between those of its neighbours. The walk goes on from where the picker
    is `standing`, else from the place of the last scan, else from the depot. Without new stops nothing is asked.
    """
    assert task.picking_batch_id is not None
    pending = [stop for stop in stops if stop.status == PickingItemStatus.PENDING]
    fresh = [stop for stop in pending if stop.walk_position is None]
    if not fresh:
        return
    every = [*pending, *remaining_stops(task.picking_batch_id).exclude(task=task)]
    ahead = [stop for stop in every if stop.deferred_at is None and stop.walk_position is not None]
    ahead.sort(key=lambda stop: stop.walk_position or 0)
    walk = _Walk(layout_of(task.warehouse_id), standing or standing_at(task.picking_batch_id), ahead)
    for stop in fresh:
        walk.insert(stop)


class _Walk:
    """What is left of a walk: the places ahead in their order, from where somebody stands to the depot."""

    def __init__(self, site: SiteLayout, here: int | None, ahead: Sequence[PickingTaskItem]) -> None:
        self._site, self._here = site, here
        self._ahead = list(ahead)

    def insert(self, stop: PickingTaskItem) -> None:
        gap = self._cheapest(stop.location_id)
        before = self._ahead[gap - 1].walk_position if gap else None
        after = self._ahead[gap].walk_position if gap < len(self._ahead) else None
        stop.walk_position = _between(before, after)
        self._ahead.insert(gap, stop)

    def _cheapest(self, place: int) -> int:
        """Before which of the stops ahead it is visited; the earliest of equals. Beside a stop in the same place, where there is one."""
        same = [number for number, stop in enumerate(self._ahead) if stop.location_id == place]
        if same:
            return same[-1] + 1
        way: list[int | None] = [self._here, *(stop.location_id for stop in self._ahead), None]
        if any(not self._on_map(known) for known in (*way, place)):
            return self._by_sequence(place)
        costs = [
            (self._legs_wrong(gap, place), self._distance(a, place) + self._distance(place, b) - self._distance(a, b), gap)
            for gap, (a, b) in enumerate(pairwise(way))
        ]
        return min(costs)[-1]

    def _by_sequence(self, place: int) -> int:
        """Where the map does not reach: by what the places say of themselves, cold ones last where the warehouse wants that."""
        rank = {stop: (self._site.leg(stop), self._site.places[stop].walk) for stop in [place, *(stop.location_id for stop in self._ahead)]}
        later = [number for number, stop in enumerate(self._ahead) if rank[stop.location_id] > rank[place]]
        return later[0] if later else len(self._ahead)

    def _legs_wrong(self, gap: int, place: int) -> int:
        """How many of the stops ahead would then come out of the order of cold; nothing where the warehouse does not ask for it."""
        leg, legs = self._site.leg(place), [self._site.leg(stop.location_id) for stop in self._ahead]
        return sum(other > leg for other in legs[:gap]) + sum(other < leg for other in legs[gap:])

    def _on_map(self, place: int | None) -> bool:
        return self._site.layout is not None and (place is None or place in self._site.spots)

    def _distance(self, a: int | None, b: int | None) -> int:
        assert self._site.layout is not None
        from_, to = (None if place is None else self._site.spots[place] for place in (a, b))
        return self._site.layout.distance(from_, to)


def _between(before: float | None, after: float | None) -> float:
    if before is None:
        return 1.0 if after is None else after - 1
    return before + 1 if after is None else (before + after) / 2
