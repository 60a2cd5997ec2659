"""`/stock-sync/orders`: orders of marketplaces, as far as stock is concerned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from stocksync.api.discrepancies import DISCREPANCIES, DiscrepancyOut
from stocksync.api.names import named_channel, only_channel
from stocksync.api.operations import ChannelOrderLineOut
from stocksync.enums import ChannelKind, Fulfilment, OperationStatus, RemoteState
from stocksync.flows.acknowledging import attempt
from stocksync.flows.clients import client_for
from stocksync.marketplaces.allegro_rest.orders import read_order as read_checkout_form
from stocksync.marketplaces.base import ChannelClient, RemoteOrder
from stocksync.marketplaces.microservice.orders import read_order as read_microservice_order
from stocksync.models import Channel, ChannelOrder, PendingStockOperation
from stocksync.services.intake import TakenIn, take_in_order
from stocksync.services.reversals import refund
from warehouse.core.api.filters import MomentFilter, NamedRowFilter, TextFilter
from warehouse.core.api.inputs import CodeField, Input, Reason
from warehouse.core.errors import NotFound, ValidationFailed
from warehouse.core.partners.errors import ContractBroken
from warehouse.outbox.http import ReadEndpoints

ID_LENGTH = 80
READERS: Mapping[str, Callable[[dict[str, Any], str], RemoteOrder]] = {
    ChannelKind.ALLEGRO_MICROSERVICE: read_microservice_order,
    ChannelKind.ALLEGRO_REST: read_checkout_form,
}


class ChannelOrderSummary(serializers.ModelSerializer):
    channel = serializers.CharField(source="channel.code")
    order_id = serializers.CharField(source="external_id", help_text="The marketplace's id.")
    order_ref = serializers.CharField(help_text="How the ledger and the reservations name it.")
    is_deducted = serializers.BooleanField(help_text="Whether its goods are off the shelf, or promised, now.")
    lines = ChannelOrderLineOut(many=True)

    class Meta:
        model = ChannelOrder
        fields = (
            "id", "channel", "order_id", "order_ref", "revision", "status", "state", "fulfilment", "is_deducted", "lines", "ordered_at", "changed_at",
            "deducted_at", "reversal_asked_at", "reversed_at", "left_alone", "known_there", "compared_at", "created_at", "updated_at", "version",
        )  # fmt: skip


class OperationOfOrder(serializers.ModelSerializer):
    class Meta:
        model = PendingStockOperation
        fields = ("id", "operation_type", "status", "revision", "wanted_there", "retry_count", "error_message", "created_at", "completed_at")


class ChannelOrderOut(ChannelOrderSummary):
    operations = OperationOfOrder(many=True)
    discrepancies = DiscrepancyOut(many=True, help_text="Those that are open.")

    class Meta(ChannelOrderSummary.Meta):
        fields = (*ChannelOrderSummary.Meta.fields, "operations", "discrepancies")  # type: ignore[assignment]


class ProcessIn(Input):
    """Which order it is: by its id, then it is fetched; or the whole order, as the marketplace tells it, as `order` or as the body itself."""

    channel = CodeField(required=False, max_length=20, help_text="Its code. Without one: the only channel that is not off.")
    order_id = CodeField(required=False, max_length=ID_LENGTH, help_text="The marketplace's id; the order is fetched.")
    order = serializers.DictField(required=False, help_text="Instead of order_id: the order as the marketplace tells it.")

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and "lineItems" in data:
            rest = {name: value for name, value in data.items() if name != "channel"}
            data = {"order": rest} | ({"channel": data["channel"]} if "channel" in data else {})
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("order_id" in attrs) == ("order" in attrs):
            raise serializers.ValidationError({"order_id": [serializers.ErrorDetail("Send either order_id or order.", code="required")]})
        if attrs.get("order_id") in {".", ".."}:
            raise serializers.ValidationError({"order_id": [serializers.ErrorDetail("No order has this id.", code="invalid")]})
        return attrs


class ProcessedOut(serializers.Serializer):
    success = serializers.BooleanField(help_text="Whether nothing is owed to the marketplace, and nothing waits for a person.")
    operation_id = serializers.UUIDField(allow_null=True, help_text="What the marketplace is owed, or was told last.")
    error = serializers.CharField(allow_null=True, help_text="Why not yet.")
    order = ChannelOrderSummary()


class ChannelOrderFilters(django_filters.FilterSet):
    channel = NamedRowFilter(Channel, "code", "channel")
    order_id = TextFilter(field_name="external_id")
    state = django_filters.MultipleChoiceFilter(choices=RemoteState.choices)
    status = TextFilter(help_text="The marketplace's word.")
    fulfilment = django_filters.ChoiceFilter(choices=Fulfilment.choices)
    deducted = django_filters.BooleanFilter(field_name="deducted_at", lookup_expr="isnull", exclude=True)
    reversed = django_filters.BooleanFilter(field_name="reversed_at", lookup_expr="isnull", exclude=True)
    known_there = django_filters.BooleanFilter()
    left_alone = django_filters.BooleanFilter()
    ordered_from = MomentFilter(field_name="ordered_at", lookup_expr="gte")
    ordered_to = MomentFilter(field_name="ordered_at", lookup_expr="lt")

    class Meta:
        model = ChannelOrder
        fields: list[str] = []


SUMMARIES = ChannelOrder.objects.select_related("channel").prefetch_related("lines").order_by("-pk")
BY_ID = OpenApiExample("Fetched from the marketplace", {"channel": "allegro-1", "order_id": "7f3a"}, request_only=True)
WHOLE = OpenApiExample(
    "The order itself",
    {
        "id": "7f3a",
        "status": "READY_FOR_PROCESSING",
        "lineItems": [{"id": "item-1", "quantity": 1, "offer": {"id": "offer-123", "external": {"id": "MILK-1L"}}}],
    },
    request_only=True,
)


class ChannelOrders(ReadEndpoints):
    """Orders of marketplaces: whether they are deducted here, and whether the marketplace knows."""

    rows: QuerySet[Any] = SUMMARIES.prefetch_related(
        Prefetch("operations", queryset=PendingStockOperation.objects.order_by("created_at", "pk")),
        Prefetch("discrepancies", queryset=DISCREPANCIES.filter(resolved_at=None)),
    )
    programs_read = False
    serializer_class = ChannelOrderOut
    filterset_class = ChannelOrderFilters
    search_fields = ("external_id__exact",)
    orderings = {"ordered_at": "ordered_at", "changed_at": "changed_at", "deducted_at": "deducted_at"}
    version_field = "version"
    operations = {"process": take_in_order, "refund": refund}
    inputs = {"process": ProcessIn, "refund": Reason}
    outputs = {"list": ChannelOrderSummary, "process": ProcessedOut}
    described = frozenset({"process"})

    def get_queryset(self) -> QuerySet[Any]:
        return SUMMARIES.all() if self.action == "list" else self.rows.all()

    def get_serializer_class(self) -> Any:
        return ChannelOrderSummary if self.action == "list" else ChannelOrderOut

    @extend_schema(operation_id="process_marketplace_order", examples=[BY_ID, WHOLE])
    @action(detail=False, methods=["post"])
    def process(self, request: Request) -> Response:
        """Take one order in as the marketplace tells it now, deduct it, and tell the marketplace at once.

        What the marketplace does not take now it is told again later: then `success` is false, and the goods are deducted all the same. The same order again
        changes nothing and says how it stands.
        """
        body = self.body()
        channel = named_channel(body["channel"]) if "channel" in body else only_channel()
        with client_for(channel) as client:
            taken = self.run(channel.pk, _told(channel, body, client), render=_as_kept)
            if taken.data["operation_id"]:
                attempt(UUID(taken.data["operation_id"]), client)
        return Response(self._processed(taken.data["order"]))

    @extend_schema(operation_id="refund_order")
    @action(detail=True, methods=["post"])
    def refund(self, request: Request, pk: str) -> Response:
        """Undo its deduction: its goods come back, or a return awaits them, and the marketplace is told."""
        return self.run(int(pk), reason=self.body()["reason"])

    def _processed(self, order_id: int) -> dict[str, Any]:
        """How an order stands: what is owed by it, and what waits for a person."""
        order = self.rows.get(pk=order_id)
        gone = (OperationStatus.CANCELLED, OperationStatus.ROLLED_BACK)
        newest = max((row for row in order.operations.all() if row.status not in gone), key=lambda row: row.created_at, default=None)
        errors = [row.detail for row in order.discrepancies.all()]
        if newest is not None and newest.status != OperationStatus.COMPLETED:
            errors.append(newest.error_message or "The marketplace is told by a worker.")
        return {
            "success": not errors,
            "operation_id": newest and str(newest.pk),
            "error": errors[0] if errors else None,
            "order": ChannelOrderSummary(order).data,
        }


def _as_kept(taken: TakenIn) -> dict[str, Any]:
    return {"order": taken.order.pk, "operation_id": taken.operation_id and str(taken.operation_id)}


def _told(channel: Channel, body: Mapping[str, Any], client: ChannelClient) -> RemoteOrder:
    """The order that a body names or is. Raises NotFound, ValidationFailed; RetryableFailure or PermanentFailure of the marketplace."""
    if "order_id" in body:
        found = client.get_order(body["order_id"])
        if found is None:
            raise NotFound(f"{channel} knows no order {body['order_id']}.", kind="marketplace_order", id=body["order_id"])
        return found
    whole = body["order"]
    name = whole.get("id")
    if isinstance(name, bool) or not isinstance(name, (str, int)) or not 1 <= len(str(name)) <= ID_LENGTH:
        raise ValidationFailed(f"order.id: a text of 1 to {ID_LENGTH} characters.", errors=[{"field": "order.id", "code": "required"}])
    try:
        order = READERS[channel.kind](whole, str(name))
    except ContractBroken as error:
        raise _unreadable(str(error)) from None
    if order.fault:
        raise _unreadable(order.fault)
    return order


def _unreadable(fault: str) -> ValidationFailed:
    return ValidationFailed(f"order: it can't be read: {fault}.", errors=[{"field": "order", "code": "unreadable", "detail": fault}])
