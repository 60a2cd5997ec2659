"""`/barcodes`: what a scanner reads as a product."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers

from inventory.api.catalogue import DeletableEndpoints, ModelInput
from inventory.api.names import SkuField
from inventory.enums import BarcodeKind
from inventory.models import Barcode, Product
from inventory.queries.stock import stocked_by
from inventory.services.products import change_barcode, create_barcode, delete_barcode
from warehouse.core.api.filters import NamedRowFilter, TextFilter
from warehouse.core.api.inputs import QuantityField


class BarcodeOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")

    class Meta:
        model = Barcode
        fields = ("id", "code", "product", "sku", "kind", "pack_quantity")


class BarcodeIn(ModelInput):
    sku = SkuField(source="product")
    pack_quantity = QuantityField(required=False)

    class Meta:
        model = Barcode
        fields = ("code", "sku", "kind", "pack_quantity")


class BarcodeFilters(django_filters.FilterSet):
    code = TextFilter()
    sku = NamedRowFilter(Product, "sku__iexact", "product_id")
    kind = django_filters.ChoiceFilter(choices=BarcodeKind.choices)

    class Meta:
        model = Barcode
        fields = ("product",)


class Barcodes(DeletableEndpoints):
    """Codes of products and of their packs."""

    rows: QuerySet[Any] = Barcode.objects.select_related("product").order_by("-pk")
    serializer_class = BarcodeOut
    filterset_class = BarcodeFilters
    orderings = {"code": "code"}
    operations = {"create": create_barcode, "partial_update": change_barcode, "destroy": delete_barcode}
    inputs = {"create": BarcodeIn, "partial_update": BarcodeIn}

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return stocked_by(rows, self.actor, product="product")
