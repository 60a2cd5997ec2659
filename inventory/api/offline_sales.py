"""`/offline-sales`: what tills sell."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.names import named_warehouse
from inventory.api.traces import AmountField
from inventory.models import OfflineSale
from inventory.orchestrator import SaleConflict, SaleLine
from inventory.queries.offline_sales import sold_parts
from inventory.queries.order_lines import MAX_LINES
from inventory.queries.stock import visible_to
from warehouse.core.api.filters import MomentFilter, TextFilter
from warehouse.core.api.inputs import CodeField, IdField, Input, QuantityField
from warehouse.outbox.http import ReadEndpoints

MOST_RESERVATIONS = 100


class SoldLineOut(serializers.Serializer):
    product = serializers.IntegerField()
    sku = serializers.CharField()
    quantity = serializers.CharField()


class SoldPartOut(serializers.Serializer):
    product = serializers.IntegerField(source="product_id")
    sku = serializers.CharField()
    batch = serializers.IntegerField(source="batch_id")
    lot_number = serializers.CharField()
    location = serializers.CharField()
    quantity = AmountField()


class OfflineSaleSummary(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    lines = SoldLineOut(many=True)
    sold_by = serializers.CharField(source="sold_by.username", default=None, allow_null=True)

    class Meta:
        model = OfflineSale
        fields = ("id", "warehouse", "receipt_number", "order_ref", "lines", "sold_by", "created_at")


class OfflineSaleOut(OfflineSaleSummary):
    parts = serializers.SerializerMethodField(help_text="Which batches left from where.")

    class Meta(OfflineSaleSummary.Meta):
        fields = (*OfflineSaleSummary.Meta.fields, "parts")  # type: ignore[assignment]

    @extend_schema_field(SoldPartOut(many=True))
    def get_parts(self, sale: OfflineSale) -> Any:
        return SoldPartOut(sold_parts([sale.pk]).get(sale.pk, []), many=True).data


class AffectedReservationOut(serializers.Serializer):
    reservation = serializers.IntegerField(source="reservation_id")
    order_ref = serializers.CharField()
    quantity = AmountField(help_text="What releasing it would give.")
    picking_started = serializers.BooleanField(help_text="Then it does not give way.")
    confirmed = serializers.BooleanField(help_text="Whether the order is confirmed, or still a basket.")
    expires_at = serializers.DateTimeField(allow_null=True)


class LineConflictOut(serializers.Serializer):
    product = serializers.IntegerField(source="product_id")
    sku = serializers.CharField()
    has_conflict = serializers.BooleanField()
    asked = AmountField()
    available = AmountField()
    shortage = AmountField()
    affected_reservations = AffectedReservationOut(many=True, help_text="The newest promise first.")


class SaleConflictOut(serializers.Serializer):
    has_conflict = serializers.BooleanField()
    lines = LineConflictOut(many=True)


class SaleLineIn(Input):
    sku = CodeField(required=False)
    listing_id = CodeField(required=False, help_text="Instead of the SKU.")
    quantity = QuantityField()


class SaleCheckIn(Input):
    warehouse = CodeField(required=False, max_length=40)
    warehouse_id = CodeField(required=False, help_text="Instead of the code: the partners' id.")
    storefront_id = CodeField(required=False, help_text="Whose listings the lines name.")
    items = SaleLineIn(many=True, allow_empty=False, max_length=MAX_LINES)  # type: ignore[call-arg]


class SaleIn(SaleCheckIn):
    receipt_number = CodeField(max_length=70, help_text="Once per warehouse: the same receipt with the same lines answers the first sale.")
    reservation_ids_to_release = serializers.ListField(
        child=IdField(),
        required=False,
        max_length=MOST_RESERVATIONS,
        help_text="Promises that give way, in this order, where goods are missing: the product concerned only.",
    )


class OfflineSaleFilters(django_filters.FilterSet):
    warehouse = TextFilter(field_name="warehouse__code")
    receipt_number = TextFilter()
    created_from = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_to = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = OfflineSale
        fields: list[str] = []


class OfflineSales(ReadEndpoints):
    """Sales at tills, once per receipt."""

    rows: QuerySet[Any] = OfflineSale.objects.select_related("warehouse", "sold_by").order_by("-pk")
    serializer_class = OfflineSaleOut
    filterset_class = OfflineSaleFilters
    orderings = {"created_at": "created_at"}
    operations = {"create": orchestrator.process_offline_sale, "check": orchestrator.check_offline_sale_conflict}
    inputs = {"create": SaleIn, "check": SaleCheckIn}
    outputs = {"list": OfflineSaleSummary, "check": SaleConflictOut}

    def get_serializer_class(self) -> Any:
        return OfflineSaleSummary if self.action == "list" else OfflineSaleOut

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return visible_to(rows, self.actor)

    def create(self, request: Request) -> Response:
        """Sell over the counter, first expired first; named promises may give way."""
        body = self.body()
        site = named_warehouse(body)
        return self.run(
            warehouse_id=site.pk,
            lines=sale_lines(body),
            receipt_number=body["receipt_number"],
            reservation_ids_to_release=body.get("reservation_ids_to_release", []),
        )

    @action(detail=False, methods=["post"])
    def check(self, request: Request) -> Response:
        """Ask before a sale: what is for sale, what is missing, and who is promised it. Changes nothing."""
        body = self.body()
        site = named_warehouse(body)
        return self.run(site.pk, sale_lines(body), render=show_conflict)


def sale_lines(body: dict[str, Any]) -> list[SaleLine]:
    """Lines as the operations want them. Raises UnknownProduct naming every one that is none."""
    found = orchestrator.resolve_lines(body["items"], storefront_id=body.get("storefront_id"))
    return [SaleLine(line.product_id, line.quantity) for line in found]


def show_conflict(answer: SaleConflict) -> Any:
    return SaleConflictOut(answer).data
