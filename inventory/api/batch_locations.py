"""How a part of a batch in a place is shown."""

from __future__ import annotations

from rest_framework import serializers

from inventory.models import BatchLocation


class BatchLocationOut(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    location = serializers.CharField(source="location.code")
    sku = serializers.CharField(source="product.sku")
    lot_number = serializers.CharField(source="batch.lot_number")
    free = serializers.SerializerMethodField()

    class Meta:
        model = BatchLocation
        fields = (
            "id", "warehouse", "location", "product", "sku", "batch", "lot_number", "phase", "quantity", "reserved", "free", "blocked_reason",
            "effective_expires_at", "received_at",
        )  # fmt: skip

    def get_free(self, row: BatchLocation) -> str:
        return str(row.quantity - row.reserved)
