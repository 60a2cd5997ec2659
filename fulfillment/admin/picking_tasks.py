"""Picking tasks: who walks, how far it is, and what a manager may do about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from fulfillment.admin.batch_plans import PlansBatches
from fulfillment.admin.picking_shown import walk_told
from fulfillment.admin.priority import PriorityForm
from fulfillment.admin.site_maps import walk_of_task
from fulfillment.admin.tasks import TaskAdmin
from fulfillment.admin.workers import WorkerForm, hand_on_step
from fulfillment.enums import OPEN_PICKING, PickingItemStatus
from fulfillment.models import Pick, PickingTask, PickingTaskItem
from fulfillment.queries.picking_tasks import progress_of
from fulfillment.services.picking_tasks import assign_picking_task, cancel_picking_task, complete_picking_task, start_picking_task
from fulfillment.services.priorities import change_picking_priority
from fulfillment.services.reassigning import reassign_picking_task
from fulfillment.services.totes import tote_label
from fulfillment.services.undo import undo_pick
from warehouse.core import code128
from warehouse.core.actor import Actor, Role
from warehouse.core.admin import ReadOnlyInline, pairs, plain
from warehouse.core.admin_steps import ReasonForm, Step, can

# The newest scans that a page shows.
SCANS = 20


class PickerForm(WorkerForm):
    role = Role.PICKER


class AssignForm(PickerForm):
    """Managers choose a picker, a picker oneself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.actor.may(frozenset()):
            field: Any = self.fields["worker_id"]
            field.choices = [choice for choice in field.choices if choice[0] == self.actor.user_id]


class CloseShortForm(ReasonForm):
    def tells(self) -> list[str]:
        """What is given up, place by place."""
        left = self.row.items.filter(status=PickingItemStatus.PENDING).select_related("product", "location").order_by("sequence")
        return [f"{item.location.code}: {plain(item.remaining)} of {item.product.sku} are not picked" for item in left]


def close_short(row: PickingTask, arguments: dict[str, Any], actor: Actor, version: int) -> PickingTask:
    return complete_picking_task(row.pk, short_rest=True, **arguments, actor=actor, expected_version=version)


def is_open(row: PickingTask) -> bool:
    return row.is_open


class PickingItemInline(ReadOnlyInline):
    model = PickingTaskItem
    fields = ["sequence", "location", "product", "batch", "required", "picked", "status", "picked_at", "deferred_at", "notes"]
    readonly_fields = ["required", "picked", "status"]
    verbose_name_plural = "the walk"

    def get_queryset(self, request: HttpRequest) -> QuerySet[PickingTaskItem]:
        return super().get_queryset(request).select_related("product", "batch", "location", "task")

    @display(description="required")
    def required(self, row: PickingTaskItem) -> str:
        return plain(row.quantity_required)

    @display(description="picked")
    def picked(self, row: PickingTaskItem) -> str:
        return plain(row.quantity_picked)


