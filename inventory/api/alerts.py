"""`/alerts`: what somebody should look at."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.enums import Severity
from inventory.models import Alert, Product, Warehouse
from inventory.queries.stock import visible_to
from warehouse.core.api.filters import NamedRowFilter, TextFilter
from warehouse.core.api.inputs import Nothing
from warehouse.outbox.http import ReadEndpoints


class AlertOut(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code", default=None, allow_null=True)
    sku = serializers.CharField(source="product.sku", default=None, allow_null=True)
    acknowledged_by = serializers.CharField(source="acknowledged_by.username", default=None, allow_null=True)
    facts = serializers.DictField(source="data", help_text="What there was, by kind.")

    class Meta:
        model = Alert
        fields = (
            "id", "kind", "subject", "severity", "message", "facts", "warehouse", "product", "sku", "first_seen_at", "last_seen_at", "count",
            "acknowledged_at", "acknowledged_by", "resolved_at",
        )  # fmt: skip


class AlertFilters(django_filters.FilterSet):
    kind = TextFilter()
    severity = django_filters.MultipleChoiceFilter(choices=Severity.choices)
    open = django_filters.BooleanFilter(field_name="resolved_at", lookup_expr="isnull")
    acknowledged = django_filters.BooleanFilter(field_name="acknowledged_at", lookup_expr="isnull", exclude=True)
    subject = TextFilter()
    warehouse = NamedRowFilter(Warehouse, "code", "warehouse_id")
    sku = NamedRowFilter(Product, "sku__iexact", "product_id")

    class Meta:
        model = Alert
        fields: list[str] = []


class Alerts(ReadEndpoints):
    """What somebody should look at. An alert is resolved by itself when its cause is gone."""

    rows: QuerySet[Any] = Alert.objects.select_related("warehouse", "product", "acknowledged_by").order_by("-pk")
    serializer_class = AlertOut
    filterset_class = AlertFilters
    orderings = {"first_seen_at": "first_seen_at", "last_seen_at": "last_seen_at"}
    operations = {"acknowledge": orchestrator.acknowledge_alert}
    inputs = {"acknowledge": Nothing}

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return visible_to(rows, self.actor)

    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Say that somebody looks after it."""
        self.body()
        return self.run(self.get_object().pk)
