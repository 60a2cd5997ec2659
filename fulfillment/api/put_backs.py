"""`/put-backs`: picked goods that nobody needs any more."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.enums import PutBackStatus
from fulfillment.models import PutBack
from fulfillment.services.put_backs import complete_put_back
from warehouse.core.api.filters import TextFilter
from warehouse.core.api.inputs import Input, QuantityField
from warehouse.outbox.http import ReadEndpoints


class PutBackOut(serializers.ModelSerializer):
    order_id = serializers.CharField(source="order.external_id")
    warehouse = serializers.CharField(source="warehouse.code")
    sku = serializers.CharField(source="product.sku")
    lot_number = serializers.CharField(source="batch.lot_number")
    bench = serializers.CharField(source="batch_location.location.code", help_text="Where they lie.")
    suggested_location = serializers.CharField(source="from_location.code", help_text="The shelf they were picked from.")
    remaining = serializers.DecimalField(max_digits=14, decimal_places=3, read_only=True)

    class Meta:
        model = PutBack
        fields = (
            "id", "order", "order_id", "picking_task", "warehouse", "product", "sku", "batch", "lot_number", "bench", "suggested_location", "quantity",
            "done_quantity", "remaining", "status", "done_at", "created_at", "updated_at", "version",
        )  # fmt: skip


class CompleteIn(Input):
    quantity = QuantityField(help_text="All of them, or a part.")
    location_scan = serializers.CharField(max_length=200, help_text="Where they go, as scanned.")


class PutBackFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=PutBackStatus.choices)
    warehouse = TextFilter(field_name="warehouse__code")
    sku = TextFilter(field_name="product__sku", lookup_expr="iexact")
    order = django_filters.NumberFilter(field_name="order_id")
    order_id = TextFilter(field_name="order__external_id")

    class Meta:
        model = PutBack
        fields: list[str] = []


class PutBacks(ReadEndpoints):
    """Goods of cancelled orders on the bench, to be brought to a shelf: `pending → done`."""

    rows: QuerySet[Any] = PutBack.objects.select_related(
        "order", "warehouse", "product", "batch", "batch_location__location", "from_location"
    ).order_by("-pk")
    serializer_class = PutBackOut
    filterset_class = PutBackFilters
    orderings = {"created_at": "created_at"}
    version_field = "version"
    operations = {"complete": complete_put_back}
    inputs = {"complete": CompleteIn}

    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Bring goods from the bench to a shelf: then they are for sale again."""
        body = self.body()
        return self.run(int(pk), body["quantity"], location_scan=body["location_scan"])
