"""`/floor/pick/<task>/map` and `/floor/pick/batch/<batch>/map`: where the next stop is, and the way through those after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from fulfillment.enums import PickingItemStatus, PickingStatus
from fulfillment.maps import PHONE, picture_of_walk
from fulfillment.models import PickingBatch, PickingTask, PickingTaskItem
from fulfillment.queries.picking_batches import remaining_stops, stops_done
from fulfillment.services.picks import pick_item
from warehouse.core.actor import Actor
from warehouse.core.screens import floor_view, show


@floor_view(pick_item)
def screen(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """The map of a walk; of a large hall the aisles about the next stops, with `?whole` all of them."""
    task = get_object_or_404(PickingTask.objects.select_related("order"), pk=task_id)
    items = list(task.items.select_related("location").order_by("sequence"))
    named = task.order.name
    return _screen(request, task, items, named, here="floor:pick_map", walk="floor:pick_task", scan="floor:pick_scan")


@floor_view(pick_item)
def batch_screen(request: HttpRequest, actor: Actor, batch_id: int) -> HttpResponse:
    """The map of a walk for several orders."""
    batch = get_object_or_404(PickingBatch, pk=batch_id)
    items = [*stops_done(batch_id).select_related("location"), *remaining_stops(batch_id).select_related("location")]
    return _screen(request, batch, items, batch.number, here="floor:pick_batch_map", walk="floor:pick_batch", scan="floor:pick_batch_scan")


def _screen(request: HttpRequest, row: Any, items: Sequence[PickingTaskItem], named: str, **names: str) -> HttpResponse:
    whole = "whole" in request.GET
    upcoming = next((item for item in items if item.status == PickingItemStatus.PENDING), None) if row.status == PickingStatus.IN_PROGRESS else None
    context = {
        "named": named,
        "picture": picture_of_walk(row.warehouse_id, items, PHONE, walking=row.is_open, closely=not whole),
        "whole": whole,
        "next": upcoming and upcoming.location,
        "done": sum(item.status != PickingItemStatus.PENDING for item in items),
        "total": len(items),
    }
    return show(request, "floor/pick_map.html", context | {name: reverse(url, args=[row.pk]) for name, url in names.items()})
