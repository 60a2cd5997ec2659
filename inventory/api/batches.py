"""`/batches`: the lots; held, released, recalled, traced, split."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.traces import LotPromiseOut, PromiseChangeOut, ShippedOrderOut, TraceOut
from inventory.enums import BatchStatus
from inventory.models import Batch, BatchLocation, Product, Warehouse
from warehouse.core.api.filters import NamedRowFilter, TextFilter
from warehouse.core.api.inputs import CodeField, IdField, Input, QuantityField, Reason
from warehouse.core.errors import NotFound
from warehouse.outbox.http import ReadEndpoints


class BatchOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")
    supplier = serializers.CharField(source="supplier.code", default=None, allow_null=True)

    class Meta:
        model = Batch
        fields = (
            "id", "product", "sku", "lot_number", "parent", "supplier", "produced_on", "label_expires_on", "label_condition", "received_at",
            "purchase_price", "currency", "status", "status_reason",
        )  # fmt: skip


class WithdrawalOut(serializers.Serializer):
    batch = BatchOut()
    lots = BatchOut(many=True, help_text="It and everything made of it: child lots and mixes.")
    stop = LotPromiseOut(many=True, help_text="Parcels to stop: orders that keep goods of it because their picking has begun.")
    shipped = ShippedOrderOut(many=True, help_text="Customers to write to: orders and receipts that still have some.")
    reallocated = PromiseChangeOut(many=True, help_text="Orders that are promised other goods now.")
    released = PromiseChangeOut(many=True, help_text="Orders for which there are no other goods.")


class ReleaseIn(Input):
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class SplitIn(Input):
    batch_location = IdField(help_text="Which part of the lot: what lies where.")
    quantity = QuantityField()
    lot_number = CodeField(required=False, max_length=60, help_text="Default: numbered after its parent.")
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class BatchFilters(django_filters.FilterSet):
    sku = NamedRowFilter(Product, "sku__iexact", "product_id")
    lot_number = TextFilter(lookup_expr="iexact")
    supplier = TextFilter(field_name="supplier__code")
    status = django_filters.ChoiceFilter(choices=BatchStatus.choices)
    expires_from = django_filters.DateFilter(field_name="label_expires_on", lookup_expr="gte")
    expires_to = django_filters.DateFilter(field_name="label_expires_on", lookup_expr="lte")

    class Meta:
        model = Batch
        fields = ("product",)


class Batches(ReadEndpoints):
    """Lots: `available ⇄ on_hold`, both `→ recalled`. They come by receiving."""

    rows: QuerySet[Any] = Batch.objects.select_related("product", "supplier").order_by("-pk")
    serializer_class = BatchOut
    filterset_class = BatchFilters
    search_fields = ("lot_number", "product__sku")
    orderings = {"received_at": "received_at", "label_expires_on": "label_expires_on", "lot_number": "lot_number"}
    operations = {
        "hold": orchestrator.hold_batch,
        "release": orchestrator.release_hold,
        "recall": orchestrator.recall_batch,
        "split": orchestrator.split_batch,
    }
    inputs = {"hold": Reason, "release": ReleaseIn, "recall": Reason, "split": SplitIn}
    created = {"split": 201}
    outputs = {"hold": WithdrawalOut, "recall": WithdrawalOut, "trace": TraceOut}

    @action(detail=True, methods=["post"])
    def hold(self, request: Request, pk: str) -> Response:
        """Keep it, and everything made of it, from leaving until it is released."""
        return self.run(int(pk), reason=self.body()["reason"], render=self.show_withdrawal)

    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """It is good: for sale again."""
        return self.run(int(pk), reason=self.body().get("reason", ""))

    @action(detail=True, methods=["post"])
    def recall(self, request: Request, pk: str) -> Response:
        """Take it from sale for good; lists the parcels to stop and the customers to write to."""
        return self.run(int(pk), reason=self.body()["reason"], render=self.show_withdrawal)

    @action(detail=True, methods=["post"])
    def split(self, request: Request, pk: str) -> Response:
        """Make a part of it a lot of its own; answers with that lot."""
        body = self.body()
        place = body["batch_location"]
        if not BatchLocation.objects.filter(pk=place, batch=int(pk)).exists():
            raise NotFound(f"Nothing of lot {pk} lies in {place}.", batch_location=place)
        return self.run(place, body["quantity"], lot_number=body.get("lot_number", ""), reason=body.get("reason", ""))

    @action(detail=True)
    def trace(self, request: Request, pk: str) -> Response:
        """Where it comes from, where it is, who got it."""
        trace = orchestrator.trace_batch(int(pk))
        return Response(TraceOut(trace, context={"warehouses": trace.warehouses}).data)

    def show_withdrawal(self, done: orchestrator.Withdrawal) -> Any:
        lots = {lot.pk: lot for lot in self.rows.filter(pk__in=[lot.pk for lot in done.lots])}
        told = {name: getattr(done, name) for name in ("stop", "shipped", "reallocated", "released")}
        sites = dict(Warehouse.objects.filter(pk__in={order.warehouse_id for order in done.shipped}).values_list("pk", "code"))
        shown = {"batch": lots[done.batch.pk], "lots": list(lots.values()), **told}
        return WithdrawalOut(shown, context={**self.get_serializer_context(), "warehouses": sites}).data
