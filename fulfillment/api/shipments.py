"""`/shipments`: packages under way."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.enums import ShipmentStatus
from fulfillment.models import Shipment
from fulfillment.services.shipments import hand_over_shipment, retry_shipment
from warehouse.core.api.filters import TextFilter
from warehouse.core.api.inputs import Nothing
from warehouse.outbox.http import ReadEndpoints


class ShipmentOut(serializers.ModelSerializer):
    order_id = serializers.CharField(source="order.external_id")
    package_barcode = serializers.CharField(source="package.barcode")
    provider = serializers.CharField(source="provider.code")

    class Meta:
        model = Shipment
        fields = (
            "id", "number", "order", "order_id", "packing_task", "package", "package_barcode", "provider", "status", "external_id", "tracking_number",
            "label_url", "carrier_status", "estimated_delivery", "attempts", "next_attempt_at", "last_error", "created_at", "handed_over_at",
            "cancelled_at", "updated_at", "version",
        )  # fmt: skip


class ShipmentFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=ShipmentStatus.choices)
    provider = TextFilter(field_name="provider__code")
    order = django_filters.NumberFilter(field_name="order_id")
    order_id = TextFilter(field_name="order__external_id")
    packing_task = django_filters.NumberFilter(field_name="packing_task_id")
    tracking_number = TextFilter()
    created_from = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_to = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Shipment
        fields: list[str] = []


class Shipments(ReadEndpoints):
    """Packages with a carrier: `requested → created → handed_over → delivered | returned`. They come when a packing task is packed."""

    rows: QuerySet[Any] = Shipment.objects.select_related("order", "package", "provider").order_by("-pk")
    serializer_class = ShipmentOut
    filterset_class = ShipmentFilters
    search_fields = ("number", "tracking_number", "order__external_id")
    orderings = {"created_at": "created_at", "handed_over_at": "handed_over_at"}
    version_field = "version"
    operations = {"retry": retry_shipment, "hand_over": hand_over_shipment}
    inputs = {"retry": Nothing, "hand_over": Nothing}

    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Have the carrier asked again now."""
        self.body()
        return self.run(int(pk))

    @action(detail=True, methods=["post"], url_path="hand-over")
    def hand_over(self, request: Request, pk: str) -> Response:
        """The carrier takes it, with all packages of its packing task."""
        self.body()
        return self.run(int(pk))
