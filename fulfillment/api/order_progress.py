"""`/orders/{id}/progress`: how far an order is, stop by stop, and what happened to it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.enums import OrderStatus
from fulfillment.models import Package, PackingTask, PickingTask, PickingTaskItem, PutBack, QualityCheck, Shipment
from fulfillment.queries.order_progress import order_progress
from warehouse.outbox.http import Endpoints


class StopOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")
    name = serializers.CharField(source="product.name")
    location = serializers.CharField(source="location.code")
    zone = serializers.CharField(source="location.zone")
    lot_number = serializers.CharField(source="batch.lot_number")

    class Meta:
        model = PickingTaskItem
        fields = (
            "id", "sequence", "sku", "name", "listing_id", "lot_number", "location", "zone", "quantity_required", "quantity_picked", "status", "picked_at",
        )  # fmt: skip


class StopProgressOut(serializers.Serializer):
    item = StopOut()
    percent = serializers.IntegerField()
    picked_by = serializers.CharField(allow_blank=True, help_text="Who scanned it last.")


class WalkTaskOut(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    worker = serializers.CharField(source="worker.username", default=None, allow_null=True)
    picking_batch = serializers.CharField(source="picking_batch.number", default=None, allow_null=True)
    wave = serializers.CharField(source="wave.number", default=None, allow_null=True)

    class Meta:
        model = PickingTask
        fields = (
            "id", "number", "status", "warehouse", "worker", "picking_batch", "tote", "wave", "total_items", "picked_items", "started_at", "completed_at",
            "cancelled_at",
        )  # fmt: skip


class WalkOut(serializers.Serializer):
    task = WalkTaskOut()
    percent = serializers.IntegerField()
    place = serializers.CharField(allow_blank=True, help_text="Where the worker is bound for, while it is being picked.")
    zone = serializers.CharField(allow_blank=True)
    last_at = serializers.DateTimeField(allow_null=True, help_text="When something of it was picked last.")
    stops = StopProgressOut(many=True)


class CheckProgressOut(serializers.ModelSerializer):
    picking_task = serializers.CharField(source="picking_task.number")
    worker = serializers.CharField(source="worker.username", default=None, allow_null=True)

    class Meta:
        model = QualityCheck
        fields = ("id", "number", "status", "picking_task", "worker", "total_items", "checked_items", "started_at", "finished_at")


class PackageProgressOut(serializers.ModelSerializer):
    box_type = serializers.CharField(source="box_type.code", default=None, allow_null=True)

    class Meta:
        model = Package
        fields = ("id", "barcode", "packaging_type", "box_type", "weight", "tracking_number")


class PackingProgressOut(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    worker = serializers.CharField(source="worker.username", default=None, allow_null=True)
    picking_task = serializers.CharField(source="picking_task.number", default=None, allow_null=True)
    packages = PackageProgressOut(many=True)

    class Meta:
        model = PackingTask
        fields = (
            "id", "number", "status", "warehouse", "picking_task", "worker", "total_items", "packed_items", "started_at", "packed_at", "shipped_at", "packages",
        )  # fmt: skip


class ShipmentProgressOut(serializers.ModelSerializer):
    provider = serializers.CharField(source="provider.code")
    package = serializers.CharField(source="package.barcode")

    class Meta:
        model = Shipment
        fields = ("id", "number", "status", "provider", "package", "tracking_number", "estimated_delivery", "handed_over_at", "delivered_at")


class PutBackProgressOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")

    class Meta:
        model = PutBack
        fields = ("id", "sku", "quantity", "done_quantity", "status")


class HappenedOut(serializers.Serializer):
    at = serializers.DateTimeField()
    type = serializers.CharField(help_text="The event's type; `pick` for a scan of a picker, which makes no event.")
    what = serializers.CharField()
    actor = serializers.CharField(allow_blank=True)


class OrderProgressOut(serializers.Serializer):
    id = serializers.IntegerField(source="order.pk")
    order_id = serializers.CharField(source="order.external_id")
    order_number = serializers.CharField(source="order.order_number", allow_blank=True)
    status = serializers.ChoiceField(source="order.status", choices=OrderStatus.choices)
    ship_by = serializers.DateTimeField(source="order.ship_by", allow_null=True)
    percent = serializers.IntegerField(help_text="Half for what is picked, half for what is packed; 100 when it is shipped.")
    walks = WalkOut(many=True)
    checks = CheckProgressOut(many=True)
    packing = PackingProgressOut(many=True)
    shipments = ShipmentProgressOut(many=True)
    put_backs = PutBackProgressOut(many=True)
    happened = HappenedOut(many=True, help_text="Events and scans, the newest first.")


class WithProgress(Endpoints):
    """The action of the orders' endpoints."""

    @extend_schema(operation_id="get_order_progress", responses=OrderProgressOut)
    @action(detail=True, methods=["get"])
    def progress(self, request: Request, pk: str) -> Response:
        """How far an order is: its walks stop by stop, who picks and where, checks, packages, shipments, and everything that happened to it."""
        found: Any = order_progress(self.get_object())
        return Response(OrderProgressOut(found).data)
