"""`/stock-sync/pending` and `/stock-sync/operations`: what marketplaces are owed, and what was done about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from stocksync.api.names import OPERATION_ID, operation_id
from stocksync.enums import OperationStatus, OperationType
from stocksync.models import Channel, ChannelOrder, ChannelOrderLine, PendingStockOperation, StockSynchronizationLog
from stocksync.services.operations import cancel_operation, retry_operation
from stocksync.services.reversals import rollback_operation
from warehouse.core.api.filters import MomentFilter, NamedRowFilter
from warehouse.core.api.inputs import Nothing, Reason
from warehouse.core.api.versions import etag, expected_version
from warehouse.outbox.http import Endpoints


class ChannelOrderLineOut(serializers.ModelSerializer):
    class Meta:
        model = ChannelOrderLine
        fields = ("sku", "quantity", "offer_id", "name", "product")


class OperationOut(serializers.ModelSerializer):
    channel = serializers.CharField(source="channel.code")
    order = serializers.IntegerField(source="order_id", help_text="Its id at /stock-sync/orders.")
    order_id = serializers.CharField(source="order.external_id", help_text="The marketplace's id.")
    warehouse = serializers.CharField(source="channel.warehouse.code")
    lines = ChannelOrderLineOut(source="order.lines", many=True)
    next_retry_at = serializers.SerializerMethodField(help_text="Null when it does not wait for another try.")

    class Meta:
        model = PendingStockOperation
        fields = (
            "id", "channel", "order", "order_id", "operation_type", "status", "revision", "wanted_there", "warehouse", "lines", "retry_count", "max_retries",
            "attempts", "next_retry_at", "failing_since", "error_message", "created_at", "updated_at", "completed_at", "version",
        )  # fmt: skip

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_retry_at(self, row: PendingStockOperation) -> datetime | None:
        return row.next_retry_at if row.status == OperationStatus.PENDING else None


class LogRowOut(serializers.ModelSerializer):
    class Meta:
        model = StockSynchronizationLog
        fields = ("id", "action", "status", "details", "performed_by", "timestamp", "execution_time_ms")


class OperationFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=OperationStatus.choices)
    kind = django_filters.MultipleChoiceFilter(field_name="operation_type", choices=OperationType.choices)
    channel = NamedRowFilter(Channel, "code", "channel")
    order = NamedRowFilter(ChannelOrder, "external_id", "order")
    created_from = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_to = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = PendingStockOperation
        fields: list[str] = []


LINES = Prefetch("order__lines", queryset=ChannelOrderLine.objects.order_by("pk"))
OPERATIONS = PendingStockOperation.objects.select_related("order", "channel__warehouse").prefetch_related(LINES).order_by("-created_at", "-pk")


class PendingOperations(ListModelMixin, Endpoints):
    """Operations in the queue and those that were, the newest first: what a marketplace is owed, or was told."""

    rows: QuerySet[Any] = OPERATIONS
    serializer_class = OperationOut
    filterset_class = OperationFilters
    search_fields = ("external_id__exact", "lines__sku__iexact")
    search_in = ("order", ChannelOrder)
    orderings = {"created_at": "created_at", "next_retry_at": "next_retry_at"}


class Operations(RetrieveModelMixin, Endpoints):
    """One operation, and every step of it."""

    rows: QuerySet[Any] = OPERATIONS
    programs_read = False
    serializer_class = OperationOut
    filter_backends: list[Any] = []
    version_field = "version"
    lookup_value_regex = OPERATION_ID
    lists = frozenset({"log"})
    outputs = {"log": LogRowOut}

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One of them, with its ETag."""
        body = self.get_serializer(self.get_object()).data
        return Response(body, headers={"ETag": etag(body["version"])})

    @action(detail=True)
    def log(self, request: Request, pk: str) -> Response:
        """Every step of it, the oldest first."""
        operation = self.get_object()
        page = self.paginate_queryset(StockSynchronizationLog.objects.filter(operation=operation).order_by("timestamp"))
        return self.get_paginated_response(LogRowOut(page, many=True).data)


class OperationSteps(Endpoints):
    """What a person does about one operation."""

    rows: QuerySet[Any] = OPERATIONS
    programs_read = False
    serializer_class = OperationOut
    version_field = "version"
    operations = {"retry": retry_operation, "rollback": rollback_operation, "cancel": cancel_operation}
    inputs = {"retry": Nothing, "rollback": Reason}

    @action(detail=False, methods=["post"], url_path=f"retry/(?P<id>{OPERATION_ID})")
    def retry(self, request: Request, id: str) -> Response:
        """Have one that waits or failed tried again at once, from the beginning."""
        self.body()
        return self.run(operation_id(id))

    @action(detail=False, methods=["post"], url_path=f"rollback/(?P<id>{OPERATION_ID})")
    def rollback(self, request: Request, id: str) -> Response:
        """Undo a deduction: the goods come back, and the marketplace is told."""
        return self.run(operation_id(id), reason=self.body()["reason"])

    @action(detail=False, methods=["delete"], url_path=f"cancel/(?P<id>{OPERATION_ID})")
    def cancel(self, request: Request, id: str) -> Response:
        """Let the marketplace not be told; what was deducted stays deducted."""
        cancel_operation(operation_id(id), actor=self.actor, expected_version=expected_version(request))
        return Response(status=204)
