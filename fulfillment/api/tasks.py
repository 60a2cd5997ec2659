"""What a picking task and a packing task show alike."""

from __future__ import annotations

from rest_framework import serializers


class TaskSummary(serializers.ModelSerializer):
    """The order by the order system's id, the site by both its names, the worker by name."""

    order_id = serializers.CharField(source="order.external_id")
    warehouse = serializers.CharField(source="warehouse.code")
    warehouse_id = serializers.CharField(source="warehouse.external_id")
    worker = serializers.CharField(source="worker.username", default=None, allow_null=True)
    reservation = serializers.IntegerField(source="reservation_id")
