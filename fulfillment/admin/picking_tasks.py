"""Picking tasks: who walks, how far it is, and what a manager may do about it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from fulfillment.admin.base import workers_of
from fulfillment.admin.tasks import TaskAdmin
from fulfillment.enums import OPEN_PICKING, PickingItemStatus
from fulfillment.models import PickingTask, PickingTaskItem
from fulfillment.services.picking_tasks import assign_picking_task, cancel_picking_task, complete_picking_task, start_picking_task
from warehouse.core import code128
from warehouse.core.actor import Role
from warehouse.core.admin import ReadOnlyInline, pairs, plain
from warehouse.core.admin_steps import ReasonForm, Step, StepForm, can


class AssignForm(StepForm):
    """Managers choose a picker, a picker oneself."""

    worker_id = forms.TypedChoiceField(label="Worker", coerce=int, widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = workers_of(Role.PICKER)
        if not self.actor.may(frozenset()):
            choices = [choice for choice in choices if choice[0] == self.actor.user_id]
        self.fields["worker_id"].choices = choices  # type: ignore[attr-defined]


class PickingItemInline(ReadOnlyInline):
    model = PickingTaskItem
    fields = ["sequence", "location", "product", "batch", "required", "picked", "status", "picked_at", "notes"]
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
class PickingTaskAdmin(TaskAdmin):
    number_prefix = PickingTask.number_prefix
    open_states = frozenset(OPEN_PICKING)
    list_display = ["number", "order", "warehouse", "state", "urgent", "worker", "progress", "left", "created_at"]
    inlines = [PickingItemInline]
    readonly_fields = ["status", "progress"]
    prints = ["pick_list"]
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

    def get_fieldsets(self, request: HttpRequest, obj: PickingTask | None = None) -> list[Any]:
        fields = ["number", "order", "warehouse", "status", "worker", "progress", "priority", "ship_by", "packing_location", "created_at"]
        later = [name for name in ("started_at", "completed_at", "cancelled_at", "cancellation_reason", "notes") if obj and getattr(obj, name)]
        return [(None, {"fields": pairs([*fields, *later])})]

    @display(description="items done")
    def progress(self, row: PickingTask) -> str:
        return f"{row.picked_items} of {row.total_items}"
