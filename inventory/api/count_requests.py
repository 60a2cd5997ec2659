"""`/count-requests`: places that somebody asks to be counted."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.audits import AuditOut
from inventory.api.names import SkuField, locations_by_code, named_warehouse
from inventory.models import Audit, CountRequest, Product, Warehouse
from inventory.queries.stock import visible_to
from warehouse.core.api.filters import NamedRowFilter, TextFilter
from warehouse.core.api.inputs import CodeField, Input, Reason
from warehouse.outbox.http import ReadEndpoints


class CountRequestOut(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="location.warehouse.code")
    location = serializers.CharField(source="location.code")
    sku = serializers.CharField(source="product.sku")
    audit = serializers.CharField(source="audit.number", default=None, allow_null=True, help_text="What counted it.")

    class Meta:
        model = CountRequest
        fields = ("id", "warehouse", "location", "product", "sku", "reason", "requested_by", "requested_at", "closed_at", "audit", "closing_note")


class CountRequestIn(Input):
    warehouse = CodeField(required=False, max_length=40)
    warehouse_id = CodeField(required=False)
    location = CodeField(max_length=40, help_text="Its code.")
    sku = SkuField()
    reason = serializers.CharField(max_length=200, help_text="What is missing.")


class AskedPlacesIn(Input):
    warehouse = CodeField(required=False, max_length=40)
    warehouse_id = CodeField(required=False)


class CountRequestFilters(django_filters.FilterSet):
    open = django_filters.BooleanFilter(field_name="closed_at", lookup_expr="isnull")
    warehouse = NamedRowFilter(Warehouse, "code", "location__warehouse_id")
    location = TextFilter(field_name="location__code")
    sku = NamedRowFilter(Product, "sku__iexact", "product_id")

    class Meta:
        model = CountRequest
        fields: list[str] = []


class CountRequests(ReadEndpoints):
    """Somebody missed goods in a place. A request is closed by the audit that counts it."""

    rows: QuerySet[Any] = CountRequest.objects.select_related("location__warehouse", "product", "audit").order_by("-pk")
    serializer_class = CountRequestOut
    filterset_class = CountRequestFilters
    programs_read = False
    orderings = {"requested_at": "requested_at"}
    operations = {
        "create": orchestrator.request_count,
        "dismiss": orchestrator.dismiss_count_request,
        "count": orchestrator.count_requested_places,
    }
    inputs = {"create": CountRequestIn, "dismiss": Reason, "count": AskedPlacesIn}
    outputs = {"count": AuditOut}
    created = {"create": 201, "count": 201}

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return visible_to(rows, self.actor, warehouse="location__warehouse")

    def create(self, request: Request) -> Response:
        """Ask that somebody counts a place, because goods are not there. While a request is open, asking again renews it."""
        body = self.body()
        found = locations_by_code(named_warehouse(body).pk, [body["location"]], field="location")
        return self.run(found[body["location"]], body["sku"].pk, reason=body["reason"])

    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str) -> Response:
        """Close it without a count."""
        return self.run(self.get_object().pk, reason=self.body()["reason"])

    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def count(self, request: Request) -> Response:
        """Begin an audit of the places of a warehouse that were asked for and that nobody counts yet."""
        site = named_warehouse(self.body())
        return self.run(site.pk, render=lambda audit: AuditOut(Audit.objects.select_related("warehouse", "created_by").get(pk=audit.pk)).data)
