"""The progress of an order as a page: its walks stop by stop, checks, packages, shipments, and what happened to it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action

from fulfillment.admin.base import due
from fulfillment.admin.live import BUSY_SECONDS, QUIET_SECONDS, live_context, spent
from fulfillment.enums import OPEN_ORDERS
from fulfillment.queries.order_progress import Progress, Walk, order_progress
from warehouse.core.admin import plain
from warehouse.core.admin_steps import StepsAdmin


class ProgressPage(StepsAdmin):
    """Gives the order's page a button that leads to its progress."""

    prints: ClassVar[list[str]] = ["progress"]

    @action(description="Progress", url_path="progress", icon="sensors")
    def progress(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The page, or with `part` only what changes on it."""
        order = self.get_object(request, object_id)
        if order is None or not self.has_view_permission(request, order):
            raise Http404
        context = progress_context(order_progress(order))
        if "part" in request.GET:
            return TemplateResponse(request, "admin/live/order_part.html", context, headers={"Cache-Control": "no-store"})
        page = {
            **self.admin_site.each_context(request),
            **context,
            **live_context(request, "?part"),
            "title": f"Progress of {order}",
            "opts": self.opts,
            "back": self._url_of(order),
        }
        return TemplateResponse(request, "admin/live/order.html", page)


def progress_context(progress: Progress) -> dict[str, Any]:
    """The progress in the words of the page."""
    order = progress.order
    return {
        "progress": progress,
        "order": order,
        "due": due(order.ship_by, closed=order.status not in OPEN_ORDERS),
        "stages": _stages(progress),
        "walks": [_walk(walk) for walk in progress.walks],
        "packing": [
            {"task": task, "percent": 100 * task.packed_items // task.total_items if task.total_items else 0, "packages": list(task.packages.all())}
            for task in progress.packing
        ],
        "now": timezone.localtime(),
        "again": BUSY_SECONDS if progress.is_moving else QUIET_SECONDS,
    }


def _stages(progress: Progress) -> list[dict[str, Any]]:
    """The way of an order from left to right, and how far it has come on it."""
    names = ["accepted", "picking", "packing", "ready_for_shipment", "shipped"]
    labels = ["Accepted", "Picking", "Packing", "Ready", "Shipped"]
    at = names.index(progress.order.status) if progress.order.status in names else -1
    return [{"label": label, "state": "done" if n < at or at == len(names) - 1 else "now" if n == at else "next"} for n, label in enumerate(labels)]


def _walk(walk: Walk) -> dict[str, Any]:
    now = timezone.now()
    return {
        "walk": walk,
        "task": walk.task,
        "link": reverse("admin:fulfillment_pickingtask_change", args=[walk.task.pk]),
        "stops": [
            {
                "stop": stop,
                "item": stop.item,
                "quantity": f"{plain(stop.item.quantity_picked)} / {plain(stop.item.quantity_required)} {stop.item.product.base_unit}",
            }
            for stop in walk.stops
        ],
        "last": spent((now - walk.last_at).total_seconds()) if walk.last_at else "",
    }
