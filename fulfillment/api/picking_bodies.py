"""What is sent to and from `/picking-tasks`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from fulfillment.api.tasks import TaskSummary
from fulfillment.enums import SOURCE_LISTINGS, Priority, RouteMethod
from fulfillment.models import PickingTask, PickingTaskItem
from fulfillment.queries.picking_tasks import progress_of
from warehouse.core.api.inputs import CodeField, IdField, Input, QuantityField


class PickingItemOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")
    name = serializers.CharField(source="product.name")
    lot_number = serializers.CharField(source="batch.lot_number")
    location = serializers.CharField(source="location.code")
    remaining = serializers.DecimalField(max_digits=14, decimal_places=3, read_only=True)

    class Meta:
        model = PickingTaskItem
        fields = (
            "id", "sequence", "product", "sku", "name", "batch", "lot_number", "location", "listing_id", "quantity_required", "quantity_picked",
            "remaining", "status", "picked_at", "deferred_at", "notes",
        )  # fmt: skip


class PickingSummary(TaskSummary):
    packing_location = serializers.CharField(source="packing_location.code", default=None, allow_null=True)
    route_method = serializers.ChoiceField(choices=RouteMethod.choices, allow_blank=True, help_text="Empty until somebody begins to walk.")
    route_length = serializers.DecimalField(
        10, 2, allow_null=True, help_text="Of the walk as planned, in metres; null where a place is not on the map or impossibly far away."
    )
    shortest_length = serializers.DecimalField(10, 2, allow_null=True, help_text="Of the shortest walk through the same places, in metres.")
    route_gap = serializers.DecimalField(10, 4, allow_null=True, help_text="How much longer the planned walk is, as a share of the shortest.")
    picking_batch = serializers.IntegerField(source="picking_batch_id", allow_null=True)
    released_at = serializers.DateTimeField(allow_null=True, help_text="In a wave: given out since; null while it waits.")

    class Meta:
        model = PickingTask
        fields = (
            "id", "number", "order", "order_id", "warehouse", "warehouse_id", "worker", "status", "priority", "ship_by", "total_items", "picked_items",
            "packing_location", "reservation", "picking_batch", "tote", "tote_code", "wave", "released_at", "notes", "created_at", "started_at",
            "completed_at", "cancelled_at", "cancellation_reason", "updated_at", "version", "route_method", "route_length", "shortest_length", "route_gap",
        )  # fmt: skip


class ZoneLeftOut(serializers.Serializer):
    zone = serializers.CharField(help_text="Empty for places without a zone.")
    items = serializers.IntegerField()
    quantity = serializers.DecimalField(max_digits=14, decimal_places=3)


class ProgressOut(serializers.Serializer):
    """How far the walk is. The percentage counts every item alike, however it is measured."""

    items = serializers.IntegerField()
    done = serializers.IntegerField(help_text="Items that are picked, short or skipped.")
    picked = serializers.DecimalField(max_digits=14, decimal_places=3)
    remaining = serializers.DecimalField(max_digits=14, decimal_places=3)
    percent = serializers.IntegerField()
    zones = ZoneLeftOut(many=True, help_text="What is still to be picked, by zone, in the order of the walk.")


class PickingOut(PickingSummary):
    items = PickingItemOut(many=True)
    progress = serializers.SerializerMethodField()

    class Meta(PickingSummary.Meta):
        fields = (*PickingSummary.Meta.fields, "progress", "items")  # type: ignore[assignment]

    @extend_schema_field(ProgressOut)
    def get_progress(self, task: PickingTask) -> Any:
        return ProgressOut(progress_of(task.items.all())).data


class ClaimedOut(serializers.Serializer):
    task = PickingOut(allow_null=True, help_text="Null when there is no work.")


class NextItemOut(serializers.Serializer):
    item = PickingItemOut(allow_null=True, help_text="Null when every item is done.")


class PickedOut(serializers.Serializer):
    """The item as it is now, the next one of the walk, and the task's progress and version."""

    item = PickingItemOut()
    next_item = PickingItemOut(allow_null=True)
    picked_items = serializers.IntegerField()
    total_items = serializers.IntegerField()
    version = serializers.IntegerField()


class PickingLineIn(Input):
    listing_id = CodeField(required=False)
    sku = CodeField(required=False)
    quantity = QuantityField()
    min_remaining_days = serializers.IntegerField(required=False, min_value=0, max_value=3650)


class PickingIn(Input):
    order_id = serializers.CharField(max_length=80, help_text="The order system's id.")
    source = serializers.CharField(max_length=30, default=SOURCE_LISTINGS)  # type: ignore[assignment]
    warehouse_id = CodeField(required=False)
    warehouse = CodeField(required=False, max_length=40)
    priority = serializers.ChoiceField(choices=Priority.choices, required=False)
    items = PickingLineIn(many=True, allow_empty=False)


class AssignIn(Input):
    worker = serializers.CharField(max_length=150, required=False, help_text="A user name; default: the caller.")


class ReassignIn(Input):
    worker = serializers.CharField(max_length=150, help_text="A user name.")


class SiteIn(Input):
    warehouse_id = CodeField(required=False)
    warehouse = CodeField(required=False, max_length=40)


class PickIn(Input):
    item = IdField()
    quantity = QuantityField()
    location_scan = serializers.CharField(max_length=200, help_text="The location's code or barcode, as scanned.")
    product_scan = serializers.CharField(max_length=200, help_text="SKU, barcode, lot number or GS1 code, as scanned.")
    tote_scan = serializers.CharField(
        max_length=200,
        required=False,
        help_text="In a batch: the tote it was put into. The first scan at a position binds the tote; then `T3` will do too.",
    )
    notes = serializers.CharField(max_length=200, required=False, allow_blank=True)


class PickOtherIn(PickIn):
    location_scan = serializers.CharField(max_length=200, help_text="Where the other goods lie: the location's code or barcode, as scanned.")
    product_scan = serializers.CharField(
        max_length=200, help_text="What names them: lot number or GS1 code; SKU or barcode where only one lot lies there."
    )
    reason = serializers.CharField(max_length=200)
    notes = None  # type: ignore[assignment]


class ClosePickingIn(Input):
    short_rest = serializers.BooleanField(default=False, help_text="Close it though not everything is picked; the rest is released.")
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, help_text="Why; needed with short_rest.")


class PriorityIn(Input):
    priority = serializers.ChoiceField(choices=Priority.choices)


class ItemOnlyIn(Input):
    item = IdField()


class PickingItemIn(Input):
    item = IdField()
    notes = serializers.CharField(max_length=200, required=False, allow_blank=True)
