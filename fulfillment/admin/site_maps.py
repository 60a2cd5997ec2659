"""Maps of the warehouses, and of the way of somebody who picks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from fulfillment.maps import DESK, MapPicture, draw_map, picture_of_walk
from fulfillment.models import PickingBatch, PickingTask, PickingTaskItem, WalkSettings
from fulfillment.queries.picking_batches import remaining_stops, stops_done
from fulfillment.queries.site_layout import layout_of
from inventory import orchestrator
from warehouse.core.access import may
from warehouse.core.admin import actor_of


def site_map_view(request: HttpRequest) -> HttpResponse:
    """The map of a warehouse (`?warehouse=`, else the first one), and how to come to those of the others."""
    if not may(actor_of(request), "view", WalkSettings._meta.label_lower):
        raise PermissionDenied
    sites = orchestrator.active_warehouses()
    asked = request.GET.get("warehouse", "")
    chosen = next((site for site in sites if str(site.pk) == asked), None) if asked else next(iter(sites), None)
    if asked and chosen is None:
        raise Http404(f"There is no active warehouse {asked[:20]}.")
    context: dict[str, Any] = {"sites": sites, "chosen": chosen}
    if chosen is not None:
        site = layout_of(chosen.pk)
        context |= {"picture": draw_map(site, DESK), "settings": site.settings, "settings_url": _settings_url(site.settings)}
    return _page(request, f"Map of {chosen}" if chosen else "Map", context)


def walk_map(request: HttpRequest, row: Any, warehouse_id: int, items: Sequence[PickingTaskItem], *, walking: bool, back: str) -> HttpResponse:
    """The page of a walk on the map: of a picking task, or of several tasks that one person picks. `items` in walking order, with product and location."""
    picture: MapPicture = picture_of_walk(warehouse_id, items, DESK, walking=walking)
    return _page(request, f"The walk of {row}", {"row": row, "picture": picture, "stops": items, "back": back, "opts": row._meta})


def walk_of_task(request: HttpRequest, task: PickingTask) -> HttpResponse:
    """The page of a picking task's walk."""
    items = list(task.items.select_related("product", "location").order_by("sequence"))
    back = reverse("admin:fulfillment_pickingtask_change", args=[task.pk])
    return walk_map(request, task, task.warehouse_id, items, walking=task.is_open, back=back)


def walk_of_batch(request: HttpRequest, batch: PickingBatch) -> HttpResponse:
    """The page of a walk for several orders."""
    stops = [*stops_done(batch.pk).select_related("product", "location"), *remaining_stops(batch.pk).select_related("product", "location")]
    back = reverse("admin:fulfillment_pickingbatch_change", args=[batch.pk])
    return walk_map(request, batch, batch.warehouse_id, stops, walking=batch.is_open, back=back)


def _settings_url(settings: WalkSettings) -> str:
    return reverse("admin:fulfillment_walksettings_change", args=[settings.pk]) if settings.pk else reverse("admin:fulfillment_walksettings_add")


def _page(request: HttpRequest, title: str, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(request, "admin/site_map.html", {**admin.site.each_context(request), "title": title, **context})
