"""From the list of picking tasks to walks: choose tasks, say how they are put together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminSelectWidget

from fulfillment.enums import BatchingMethod, PickingStatus
from fulfillment.models import PickingBatch, PickingTask
from fulfillment.queries.picking_tasks import let_go
from fulfillment.queries.ranks import BY_URGENCY
from fulfillment.services.picking_batches import create_picking_batch, make_picking_batches
from warehouse.core.actor import Actor
from warehouse.core.admin import RoleAdmin, actor_of
from warehouse.core.admin_steps import readable
from warehouse.core.errors import DomainError

TOGETHER = "together"
METHODS = [("", "as the warehouse's walk settings say"), *BatchingMethod.choices, (TOGETHER, "all in one walk, as I have chosen them")]


class PlanForm(forms.Form):
    method = forms.ChoiceField(
        label="Put together by", choices=METHODS, required=False, widget=UnfoldAdminSelectWidget(), help_text="Each walk takes what a cart takes."
    )


class PlansBatches(RoleAdmin):
    """A list of picking tasks that can be put into batches, by its action `plan_batches`."""

    def has_plan_batches_permission(self, request: HttpRequest) -> bool:
        return make_picking_batches.allowed(actor_of(request))

    @admin.action(description="Put into batches", permissions=["plan_batches"])
    def plan_batches(self, request: HttpRequest, queryset: QuerySet[PickingTask]) -> HttpResponse | None:
        """Ask first how; each warehouse's tasks make walks of their own, all of them or none."""
        tasks = list(queryset.select_related("order", "warehouse").order_by("warehouse", *BY_URGENCY))
        ready = _ready(tasks)
        form = PlanForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid() or not ready:
            left_out = [task for task in tasks if task not in ready]
            words = {"title": "Put into batches", "opts": self.opts, "ready": ready, "left_out": left_out, "form": form}
            return TemplateResponse(request, "admin/plan_batches.html", {**self.admin_site.each_context(request), **words})
        made: list[PickingBatch] = []
        for warehouse_id, ids in _by_warehouse(ready).items():
            try:
                made += _plan(warehouse_id, ids, form.cleaned_data["method"], actor_of(request))
            except DomainError as error:
                messages.error(request, " ".join([error.detail, *readable(error)]))
        if not made:
            return None
        messages.success(request, f"{len(made)} batches: {', '.join(batch.number for batch in made)}.")
        return HttpResponseRedirect(reverse(f"{self.admin_site.name}:fulfillment_pickingbatch_changelist"))


def _plan(warehouse_id: int, ids: Sequence[int], method: str, actor: Actor) -> list[PickingBatch]:
    if method == TOGETHER:
        return [create_picking_batch(warehouse_id, ids, actor=actor)]
    return make_picking_batches(warehouse_id, ids, method=method, actor=actor)


def _ready(tasks: Sequence[PickingTask]) -> list[PickingTask]:
    """Those that can be put into a batch now; the operation judges again."""
    released: set[int] = set()
    for warehouse_id, ids in _by_warehouse(tasks).items():
        free = Q(pk__in=ids, status=PickingStatus.PENDING, picking_batch=None)
        released |= set(PickingTask.objects.filter(let_go(warehouse_id), free).values_list("pk", flat=True))
    return [task for task in tasks if task.pk in released]


def _by_warehouse(tasks: Sequence[PickingTask]) -> dict[int, list[int]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for task in tasks:
        found[task.warehouse_id].append(task.pk)
    return dict(found)
