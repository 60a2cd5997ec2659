"""`/put-backs`: picked goods that nobody needs any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api.names import named_warehouse
from fulfillment.enums import PutBackStatus
from fulfillment.models import PutBack
from fulfillment.services.put_backs import AT_ONCE, claim_put_backs, complete_put_back, lay_down_put_backs, quarantine_put_back
from warehouse.core.api.filters import TextFilter
from warehouse.core.api.inputs import CodeField, Input, QuantityField
from warehouse.outbox.http import ReadEndpoints


class PutBackOut(serializers.ModelSerializer):
    order_id = serializers.CharField(source="order.external_id")
    warehouse = serializers.CharField(source="warehouse.code")
    sku = serializers.CharField(source="product.sku")
    lot_number = serializers.CharField(source="batch.lot_number")
    bench = serializers.CharField(source="batch_location.location.code", help_text="Where they lie.")
    suggested_location = serializers.CharField(source="from_location.code", help_text="The shelf they were picked from.")
    remaining = serializers.DecimalField(max_digits=14, decimal_places=3, read_only=True)
    worker = serializers.CharField(source="worker.username", default=None, allow_null=True, help_text="Who has them in hand, until `claimed_until`.")

    class Meta:
        model = PutBack
        fields = (
            "id", "order", "order_id", "picking_task", "warehouse", "product", "sku", "batch", "lot_number", "bench", "suggested_location", "quantity",
            "done_quantity", "quarantined_quantity", "remaining", "status", "picked_at", "worker", "claimed_until", "note", "done_at", "created_at",
            "updated_at", "version",
        )  # fmt: skip


class PutBackIn(Input):
    quantity = QuantityField(help_text="All of them, or a part.")
    location_scan = serializers.CharField(max_length=200, help_text="Where they go, as scanned.")


class QuarantineIn(Input):
    quantity = QuantityField(help_text="All of them, or a part.")
    reason = serializers.CharField(max_length=200, help_text="Why they are not fit to be sold.")
    location_scan = serializers.CharField(max_length=200, required=False, help_text="A quarantine, as scanned; without it the warehouse's own.")


class WalkIn(Input):
    warehouse = CodeField(max_length=40, required=False, help_text="Our code.")
    warehouse_id = CodeField(required=False, help_text="Instead of the code: the partners' id.")


class ClaimIn(WalkIn):
    bench = CodeField(max_length=40, required=False, help_text="Only what lies there: a location's code.")
    limit = serializers.IntegerField(min_value=1, max_value=AT_ONCE, required=False, help_text="How many at once.")


class LaidDown(serializers.Serializer):
    laid_down = serializers.IntegerField(help_text="How many put-backs others may take now.")


class PutBackFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=PutBackStatus.choices)
    warehouse = TextFilter(field_name="warehouse__code")
    bench = TextFilter(field_name="batch_location__location__code", help_text="Where they lie: a location's code.")
    worker = TextFilter(field_name="worker__username")
    sku = TextFilter(field_name="product__sku", lookup_expr="iexact")
    order = django_filters.NumberFilter(field_name="order_id")
    order_id = TextFilter(field_name="order__external_id")

    class Meta:
        model = PutBack
        fields: list[str] = []


class PutBacks(ReadEndpoints):
    """Goods of cancelled orders on the bench, to be brought to a shelf: `pending → done`."""

    rows: QuerySet[Any] = PutBack.objects.select_related(
        "order", "warehouse", "product", "batch", "batch_location__location", "from_location", "worker"
    ).order_by("-pk")
    serializer_class = PutBackOut
    filterset_class = PutBackFilters
    orderings = {"created_at": "created_at"}
    version_field = "version"
    operations = {
        "complete": complete_put_back,
        "quarantine": quarantine_put_back,
        "claim": claim_put_backs,
        "lay_down": lay_down_put_backs,
    }
    inputs = {"complete": PutBackIn, "quarantine": QuarantineIn, "claim": ClaimIn, "lay_down": WalkIn}

    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Bring goods from the bench to a shelf: then they are for sale again."""
        body = self.body()
        return self.run(int(pk), body["quantity"], location_scan=body["location_scan"])

    @action(detail=True, methods=["post"])
    def quarantine(self, request: Request, pk: str) -> Response:
        """Bring goods that are not fit to be sold any more from the bench to quarantine."""
        body = self.body()
        return self.run(int(pk), body.pop("quantity"), body.pop("reason"), **body)

    @extend_schema(responses={200: PutBackOut(many=True)})
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def claim(self, request: Request) -> Response:
        """Take goods in hand for one walk: what the caller has already and the oldest that nobody has, in walking order. Theirs for half an hour."""
        body = self.body()
        warehouse_id = named_warehouse(body)
        wish = {name: body[name] for name in ("bench", "limit") if name in body}
        return self.run(warehouse_id, render=self._walk, **wish)

    @extend_schema(responses={200: LaidDown})
    @action(detail=False, methods=["post"], url_path="lay-down", filterset_class=None, pagination_class=None)
    def lay_down(self, request: Request) -> Response:
        """Lay down what the caller has in hand: others may take it."""
        return self.run(named_warehouse(self.body()), render=lambda count: {"laid_down": count})

    def _walk(self, rows: Sequence[PutBack]) -> Any:
        shown = {row.pk: row for row in self.rows.filter(pk__in=[row.pk for row in rows])}
        return PutBackOut([shown[row.pk] for row in rows], many=True).data