@admin.register(PickingTask)
class PickingTaskAdmin(PlansBatches, TaskAdmin):
    number_prefix = PickingTask.number_prefix
    open_states = frozenset(OPEN_PICKING)
    list_display = ["number", "of_order", "site", "state", "urgent", "worker", "progress", "left", "created_at"]
    actions = ["plan_batches"]  # type: ignore[assignment]
    inlines = [PickingItemInline]
    readonly_fields = ["status", "progress", "how_far", "walk", "position", "scans"]
    prints = ["pick_list", "map"]
    steps = [
        Step("assign", "Assign", assign_picking_task, can("assign"), form=AssignForm, icon="person_add"),
        Step("start", "Start", start_picking_task, can("start"), description="The worker begins to walk.", icon="play_arrow"),
        Step(
            "complete",
            "Complete",
            complete_picking_task,
            can("complete"),
            description="Every item is picked, short or skipped; what was picked goes to packing.",
            icon="check",
            variant=ActionVariant.PRIMARY,
        ),
        Step(
            "close_short",
            "Close short",
            complete_picking_task,
            can("complete"),
            description="What was picked goes to packing; what is left is released and not looked for elsewhere. The order needs attention.",
            form=CloseShortForm,
            call=close_short,
            icon="playlist_remove",
        ),
        Step(
            "undo",
            "Undo last scan",
            undo_pick,
            can("complete"),
            description="The goods of the last scan go back to the shelf they came from, and are to be picked again.",
            icon="undo",
        ),
        hand_on_step(reassign_picking_task, PickerForm),
        Step(
            "priority",
            "Priority",
            change_picking_priority,
            is_open,
            description="How urgent it is, and with it all open work for its order.",
            form=PriorityForm,
            icon="priority_high",
        ),
        Step(
            "cancel",
            "Cancel task",
            cancel_picking_task,
            can("cancel"),
            description="What is promised is released; what was picked is put back.",
            form=ReasonForm,
            icon="close",
            variant=ActionVariant.DANGER,
        ),
    ]

    @action(description="Pick list", url_path="pick-list", icon="print", attrs={"target": "_blank"})
    def pick_list(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The walk on paper: what is still to be picked, in walking order."""
        task = self.get_object(request, object_id)
        if task is None or not self.has_view_permission(request, task):
            raise Http404
        stops = task.items.filter(status=PickingItemStatus.PENDING).select_related("product", "batch", "location").order_by("sequence")
        for stop in stops:
            stop.left = plain(stop.remaining)
        return render(request, "documents/picking_tasks/pick_list.html", {"task": task, "stops": stops, "barcode": code128.svg(task.number)})

    @action(description="Map", url_path="map", icon="map")
    def map(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The walk on the map of its warehouse."""
        task = self.get_object(request, object_id)
        if task is None or not self.has_view_permission(request, task):
            raise Http404
        return walk_of_task(request, task)

    def get_fieldsets(self, request: HttpRequest, obj: PickingTask | None = None) -> list[Any]:
        fields = ["number", "order", "warehouse", "status", "worker", "how_far", "priority", "ship_by", "packing_location", "created_at"]
        fields += ["walk"] if obj and obj.route_method else []
        names = (
            "wave",
            "released_at",
            "picking_batch",
            "position",
            "tote_code",
            "started_at",
            "completed_at",
            "cancelled_at",
            "cancellation_reason",
            "notes",
        )
        later = [name for name in names if obj and getattr(obj, "tote" if name == "position" else name)]
        return [(None, {"fields": [*pairs([*fields, *later]), *(["scans"] if obj and obj.started_at else [])]})]

    @display(description="items done")
    def progress(self, row: PickingTask) -> str:
        return f"{row.picked_items} of {row.total_items}"

    @display(description="items done")
    def how_far(self, row: PickingTask) -> str:
        far = progress_of(row.items.select_related("location").order_by("sequence"))
        zones = ", ".join(f"{zone.zone or 'no zone'} {zone.items}" for zone in far.zones)
        return f"{far.done} of {far.items}, {far.percent} %" + (f"; still to walk: {zones}" if zones else "")

    @display(description="walk")
    def walk(self, row: PickingTask) -> str:
        return walk_told(row)

    @display(description="position on the cart")
    def position(self, row: PickingTask) -> str:
        return tote_label(row)

    @display(description="last scans")
    def scans(self, row: PickingTask) -> SafeString | str:
        newest = Pick.objects.filter(item__task=row).select_related("item__product", "picked_by").order_by("-pk")[:SCANS]
        told = [(_when(pick.picked_at), plain(pick.quantity), pick.item.product.sku, pick.picked_by or "", _undone(pick)) for pick in newest]
        return format_html_join(mark_safe("<br>"), "{} · {} × {} · {}{}", told) or "none"


def _when(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "j M H:i:s")


def _undone(pick: Pick) -> str:
    return f" · undone at {_when(pick.undone_at)}" if pick.undone_at else ""
