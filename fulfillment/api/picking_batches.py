"""`/picking-batches`: several orders in one walk, a tote for each."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api.names import named_warehouse
from fulfillment.api.picking_batch_bodies import (
    BatchIn,
    ClaimedBatchOut,
    NextStopOut,
    PickingBatchOut,
    PickingBatchSummary,
    PlanBatchesIn,
    PlannedBatchesOut,
)
from fulfillment.api.picking_bodies import AssignIn, ReassignIn, SiteIn
from fulfillment.api.tasks import IsAssigned
from fulfillment.enums import BatchingMethod, PickingStatus, Priority
from fulfillment.models import PickingBatch, PickingTask
from fulfillment.queries.picking_batches import next_stop
from fulfillment.services import picking_batches
from warehouse.core.api.filters import MomentFilter, TextFilter
from warehouse.core.api.inputs import Nothing, Reason


class PickingBatchFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=PickingStatus.choices)
    warehouse = TextFilter(field_name="warehouse__code")
    warehouse_id = TextFilter(field_name="warehouse__external_id")
    worker = TextFilter(field_name="worker__username")
    wave = django_filters.NumberFilter(field_name="wave_id")
    batching = django_filters.ChoiceFilter(choices=BatchingMethod.choices)
    priority = django_filters.ChoiceFilter(choices=Priority.choices)
    ship_by_from = MomentFilter(field_name="ship_by", lookup_expr="gte")
    ship_by_to = MomentFilter(field_name="ship_by", lookup_expr="lt")

    class Meta:
        model = PickingBatch
        fields: list[str] = []


SUMMARIES = PickingBatch.objects.select_related("warehouse", "worker").order_by("-pk")
TASKS = PickingTask.objects.select_related("order").order_by("tote")


class PickingBatches(IsAssigned):
    """Walks for several orders: `pending → assigned → in_progress → completed`, or cancelled before. Their stops are picked by `/picking-tasks`."""

    rows: QuerySet[Any] = SUMMARIES.prefetch_related(Prefetch("tasks", queryset=TASKS))
    serializer_class = PickingBatchOut
    filterset_class = PickingBatchFilters
    search_fields = ("number",)
    orderings = {"created_at": "created_at", "ship_by": "ship_by", "urgency": "urgency"}
    version_field = "version"
    operations = {
        "create": picking_batches.create_picking_batch,
        "plan": picking_batches.make_picking_batches,
        "assign": picking_batches.assign_picking_batch,
        "reassign": picking_batches.reassign_picking_batch,
        "claim_next": picking_batches.claim_next_picking_batch,
        "start": picking_batches.start_picking_batch,
        "complete": picking_batches.complete_picking_batch,
        "cancel": picking_batches.cancel_picking_batch,
    }
    inputs = {
        "create": BatchIn,
        "plan": PlanBatchesIn,
        "assign": AssignIn,
        "reassign": ReassignIn,
        "claim_next": SiteIn,
        "start": Nothing,
        "complete": Nothing,
        "cancel": Reason,
    }
    outputs = {"list": PickingBatchSummary, "plan": PlannedBatchesOut, "claim_next": ClaimedBatchOut, "next_item": NextStopOut}
    created = {"create": 201, "plan": 201}

    def get_queryset(self) -> QuerySet[Any]:
        return SUMMARIES.all() if self.action == "list" else self.rows.all()

    def get_serializer_class(self) -> Any:
        return PickingBatchSummary if self.action == "list" else PickingBatchOut

    def create(self, request: Request) -> Response:
        """Put these picking tasks into one walk, chosen by hand; not more than the warehouse's cart takes."""
        body = self.body()
        return self.run(named_warehouse(body), body["tasks"])

    @extend_schema(
        operation_id="plan_picking_batches",
        examples=[OpenApiExample("By savings", {"warehouse_id": "1", "tasks": [11, 12, 13, 14], "method": "savings"}, request_only=True)],
    )
    @action(detail=False, methods=["post"])
    def plan(self, request: Request) -> Response:
        """Put picking tasks into walks by what saves most way, each walk as much as the warehouse's cart takes."""
        body = self.body()
        return self.run(named_warehouse(body), body["tasks"], method=body.get("method", ""), render=self._show_all)

    @action(detail=False, methods=["post"], url_path="claim-next")
    def claim_next(self, request: Request) -> Response:
        """The batch that the caller should walk now: the one at hand, else the best pending one, assigned."""
        return self.run(named_warehouse(self.body()), render=lambda batch: {"picking_batch": batch and self.show(batch)})

    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Begin to walk: the route through all its stops is planned."""
        self.body()
        return self.run(int(pk))

    @extend_schema(operation_id="get_next_picking_batch_item")
    @action(detail=True, url_path="next-item")
    def next_item(self, request: Request, pk: str) -> Response:
        """The next stop of the walk, and the tote that it goes into."""
        return Response(NextStopOut({"item": next_stop(self.get_object().pk)}).data)

    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Close it: what was picked of each order goes to packing, or first to a quality check."""
        self.body()
        return self.run(int(pk))

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Give it up: tasks of which nothing was picked wait again, the others are finished one by one."""
        return self.run(int(pk), self.body()["reason"])

    def _show_all(self, batches: list[PickingBatch]) -> Any:
        rows = self.rows.filter(pk__in=[batch.pk for batch in batches]).order_by("pk")
        return {"picking_batches": PickingBatchOut(rows, many=True, context=self.get_serializer_context()).data}
