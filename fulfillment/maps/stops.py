"""What of a walk is shown on a map."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.enums import PickingItemStatus
from fulfillment.maps.draw import MapPicture, Stop, draw_map
from fulfillment.maps.scale import Frame
from fulfillment.models import PickingTaskItem
from fulfillment.queries.site_layout import layout_of


def stops_on_map(items: Sequence[PickingTaskItem]) -> tuple[list[Stop], int | None]:
    """The items of a walk, in walking order, as stops numbered from 1; and where the picker stands: at the place of the last scan, if there was any."""
    stops = [Stop(item.location_id, number, item.status != PickingItemStatus.PENDING) for number, item in enumerate(items, start=1)]
    scanned = [(item.picked_at, item.location_id) for item in items if item.picked_at is not None]
    return stops, max(scanned)[1] if scanned else None


def picture_of_walk(warehouse_id: int, items: Sequence[PickingTaskItem], frame: Frame, *, walking: bool = True, closely: bool = False) -> MapPicture:
    """The map of a warehouse with the way through these items, in walking order; of several tasks too. Two statements.

    Nobody is `walking` any more: all of it is shown as done.
    """
    stops, standing_at = stops_on_map(items)
    if not walking:
        stops = [Stop(stop.location_id, stop.number, done=True) for stop in stops]
    return draw_map(layout_of(warehouse_id), frame, stops, standing_at=standing_at, closely=closely)
