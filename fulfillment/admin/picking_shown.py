"""What the pages of picking tasks, picking batches and waves show alike."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from fulfillment.admin.base import due
from fulfillment.enums import PickingStatus
from fulfillment.models import PickingBatch, PickingTask
from fulfillment.services.totes import tote_label
from warehouse.core.admin import ReadOnlyInline


class PickingTaskInline(ReadOnlyInline):
    """The tasks of a batch or wave, fifty to a page. In a table Unfold draws no labels, so states and priorities are plain words."""

    model = PickingTask
    readonly_fields = ["task", "state", "left", "position", "where", "progress"]
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[PickingTask]:
        return super().get_queryset(request).select_related("order", "worker", "picking_batch")

    @display(description="task")
    def task(self, row: PickingTask) -> SafeString:
        return format_html('<a class="text-link" href="{}">{}</a>', reverse("admin:fulfillment_pickingtask_change", args=[row.pk]), row.number)

    @display(description="status")
    def state(self, row: PickingTask) -> str:
        if row.status == PickingStatus.PENDING and row.wave_id is not None:
            return "not released" if row.released_at is None else "released"
        return row.get_status_display()

    @display(description="to ship")
    def left(self, row: PickingTask) -> str:
        return due(row.ship_by, closed=not row.is_open)

    @display(description="position")
    def position(self, row: PickingTask) -> str:
        return tote_label(row) if row.tote else ""

    @display(description="picked in")
    def where(self, row: PickingTask) -> str:
        return f"{row.picking_batch}, {tote_label(row)}" if row.picking_batch else ""

    @display(description="items done")
    def progress(self, row: PickingTask) -> str:
        return f"{row.picked_items} of {row.total_items}"


def walk_told(row: PickingTask | PickingBatch) -> str:
    """How its way was planned, how long it is, and how much longer than the shortest. Empty before somebody begins to walk."""
    if not row.route_method:
        return ""
    if row.route_length is None:
        return f"{row.get_route_method_display()}; no length: one of its places is not on the map, or lies impossibly far away"
    longer = f", {row.route_gap:.1%} longer than the shortest ({row.shortest_length} m)" if row.route_gap else ""
    return f"{row.get_route_method_display()}: {row.route_length} m{longer}"
