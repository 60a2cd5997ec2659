"""`/shipments`: packages under way."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.enums import ShipmentStatus
from fulfillment.models import Shipment
from fulfillment.services.carrier_news import record_carrier_status, return_shipment
from fulfillment.services.hand_over import MOST_PARCELS, Manifest, hand_over_shipments
from fulfillment.services.shipments import hand_over_shipment, replace_shipment, retry_shipment
from fulfillment.services.voids import settle_void
from warehouse.core.api.filters import MomentFilter, TextFilter
from warehouse.core.api.inputs import CodeField, IdField, Input, MomentField, Nothing, Reason
from warehouse.outbox.http import ReadEndpoints


class ShipmentOut(serializers.ModelSerializer):
    order_id = serializers.CharField(source="order.external_id")
    package_barcode = serializers.CharField(source="package.barcode")
    provider = serializers.CharField(source="provider.code")

    class Meta:
        model = Shipment
        fields = (
            "id", "number", "order", "order_id", "packing_task", "package", "package_barcode", "provider", "status", "external_id", "tracking_number",
            "label_url", "carrier_status", "carrier_status_at", "estimated_delivery", "replaces", "attempts", "next_attempt_at", "last_error",
            "created_at", "handed_over_at", "delivered_at", "returned_at", "return_id", "cancelled_at", "cancellation_reason", "voided_at", "updated_at",
            "version",
        )  # fmt: skip


class RefusedOut(serializers.Serializer):
    packing_task = serializers.IntegerField()
    number = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()
    problems = serializers.ListField(child=serializers.DictField())


class ManifestOut(serializers.Serializer):
    handed_over = serializers.ListField(child=serializers.IntegerField(), help_text="Shipments that the carrier has.")
    refused = RefusedOut(many=True, help_text="Packing tasks whose parcels stay, and why.")


class ManifestIn(Input):
    shipments = serializers.ListField(child=IdField(), min_length=1, max_length=MOST_PARCELS)


class ReplaceIn(Reason):
    provider = CodeField(required=False, max_length=40, help_text="Another carrier; default: the same.")


class CarrierStatusIn(Input):
    status = serializers.CharField(max_length=50, help_text="The carrier's word. `delivered` and `returned` move the shipment, others are kept.")
    at = MomentField(required=False, help_text="Since when; default: now.")


class ShipmentFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=ShipmentStatus.choices)
    provider = TextFilter(field_name="provider__code")
    order = django_filters.NumberFilter(field_name="order_id")
    order_id = TextFilter(field_name="order__external_id")
    packing_task = django_filters.NumberFilter(field_name="packing_task_id")
    tracking_number = TextFilter()
    created_from = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_to = MomentFilter(field_name="created_at", lookup_expr="lt")

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
    operations = {
        "retry": retry_shipment,
        "replace": replace_shipment,
        "settle_void": settle_void,
        "hand_over": hand_over_shipment,
        "hand_over_many": hand_over_shipments,
        "carrier_status": record_carrier_status,
        "returned": return_shipment,
    }
    inputs = {
        "retry": Nothing,
        "replace": ReplaceIn,
        "settle_void": Reason,
        "hand_over": Nothing,
        "hand_over_many": ManifestIn,
        "carrier_status": CarrierStatusIn,
        "returned": Nothing,
    }
    outputs = {"hand_over_many": ManifestOut}

    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Have the carrier asked again now, for the waybill or to void it."""
        self.body()
        return self.run(int(pk))

    @action(detail=True, methods=["post"])
    def replace(self, request: Request, pk: str) -> Response:
        """Give the package a new shipment, perhaps with another carrier; the waybill of this one is voided first. Answers with the new one."""
        body = self.body()
        return self.run(int(pk), body["reason"], provider=body.get("provider", ""))

    @action(detail=True, methods=["post"], url_path="settle-void")
    def settle_void(self, request: Request, pk: str) -> Response:
        """It is settled with the carrier that no waybill of it is in force."""
        return self.run(int(pk), self.body()["reason"])

    @action(detail=True, methods=["post"], url_path="hand-over")
    def hand_over(self, request: Request, pk: str) -> Response:
        """The carrier takes it, with all packages of its packing task."""
        self.body()
        return self.run(int(pk))

    @extend_schema(
        responses={200: OpenApiResponse(ManifestOut, description="What went, and what stays and why.")},
        examples=[OpenApiExample("A pick-up", {"shipments": [17, 18, 21]}, request_only=True)],
    )
    @action(detail=False, methods=["post"], url_path="hand-over", filter_backends=[], pagination_class=None)
    def hand_over_many(self, request: Request) -> Response:
        """The carrier takes these parcels: of each packing task all or none. Parcels of others that can't go stay, and are told."""
        return self.run(self.body()["shipments"], render=_manifest)

    @extend_schema(examples=[OpenApiExample("Delivered", {"status": "delivered", "at": "2026-11-20T14:05:00Z"}, request_only=True)])
    @action(detail=True, methods=["post"], url_path="carrier-status")
    def carrier_status(self, request: Request, pk: str) -> Response:
        """The carrier says how the parcel fares. `delivered` and `returned` (which writes the Return) move it; the same news again changes nothing."""
        body = self.body()
        return self.run(int(pk), body["status"], at=body.get("at"))

    @action(detail=True, methods=["post"])
    def returned(self, request: Request, pk: str) -> Response:
        """The parcel is back, or on its way back: a Return of what was in it is written. Twice is once."""
        self.body()
        return self.run(int(pk))


def _manifest(manifest: Manifest) -> dict[str, Any]:
    refused = [
        {"packing_task": row.task_id, "number": row.number, "code": row.error.code, "detail": row.error.detail, "problems": row.error.errors}
        for row in manifest.refused
    ]
    return {"handed_over": sorted(manifest.handed_over), "refused": refused}
