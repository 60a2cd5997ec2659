"""How the way of a lot is shown, and what a hold or recall answers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from inventory.queries.tracing import Lot, ShippedOrder


class AmountField(serializers.DecimalField):
    """A quantity as the ledger keeps it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=14, decimal_places=3, **kwargs)


class MadeOfOut(serializers.Serializer):
    batch = serializers.IntegerField()
    lot_number = serializers.CharField()
    quantity = AmountField(allow_null=True, help_text="How much of it went into a mix; null for a child lot.")


class LotOut(serializers.Serializer):
    id = serializers.IntegerField()
    lot_number = serializers.CharField()
    sku = serializers.CharField()
    status = serializers.CharField()
    status_reason = serializers.CharField()
    supplier = serializers.CharField()
    produced_on = serializers.DateField(allow_null=True)
    label_expires_on = serializers.DateField(allow_null=True)
    received_at = serializers.DateTimeField()
    made_of = serializers.SerializerMethodField()

    @extend_schema_field(MadeOfOut(many=True))
    def get_made_of(self, lot: Lot) -> Any:
        return MadeOfOut([{"batch": pk, "lot_number": number, "quantity": quantity} for pk, number, quantity in lot.made_of], many=True).data


class LotPlaceOut(serializers.Serializer):
    batch_location = serializers.IntegerField(source="batch_location_id")
    batch = serializers.IntegerField(source="lot_id")
    lot_number = serializers.CharField()
    warehouse = serializers.CharField()
    location = serializers.CharField()
    phase = serializers.CharField()
    quantity = AmountField()
    reserved = AmountField()
    blocked_reason = serializers.CharField()
    effective_expires_at = serializers.DateTimeField(source="expires_at", allow_null=True)


class LotPromiseOut(serializers.Serializer):
    reservation = serializers.IntegerField(source="reservation_id")
    order_ref = serializers.CharField()
    batch = serializers.IntegerField(source="lot_id")
    lot_number = serializers.CharField()
    warehouse = serializers.CharField()
    location = serializers.CharField()
    quantity = AmountField()
    picking_started = serializers.BooleanField()


class ShippedOrderOut(serializers.Serializer):
    order_ref = serializers.CharField()
    warehouse = serializers.SerializerMethodField()
    batch = serializers.IntegerField(source="lot_id")
    lot_number = serializers.CharField()
    quantity = AmountField(help_text="What was sold.")
    returned = AmountField(help_text="What of it came back.")
    shipped_at = serializers.DateTimeField(source="at")

    def get_warehouse(self, order: ShippedOrder) -> str:
        return str(self.context["warehouses"].get(order.warehouse_id, ""))


class LotStepOut(serializers.Serializer):
    type = serializers.CharField()
    batch = serializers.IntegerField(source="lot_id")
    lot_number = serializers.CharField()
    warehouse = serializers.CharField()
    quantity = AmountField(help_text="Positive: it came; negative: it left.")
    document_type = serializers.CharField()
    document = serializers.IntegerField(source="document_id", allow_null=True)
    document_number = serializers.CharField(source="document")
    at = serializers.DateTimeField()


class TraceOut(serializers.Serializer):
    lot = LotOut()
    made_of = LotOut(many=True, help_text="Where from: the lots it was made of.")
    made_into = LotOut(many=True, help_text="Where to: child lots and mixes made of it.")
    received = LotStepOut(many=True, help_text="The deliveries of all of these.")
    places = LotPlaceOut(many=True, help_text="Where it, and what was made of it, lies now.")
    promised = LotPromiseOut(many=True, help_text="Orders that wait for it.")
    shipped = ShippedOrderOut(many=True, help_text="Orders and receipts that got some.")
    steps = LotStepOut(many=True, help_text="What else the ledger says: transfers, write-offs, counts, mixes.")


class PromiseChangeOut(serializers.Serializer):
    reservation = serializers.IntegerField(source="reservation_id")
    order_ref = serializers.CharField()
    quantity = serializers.CharField()
