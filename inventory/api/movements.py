"""`/movements`: the ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request

from inventory.enums import DocumentType, MovementType
from inventory.models import Batch, Location, Movement, Product, Reservation, Warehouse
from inventory.queries.movement_export import COLUMNS, movement_rows
from inventory.queries.stock import visible_to
from warehouse.core.api.csv import csv_response
from warehouse.core.api.filters import MomentFilter, NamedRowFilter, TextFilter
from warehouse.outbox.http import ReadEndpoints


class MovementOut(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    location = serializers.CharField(source="location.code")
    sku = serializers.CharField(source="product.sku")
    lot_number = serializers.CharField(source="batch.lot_number")
    document = serializers.IntegerField(source="document_id", allow_null=True)

    class Meta:
        model = Movement
        fields = (
            "id", "occurred_at", "type", "warehouse", "location", "product", "sku", "batch", "lot_number", "batch_location", "quantity_change",
            "reserved_change", "quantity_before", "quantity_after", "reserved_after", "document_type", "document", "order_ref", "reservation", "reason",
            "performed_by", "performed_by_type",
        )  # fmt: skip


class MovementFilters(django_filters.FilterSet):
    type = django_filters.MultipleChoiceFilter(choices=MovementType.choices)
    sku = NamedRowFilter(Product, "sku__iexact", "product_id")
    product = django_filters.NumberFilter(field_name="product_id")
    batch = django_filters.NumberFilter(field_name="batch_id")
    lot_number = NamedRowFilter(Batch, "lot_number__iexact", "batch_id")
    warehouse = NamedRowFilter(Warehouse, "code", "warehouse_id")
    location = NamedRowFilter(Location, "code", "location_id", within={"warehouse": "warehouse__code"})
    document_type = django_filters.ChoiceFilter(choices=DocumentType.choices)
    document = django_filters.NumberFilter(field_name="document_id")
    order_ref = TextFilter()
    reservation = django_filters.NumberFilter(method="of_reservation")
    performed_by = TextFilter()
    occurred_from = MomentFilter(field_name="occurred_at", lookup_expr="gte")
    occurred_to = MomentFilter(field_name="occurred_at", lookup_expr="lt")

    class Meta:
        model = Movement
        fields: list[str] = []

    def of_reservation(self, rows: QuerySet[Any], name: str, value: Decimal) -> QuerySet[Any]:
        """By its order too: the ledger has an index of that, and none of reservations."""
        refs = Reservation.objects.filter(pk=int(value)).values_list("order_ref", flat=True)
        return rows.filter(order_ref=refs[0], reservation=int(value)) if refs else rows.none()


class Movements(ReadEndpoints):
    """What changed where, and why. Nobody changes it."""

    rows: QuerySet[Any] = Movement.objects.select_related("warehouse", "location", "product", "batch").order_by("-pk")
    serializer_class = MovementOut
    filterset_class = MovementFilters
    orderings = {"occurred_at": "occurred_at", "id": "pk"}
    lists = frozenset({"list", "export"})

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return visible_to(rows, self.actor)

    @extend_schema(responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR)})
    @action(detail=False, pagination_class=None)
    def export(self, request: Request) -> StreamingHttpResponse:
        """The same, with the same filters, as CSV for a spreadsheet: all of it, streamed."""
        return csv_response("movements.csv", list(COLUMNS), movement_rows(self.filter_queryset(self.get_queryset())))
