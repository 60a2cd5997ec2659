"""What is sent to and from `/waves`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from fulfillment.enums import BatchingMethod, Priority
from fulfillment.models import PickingTask, Wave
from fulfillment.queries.wave_obstacles import obstacles
from fulfillment.queries.waves import MOST, wave_progress
from warehouse.core.api.inputs import CodeField, IdField, Input, MomentField


class WaveProgressOut(serializers.Serializer):
    """How far the wave is. Tasks by state; items and quantities without what was cancelled; in the percentage every item counts alike."""

    tasks = serializers.IntegerField(help_text="All that is not cancelled.")
    waiting = serializers.IntegerField(help_text="Not released yet.")
    released = serializers.IntegerField(help_text="Released, and nobody has them yet.")
    assigned = serializers.IntegerField()
    in_progress = serializers.IntegerField()
    completed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    late = serializers.IntegerField(help_text="Open though they should have left.")
    items = serializers.IntegerField()
    items_done = serializers.IntegerField()
    quantity = serializers.DecimalField(max_digits=20, decimal_places=3, help_text="To be picked, of whatever units.")
    quantity_picked = serializers.DecimalField(max_digits=20, decimal_places=3)
    percent = serializers.IntegerField()


class WaveReasonOut(serializers.Serializer):
    code = serializers.CharField()
    text = serializers.CharField()


class WaitingTaskOut(serializers.Serializer):
    """A task that waits to be released: what keeps it back, and what is worth knowing."""

    task = serializers.IntegerField(source="task.pk")
    number = serializers.CharField(source="task.number")
    order = serializers.IntegerField(source="task.order_id")
    order_id = serializers.CharField(source="task.order.external_id")
    obstacles = WaveReasonOut(many=True, help_text="Empty: it will go when the wave is released.")
    warnings = WaveReasonOut(many=True, help_text="They keep nothing back.")


class WaveTaskOut(serializers.ModelSerializer):
    """A task of the wave. `released_at` is empty while it waits."""

    order_id = serializers.CharField(source="order.external_id")
    worker = serializers.CharField(source="worker.username", default=None, allow_null=True)
    picking_batch = serializers.IntegerField(source="picking_batch_id", allow_null=True)

    class Meta:
        model = PickingTask
        fields = (
            "id", "number", "order", "order_id", "status", "priority", "ship_by", "released_at", "picking_batch", "worker", "total_items", "picked_items",
            "version",
        )  # fmt: skip


class WaveSummary(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    warehouse_id = serializers.CharField(source="warehouse.external_id")
    provider = serializers.CharField(source="provider.code", default=None, allow_null=True)
    progress = serializers.SerializerMethodField()

    class Meta:
        model = Wave
        fields = (
            "id", "number", "warehouse", "warehouse_id", "status", "zone", "provider", "cut_off", "priority", "progress", "created_at", "released_at",
            "completed_at", "cancelled_at", "cancellation_reason", "updated_at", "version",
        )  # fmt: skip

    @extend_schema_field(WaveProgressOut)
    def get_progress(self, wave: Wave) -> Any:
        """Of a list all are read at once and come with the context."""
        far = self.context.get("progress") or wave_progress([wave.pk])
        return WaveProgressOut(far[wave.pk]).data


class WaveOut(WaveSummary):
    waiting = serializers.SerializerMethodField(help_text="What is not released, the most urgent first, as it would be judged now.")
    tasks = WaveTaskOut(many=True)

    class Meta(WaveSummary.Meta):
        fields = (*WaveSummary.Meta.fields, "waiting", "tasks")  # type: ignore[assignment]

    @extend_schema_field(WaitingTaskOut(many=True))
    def get_waiting(self, wave: Wave) -> Any:
        return WaitingTaskOut(obstacles(wave) if wave.is_open else [], many=True).data


class WavePreviewOut(serializers.Serializer):
    """What a wave would take, the most urgent first."""

    tasks = WaveTaskOut(many=True)
    items = serializers.IntegerField()
    waiting = WaitingTaskOut(many=True, help_text="Each of them as it would be judged now.")


class WaveCriteria(Input):
    """What is asked for counts all together; what is not said is not asked about."""

    warehouse = CodeField(required=False, max_length=40)
    warehouse_id = CodeField(required=False)
    zone = serializers.CharField(max_length=40, required=False, help_text="All that is still to be picked of a task lies in it.")
    provider = CodeField(max_length=40, required=False, help_text="The carrier's code. The default one has the orders that name none too.")
    cut_off = MomentField(required=False, help_text="When the carrier leaves: tasks that ship by then. Those without a time to ship are left out.")
    priority = serializers.ChoiceField(choices=Priority.choices, required=False, help_text="At least so urgent.")
    max_tasks = serializers.IntegerField(min_value=1, max_value=MOST, required=False, help_text="The most urgent ones first.")


class WaveIn(WaveCriteria):
    """By what is asked for, or by hand with `tasks`: not both."""

    tasks = serializers.ListField(
        child=IdField(), allow_empty=False, max_length=MOST, required=False, help_text="Ids of picking tasks that nobody has."
    )


class WaveTasksIn(Input):
    tasks = serializers.ListField(child=IdField(), allow_empty=False, max_length=MOST, help_text="Ids of picking tasks.")


class WaveReleaseIn(Input):
    batching = serializers.BooleanField(required=False, help_text="Put what is released into picking batches at once. Default: false.")
    method = serializers.ChoiceField(
        choices=BatchingMethod.choices, required=False, help_text="With batching; default: what the warehouse's walk settings say."
    )
    attended = serializers.BooleanField(
        required=False, help_text="Release orders that need attention too: somebody has looked at them. Default: false."
    )
