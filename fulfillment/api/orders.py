"""`/orders`: confirmed orders come in, and how they fare."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api.order_progress import OrderProgressOut, WithProgress
from fulfillment.api.picking_bodies import PriorityIn
from fulfillment.enums import SOURCE_LISTINGS, OrderStatus, Priority
from fulfillment.models import MissingGoods, Order, OrderLine, PackingTask, PickingTask, Shipment
from fulfillment.services.missing import accept_missing
from fulfillment.services.order_changes import change_order_lines
from fulfillment.services.orders import process_order_cancelled, process_order_confirmed, retry_order
from fulfillment.services.priorities import change_priority
from fulfillment.services.status_reports import report_order_status
from warehouse.core.api.filters import MomentFilter, TextFilter
from warehouse.core.api.inputs import CodeField, Input, MomentField, Nothing, QuantityField, Reason
from warehouse.core.errors import ValidationFailed
from warehouse.core.order_events import RESERVED_SOURCES, TAKEN_SOURCES
from warehouse.outbox.http import ReadEndpoints


class OrderLineOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")
    warehouse = serializers.CharField(source="warehouse.code", default=None, allow_null=True)

    class Meta:
        model = OrderLine
        fields = ("id", "product", "sku", "listing_id", "quantity", "warehouse", "min_remaining_days")


class PickingOfOrder(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")

    class Meta:
        model = PickingTask
        fields = ("id", "number", "status", "warehouse", "total_items", "picked_items")


class PackingOfOrder(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")

    class Meta:
        model = PackingTask
        fields = ("id", "number", "status", "warehouse", "tracking_number", "label_url")


class ShipmentOfOrder(serializers.ModelSerializer):
    class Meta:
        model = Shipment
        fields = ("id", "number", "status", "packing_task", "package", "tracking_number", "label_url")


class MissingOfOrder(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")

    class Meta:
        model = MissingGoods
        fields = ("product", "sku", "quantity", "noted_at", "accepted", "accepted_at", "reason")


class OrderSummary(serializers.ModelSerializer):
    order_id = serializers.CharField(source="external_id")
    storefront_id = serializers.CharField(source="storefront_external_id")
    provider = serializers.CharField(source="provider.code", default=None, allow_null=True)
    shortages = serializers.ListField(child=serializers.DictField(), help_text="Why it was rejected: every short line.")

    class Meta:
        model = Order
        fields = (
            "id", "source", "order_id", "order_number", "order_ref", "storefront_id", "status", "priority", "ship_by", "provider", "retry_when_stocked",
            "shortages", "cancellation_reason", "cancelled_at", "shipped_at", "created_at", "updated_at", "version",
        )  # fmt: skip
        read_only_fields = ("order_ref",)


class OrderOut(OrderSummary):
    lines = OrderLineOut(many=True)
    missing = MissingOfOrder(many=True, help_text="What it goes without: it needs attention until all of that is accepted, or on a picking task.")
    picking_tasks = PickingOfOrder(many=True)
    packing_tasks = PackingOfOrder(many=True)
    shipments = ShipmentOfOrder(many=True)

    class Meta(OrderSummary.Meta):
        fields = (*OrderSummary.Meta.fields, "lines", "missing", "picking_tasks", "packing_tasks", "shipments")  # type: ignore[assignment]


class OrderLineIn(Input):
    """A line names its goods by listing or SKU, and may name a warehouse."""

    listing_id = CodeField(required=False)
    sku = CodeField(required=False)
    quantity = QuantityField()
    warehouse_id = CodeField(required=False, help_text="The partners' id; without any warehouse it is chosen.")
    warehouse = CodeField(required=False, max_length=40, help_text="Instead of the id: our code.")
    min_remaining_days = serializers.IntegerField(
        required=False, min_value=0, max_value=3650, help_text="If the customer wants more than the product."
    )


class OrderIn(Input):
    order_id = serializers.CharField(max_length=80, help_text="The order system's id; with the source it is taken in once.")
    source = serializers.CharField(max_length=30, default=SOURCE_LISTINGS)  # type: ignore[assignment]
    storefront_id = CodeField(required=False, allow_blank=True)
    order_number = serializers.CharField(max_length=80, required=False, allow_blank=True)
    priority = serializers.ChoiceField(choices=Priority.choices, required=False)
    ship_by = MomentField(required=False, allow_null=True)
    retry_when_stocked = serializers.BooleanField(required=False, help_text="Try again when stock arrives, should it be rejected.")
    provider = CodeField(required=False, max_length=40, allow_blank=True, help_text="The carrier's code; default: the default carrier.")
    reservation_ref = serializers.CharField(
        max_length=120, required=False, allow_blank=True, help_text="The order_ref of a checkout's reservation to adopt."
    )
    items = OrderLineIn(many=True, allow_empty=False)


class OrderLinesIn(Input):
    order_id = serializers.CharField(max_length=80)
    source = serializers.CharField(max_length=30, default=SOURCE_LISTINGS)  # type: ignore[assignment]
    items = OrderLineIn(many=True, allow_empty=False, help_text="All lines that it is to have.")


class OrderKeyReason(Input):
    order_id = serializers.CharField(max_length=80)
    source = serializers.CharField(max_length=30, default=SOURCE_LISTINGS)  # type: ignore[assignment]
    reason = serializers.CharField(max_length=200)


class OrderFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=OrderStatus.choices)
    source = TextFilter()
    order_id = TextFilter(field_name="external_id")
    order_number = TextFilter(lookup_expr="iexact", help_text="The whole number; case does not count.")
    storefront_id = TextFilter(field_name="storefront_external_id")
    priority = django_filters.ChoiceFilter(choices=Priority.choices)
    ship_by_from = MomentFilter(field_name="ship_by", lookup_expr="gte")
    ship_by_to = MomentFilter(field_name="ship_by", lookup_expr="lt")
    created_from = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_to = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Order
        fields: list[str] = []


SUMMARIES = Order.objects.select_related("provider").order_by("-pk")
EXAMPLE = {
    "order_id": "10234",
    "storefront_id": "1",
    "priority": "normal",
    "items": [{"listing_id": "100", "quantity": "2", "warehouse_id": "1"}, {"sku": "MILK-1L", "quantity": "3"}],
}


class Orders(WithProgress, ReadEndpoints):
    """Orders of other systems, as far as the warehouse needs to know them."""

    rows: QuerySet[Any] = SUMMARIES.prefetch_related(
        Prefetch("lines", queryset=OrderLine.objects.select_related("product", "warehouse").order_by("pk")),
        Prefetch("missing", queryset=MissingGoods.objects.select_related("product").order_by("product_id")),  # as the order system is told
        Prefetch("picking_tasks", queryset=PickingTask.objects.select_related("warehouse").order_by("pk")),
        Prefetch("packing_tasks", queryset=PackingTask.objects.select_related("warehouse").order_by("pk")),
        Prefetch("shipments", queryset=Shipment.objects.order_by("pk")),
    )
    serializer_class = OrderOut
    filterset_class = OrderFilters
    search_fields = ("external_id__exact", "=order_number")
    orderings = {"created_at": "created_at", "ship_by": "ship_by"}
    version_field = "version"
    operations = {
        "create": process_order_confirmed,
        "change": change_order_lines,
        "retry": retry_order,
        "cancel": process_order_cancelled,
        "cancel_by_key": process_order_cancelled,
        "report_status": report_order_status,
        "priority": change_priority,
        "accept_missing": accept_missing,
    }
    inputs = {
        "create": OrderIn,
        "change": OrderLinesIn,
        "retry": Nothing,
        "cancel": Reason,
        "cancel_by_key": OrderKeyReason,
        "report_status": Nothing,
        "priority": PriorityIn,
        "accept_missing": Reason,
    }
    outputs = {"list": OrderSummary, "progress": OrderProgressOut}

    def get_queryset(self) -> QuerySet[Any]:
        return SUMMARIES.all() if self.action in ("list", "progress") else self.rows.all()

    def get_serializer_class(self) -> Any:
        return OrderSummary if self.action == "list" else OrderOut

    @extend_schema(examples=[OpenApiExample("Two lines", EXAMPLE, request_only=True)])
    def create(self, request: Request) -> Response:
        """Take in a confirmed order: everything is promised and picking tasks are made, or it is kept as `rejected` with every shortage."""
        body = self.body()
        source = body.pop("source")
        if source not in RESERVED_SOURCES and any(is_taken(source) for is_taken in TAKEN_SOURCES):
            raise ValidationFailed(f"source: orders of {source!r} come by another way.", errors=[{"field": "source", "code": "reserved"}])
        return self.run(
            source,
            body.pop("order_id"),
            body.pop("items"),
            storefront_external_id=body.pop("storefront_id", ""),
            provider_code=body.pop("provider", ""),
            **body,
        )

    @action(detail=False, methods=["post"])
    def change(self, request: Request) -> Response:
        """Have an order that nobody has begun to pick ask for other lines, by the order system's id: all of them, or nothing changes."""
        body = self.body()
        return self.run(body["source"], body["order_id"], body["items"])

    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Try a rejected order again."""
        self.body()
        return self.run(int(pk))

    @action(detail=True, methods=["post"], url_path="report-status")
    def report_status(self, request: Request, pk: str) -> Response:
        """Tell the order system now what it has not been told of the order, also what it refused before."""
        self.body()
        return self.run(int(pk))

    @action(detail=True, methods=["post"])
    def priority(self, request: Request, pk: str) -> Response:
        """Say how urgent it is, and with it all its open work."""
        return self.run(int(pk), self.body()["priority"])

    @action(detail=True, methods=["post"], url_path="accept-missing")
    def accept_missing(self, request: Request, pk: str) -> Response:
        """Let it go without all that is missing of it now: once the rest has left it is shipped."""
        return self.run(int(pk), self.body()["reason"])

    @extend_schema(operation_id="cancel_order")
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Cancel it wherever it is."""
        reason = self.body()["reason"]
        order = self.get_object()
        return self.run(order.source, order.external_id, reason)

    @extend_schema(operation_id="cancel_order_by_key")
    @action(detail=False, methods=["post"], url_path="cancel")
    def cancel_by_key(self, request: Request) -> Response:
        """Cancel an order by the order system's id, even before it has come: then it will meet its cancellation."""
        body = self.body()
        return self.run(body["source"], body["order_id"], body["reason"])
