"""What is sent to and from `/picking-batches`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from fulfillment.api.picking_bodies import PickingItemOut
from fulfillment.enums import BatchingMethod
from fulfillment.models import PickingBatch, PickingTask, PickingTaskItem
from fulfillment.queries.picking_batches import batch_progress
from fulfillment.queries.waves import MOST
from warehouse.core.api.inputs import CodeField, IdField, Input


class BatchTaskOut(serializers.ModelSerializer):
    """One order of the walk, and where it is on the cart."""

    order_id = serializers.CharField(source="order.external_id")

    class Meta:
        model = PickingTask
        fields = ("id", "number", "order", "order_id", "status", "tote", "tote_code", "total_items", "picked_items", "priority", "ship_by", "version")


class PickingBatchSummary(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    warehouse_id = serializers.CharField(source="warehouse.external_id")
    worker = serializers.CharField(source="worker.username", default=None, allow_null=True)
    route_gap = serializers.DecimalField(
        max_digits=10, decimal_places=4, allow_null=True, help_text="How much longer than the shortest walk, as a share of it."
    )

    class Meta:
        model = PickingBatch
        fields = (
            "id", "number", "warehouse", "warehouse_id", "worker", "wave", "status", "batching", "priority", "ship_by", "route_method", "route_length",
            "shortest_length", "route_gap", "notes", "created_at", "started_at", "completed_at", "cancelled_at", "cancellation_reason", "updated_at", "version",
        )  # fmt: skip


class BatchProgressOut(serializers.Serializer):
    """How far the walk is, without what was cancelled. The percentage counts every item alike."""

    tasks = serializers.IntegerField()
    tasks_done = serializers.IntegerField(help_text="Orders of which every item is picked, short or skipped.")
    items = serializers.IntegerField()
    done = serializers.IntegerField()
    percent = serializers.IntegerField()


class PickingBatchOut(PickingBatchSummary):
    tasks = BatchTaskOut(many=True, help_text="By position on the cart.")
    progress = serializers.SerializerMethodField()

    class Meta(PickingBatchSummary.Meta):
        fields = (*PickingBatchSummary.Meta.fields, "progress", "tasks")  # type: ignore[assignment]

    @extend_schema_field(BatchProgressOut)
    def get_progress(self, batch: PickingBatch) -> Any:
        return BatchProgressOut(batch_progress(batch.tasks.all())).data


class BatchStopOut(PickingItemOut):
    """A stop of the walk, and the tote that its goods go into."""

    task = serializers.IntegerField(source="task_id")
    order_id = serializers.CharField(source="task.order.external_id")
    tote = serializers.IntegerField(source="task.tote")
    tote_code = serializers.CharField(source="task.tote_code", help_text="Empty until the first scan at this position binds one.")
    task_version = serializers.IntegerField(source="task.version", help_text="For the If-Match of picking-tasks/{task}/pick.")

    class Meta:
        model = PickingTaskItem
        fields = (*PickingItemOut.Meta.fields, "task", "order_id", "tote", "tote_code", "task_version", "walk_position")


class NextStopOut(serializers.Serializer):
    item = BatchStopOut(allow_null=True, help_text="Null when every item is done.")


class ClaimedBatchOut(serializers.Serializer):
    picking_batch = PickingBatchOut(allow_null=True, help_text="Null when there is none.")


class PlannedBatchesOut(serializers.Serializer):
    picking_batches = PickingBatchOut(many=True)


class BatchIn(Input):
    warehouse_id = CodeField(required=False)
    warehouse = CodeField(required=False, max_length=40)
    tasks = serializers.ListField(child=IdField(), allow_empty=False, max_length=MOST, help_text="Ids of pending picking tasks of this warehouse.")


class PlanBatchesIn(BatchIn):
    method = serializers.ChoiceField(choices=BatchingMethod.choices, required=False, help_text="Default: what the warehouse's walk settings say.")
