"""`/batches`: the lots."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers

from inventory.enums import BatchStatus
from inventory.models import Batch, Product
from warehouse.core.api.filters import NamedRowFilter, TextFilter
from warehouse.outbox.http import ReadEndpoints


class BatchOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")
    supplier = serializers.CharField(source="supplier.code", default=None, allow_null=True)

    class Meta:
        model = Batch
        fields = (
            "id", "product", "sku", "lot_number", "parent", "supplier", "produced_on", "label_expires_on", "label_condition", "received_at",
            "purchase_price", "currency", "status",
        )  # fmt: skip


class BatchFilters(django_filters.FilterSet):
    sku = NamedRowFilter(Product, "sku__iexact", "product_id")
    lot_number = TextFilter()
    supplier = TextFilter(field_name="supplier__code")
    status = django_filters.ChoiceFilter(choices=BatchStatus.choices)
    expires_from = django_filters.DateFilter(field_name="label_expires_on", lookup_expr="gte")
    expires_to = django_filters.DateFilter(field_name="label_expires_on", lookup_expr="lte")

    class Meta:
        model = Batch
        fields = ("product",)


class Batches(ReadEndpoints):
    """Lots. They come by receiving."""

    rows: QuerySet[Any] = Batch.objects.select_related("product", "supplier").order_by("-pk")
    serializer_class = BatchOut
    filterset_class = BatchFilters
    search_fields = ("lot_number", "product__sku")
    orderings = {"received_at": "received_at", "label_expires_on": "label_expires_on", "lot_number": "lot_number"}
