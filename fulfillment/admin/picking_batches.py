"""Picking batches: several orders in one walk, who walks, which tote is whose."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from fulfillment.admin.base import orders_named
from fulfillment.admin.picking_shown import PickingTaskInline, walk_told
from fulfillment.admin.picking_tasks import AssignForm, PickerForm
from fulfillment.admin.site_maps import walk_of_batch
from fulfillment.admin.tasks import TaskAdmin
from fulfillment.admin.workers import hand_on_step
from fulfillment.enums import OPEN_PICKING, PickingStatus
from fulfillment.models import PickingBatch, PickingTask
from fulfillment.queries.picking_batches import batch_progress, remaining_stops
from fulfillment.services.picking_batches import (
    assign_picking_batch,
    cancel_picking_batch,
    complete_picking_batch,
    reassign_picking_batch,
    start_picking_batch,
)
from fulfillment.services.totes import tote_label
from warehouse.core import code128
from warehouse.core.admin import pairs, plain
from warehouse.core.admin_steps import ReasonForm, Step, can


class BatchTaskInline(PickingTaskInline):
    fields = ["position", "tote_code", "task", "order", "state", "priority", "left", "progress"]
    verbose_name_plural = "orders on the cart"
    ordering = ["tote", "pk"]


@admin.register(PickingBatch)
class PickingBatchAdmin(TaskAdmin):
    number_prefix = PickingBatch.number_prefix
    open_states = frozenset(OPEN_PICKING)
    list_display = ["number", "warehouse", "state", "urgent", "worker", "orders", "progress", "walk", "left", "created_at"]
    list_select_related = ["warehouse", "worker"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("warehouse", RelatedDropdownFilter),
        ("batching", ChoicesDropdownFilter),
        ("priority", ChoicesDropdownFilter),
        ("ship_by", RangeDateTimeFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    search_help_text = "A batch's or a task's number, an order's id or number, or a tote"
    inlines = [BatchTaskInline]
    readonly_fields = ["status", "orders", "progress", "walk", "together"]
    prints = ["cart_labels", "walk_list", "map"]
    steps = [
        Step("assign", "Assign", assign_picking_batch, can("assign"), form=AssignForm, icon="person_add"),
        hand_on_step(reassign_picking_batch, PickerForm),
        Step(
            "start",
            "Start",
            start_picking_batch,
            can("start"),
            description="The worker begins to walk; the route through all stops is planned.",
            icon="play_arrow",
        ),
        Step(
            "complete",
            "Complete",
            complete_picking_batch,
            can("complete"),
            description="Every item is picked, short or skipped; what was picked of each order goes to packing.",
            icon="check",
            variant=ActionVariant.PRIMARY,
        ),
        Step(
            "cancel",
            "Give up batch",
            cancel_picking_batch,
            can("cancel"),
            description="Its orders stay: what nobody has begun waits again; what lies in a tote already is finished task by task by who has it.",
            form=ReasonForm,
            icon="close",
            variant=ActionVariant.DANGER,
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PickingBatch]:
        return super().get_queryset(request).prefetch_related("tasks")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        name = term.upper()
        if name.startswith(f"{self.number_prefix}-"):
            return queryset.filter(number=name), False
        # One after the other: each is one look into an index, which an OR across them is not.
        named = (Q(number=name), Q(order__in=orders_named(term)), Q(tote_code=name))
        tasks = [PickingTask.objects.filter(each, picking_batch__isnull=False) for each in named]
        batches = {batch for rows in tasks for batch in rows.values_list("picking_batch", flat=True)}
        return queryset.filter(pk__in=batches), False

    def get_fieldsets(self, request: HttpRequest, obj: PickingBatch | None = None) -> list[Any]:
        fields = ["number", "warehouse", "status", "worker", "orders", "progress", "priority", "ship_by", "together", "created_at"]
        fields += ["walk"] if obj and obj.route_method else []
        names = ("wave", "started_at", "completed_at", "cancelled_at", "cancellation_reason", "notes")
        return [(None, {"fields": pairs([*fields, *(name for name in names if obj and getattr(obj, name))])})]

    @action(description="Cart labels", url_path="cart-labels", icon="label", attrs={"target": "_blank"})
    def cart_labels(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A label for each position of the cart; once a tote stands there its scan confirms a pick too."""
        batch = self._found(request, object_id)
        tasks = batch.tasks.exclude(status=PickingStatus.CANCELLED).select_related("order").order_by("tote")
        labels = [{"code": tote_label(task), "task": task, "barcode": code128.svg(tote_label(task))} for task in tasks]
        return render(request, "documents/picking_batches/cart_labels.html", {"batch": batch, "labels": labels})

    @action(description="Pick list", url_path="pick-list", icon="print", attrs={"target": "_blank"})
    def walk_list(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The walk on paper: what is still to be picked, in walking order, with the tote of each."""
        batch = self._found(request, object_id)
        stops = list(remaining_stops(batch.pk).select_related("product", "batch", "location", "task__order"))
        for stop in stops:
            stop.left = plain(stop.remaining)  # type: ignore[attr-defined]
        return render(request, "documents/picking_batches/pick_list.html", {"batch": batch, "stops": stops, "barcode": code128.svg(batch.number)})

    @action(description="Map", url_path="map", icon="map")
    def map(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The walk on the map of its warehouse."""
        return walk_of_batch(request, self._found(request, object_id))

    def _found(self, request: HttpRequest, object_id: str) -> PickingBatch:
        batch: PickingBatch | None = self.get_object(request, object_id)
        if batch is None or not self.has_view_permission(request, batch):
            raise Http404
        return batch

    @display(description="put together")
    def together(self, row: PickingBatch) -> str:
        return row.get_batching_display() or "by hand"

    @display(description="orders")
    def orders(self, row: PickingBatch) -> str:
        far = batch_progress(row.tasks.all())
        gone = len(row.tasks.all()) - far.tasks
        return f"{far.tasks_done} of {far.tasks} done" + (f", {gone} cancelled" if gone else "")

    @display(description="items done")
    def progress(self, row: PickingBatch) -> str:
        far = batch_progress(row.tasks.all())
        return f"{far.done} of {far.items}, {far.percent} %"

    @display(description="walk")
    def walk(self, row: PickingBatch) -> str:
        return walk_told(row)
