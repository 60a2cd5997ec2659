"""`/picking-tasks`: goods to be fetched from the shelves."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api.names import named_warehouse
from fulfillment.api.picking_bodies import (
    AssignIn,
    ClaimedOut,
    ClosePickingIn,
    ItemOnlyIn,
    NextItemOut,
    PickedOut,
    PickIn,
    PickingIn,
    PickingItemIn,
    PickingOut,
    PickingSummary,
    PickOtherIn,
    PriorityIn,
    ReassignIn,
    SiteIn,
)
from fulfillment.api.tasks import IsAssigned
from fulfillment.enums import SOURCE_LISTINGS, PickingStatus, Priority
from fulfillment.models import Order, PickingTask, PickingTaskItem
from fulfillment.queries.picking_tasks import next_item
from fulfillment.services import other_goods, picking_tasks, picks, priorities, reassigning, shorts, undo
from warehouse.core.api.filters import MomentFilter, TextFilter
from warehouse.core.api.inputs import Nothing, Reason


class PickingFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=PickingStatus.choices)
    warehouse = TextFilter(field_name="warehouse__code")
    warehouse_id = TextFilter(field_name="warehouse__external_id")
    worker = TextFilter(field_name="worker__username")
    order = django_filters.NumberFilter(field_name="order_id")
    order_id = TextFilter(field_name="order__external_id")
    picking_batch = django_filters.NumberFilter(field_name="picking_batch_id")
    wave = django_filters.NumberFilter(field_name="wave_id")
    priority = django_filters.ChoiceFilter(choices=Priority.choices)
    ship_by_from = MomentFilter(field_name="ship_by", lookup_expr="gte")
    ship_by_to = MomentFilter(field_name="ship_by", lookup_expr="lt")

    class Meta:
        model = PickingTask
        fields: list[str] = []


SUMMARIES = PickingTask.objects.select_related("order", "warehouse", "worker", "packing_location").order_by("-pk")
ITEMS = PickingTaskItem.objects.select_related("product", "batch", "location").order_by("sequence")


class PickingTasks(IsAssigned):
    """Walks: `pending → assigned → in_progress → completed`, or cancelled before."""

    rows: QuerySet[Any] = SUMMARIES.prefetch_related(Prefetch("items", queryset=ITEMS))
    serializer_class = PickingOut
    filterset_class = PickingFilters
    search_fields = ("number", "order__external_id", "order__order_number")
    orderings = {"created_at": "created_at", "ship_by": "ship_by", "urgency": "urgency"}
    version_field = "version"
    operations = {
        "create": picking_tasks.create_picking_task,
        "assign": picking_tasks.assign_picking_task,
        "reassign": reassigning.reassign_picking_task,
        "claim_next": picking_tasks.claim_next_picking_task,
        "start": picking_tasks.start_picking_task,
        "pick": picks.pick_item,
        "short": shorts.short_item,
        "skip": shorts.skip_item,
        "defer": picks.defer_item,
        "pick_other": other_goods.pick_other,
        "undo": undo.undo_pick,
        "priority": priorities.change_picking_priority,
        "complete": picking_tasks.complete_picking_task,
        "cancel": picking_tasks.cancel_picking_task,
    }
    inputs = {
        "create": PickingIn,
        "assign": AssignIn,
        "reassign": ReassignIn,
        "claim_next": SiteIn,
        "start": Nothing,
        "pick": PickIn,
        "short": PickingItemIn,
        "skip": PickingItemIn,
        "defer": ItemOnlyIn,
        "pick_other": PickOtherIn,
        "undo": Nothing,
        "priority": PriorityIn,
        "complete": ClosePickingIn,
        "cancel": Reason,
    }
    outputs = {
        "list": PickingSummary,
        "by_order": PickingOut(many=True),
        "next_item": NextItemOut,
        "claim_next": ClaimedOut,
        "pick": PickedOut,
        "short": PickedOut,
        "skip": PickedOut,
        "defer": PickedOut,
        "pick_other": PickedOut,
        "undo": PickedOut,
    }
    parameters = {"by_order": [OpenApiParameter("source", str, description=f"Whose id it is; default {SOURCE_LISTINGS}.")]}

    def get_queryset(self) -> QuerySet[Any]:
        return SUMMARIES.all() if self.action == "list" else self.rows.all()

    def get_serializer_class(self) -> Any:
        return PickingSummary if self.action == "list" else PickingOut

    def create(self, request: Request) -> Response:
        """Send for more of an order from one warehouse by hand; orders that come in get their tasks by themselves."""
        body = self.body()
        order = Order.objects.filter(source=body["source"], external_id=body["order_id"]).first()
        if order is None:
            raise NotFound(f"There is no order {body['source']}:{body['order_id']}.")
        return self.run(order.pk, named_warehouse(body), body["items"], priority=body.get("priority", ""))

    @extend_schema(operation_id="get_picking_tasks_by_order")
    @action(detail=False, url_path="by-order/(?P<order_id>[^/]{1,80})", pagination_class=None, filter_backends=[])
    def by_order(self, request: Request, order_id: str) -> Response:
        """The tasks of an order, by the order system's id."""
        if "\0" in order_id + request.query_params.get("source", ""):
            raise NotFound
        tasks = self.rows.filter(order__source=request.query_params.get("source", SOURCE_LISTINGS), order__external_id=order_id)
        return Response(PickingOut(tasks.order_by("pk"), many=True).data)

    @action(detail=False, methods=["post"], url_path="claim-next")
    def claim_next(self, request: Request) -> Response:
        """The task that the caller should do now: the one at hand, else the best pending one, assigned."""
        return self.run(named_warehouse(self.body()), render=lambda task: {"task": task and self.show(task)})

    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Begin to walk."""
        self.body()
        return self.run(int(pk))

    @extend_schema(operation_id="get_next_picking_item")
    @action(detail=True, url_path="next-item")
    def next_item(self, request: Request, pk: str) -> Response:
        """The next stop of the walk."""
        item = next_item(self.get_object().pk)
        return Response(NextItemOut({"item": item}).data)

    @extend_schema(
        examples=[
            OpenApiExample(
                "Two cartons", {"item": 1, "quantity": "2", "location_scan": "A-01-1", "product_scan": "(01)04006381333931(10)L7"}, request_only=True
            )
        ]
    )
    @action(detail=True, methods=["post"])
    def pick(self, request: Request, pk: str) -> Response:
        """Take goods of an item from the shelf to the bench; both scans are checked."""
        body = self.body()
        return self.run(self._item(pk, body), body.pop("quantity"), render=self._show_item, **body)

    @action(detail=True, methods=["post"])
    def short(self, request: Request, pk: str) -> Response:
        """There is less on the shelf than the item asks for: other goods are promised where there are some, as further items of the task."""
        body = self.body()
        return self.run(self._item(pk, body), render=self._show_item, **body)

    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: str) -> Response:
        """It will not be picked at all."""
        body = self.body()
        return self.run(self._item(pk, body), render=self._show_item, **body)

    @action(detail=True, methods=["post"])
    def defer(self, request: Request, pk: str) -> Response:
        """Put an item off to the end of the walk."""
        return self.run(self._item(pk, self.body()), render=self._show_item)

    @action(detail=True, methods=["post"], url_path="pick-other")
    def pick_other(self, request: Request, pk: str) -> Response:
        """Take other goods than the item asks for: another lot, or another place. The promise moves to them, and the reason is kept."""
        body = self.body()
        return self.run(self._item(pk, body), body.pop("quantity"), render=self._show_item, **body)

    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Take back the last scan: its goods go back to the shelf they came from, and are to be picked again."""
        self.body()
        return self.run(int(pk), render=lambda pick: self._show_item(pick.item))

    @action(detail=True, methods=["post"])
    def priority(self, request: Request, pk: str) -> Response:
        """Say how urgent it is, and with it all open work for its order."""
        return self.run(int(pk), self.body()["priority"])

    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Close it; what was picked goes to a packing task, or first to a quality check."""
        return self.run(int(pk), **self.body())

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop it."""
        return self.run(int(pk), self.body()["reason"])

    def _item(self, pk: str, body: dict[str, Any]) -> int:
        """The item that the body names, which must be of this task."""
        item = body.pop("item")
        if not PickingTaskItem.objects.filter(pk=item, task=int(pk)).exists():
            raise NotFound(f"Task {pk} has no item {item}.")
        return int(item)

    def _show_item(self, item: PickingTaskItem) -> Any:
        row = ITEMS.select_related("task", "product", "batch", "location").get(pk=item.pk)
        task = row.task
        return PickedOut(
            {
                "item": row,
                "next_item": next_item(task.pk),
                "picked_items": task.picked_items,
                "total_items": task.total_items,
                "version": task.version,
            }
        ).data
