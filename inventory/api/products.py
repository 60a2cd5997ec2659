"""`/products`: what is sold, and how long it keeps."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.api.catalogue import CatalogueEndpoints, ModelInput
from inventory.models import Barcode, Product, ShelfLife
from inventory.queries.product_file import FIELDS, read_products
from inventory.queries.stock import stocked_by
from inventory.services.product_import import import_products
from inventory.services.products import change_product, create_product
from warehouse.core.api.csv import CsvParser
from warehouse.core.api.filters import TextFilter
from warehouse.outbox.http import perform


class ShelfLifeOut(serializers.ModelSerializer):
    class Meta:
        model = ShelfLife
        fields = ("condition", "phase", "days")


class ShelfLifeIn(ModelInput):
    class Meta:
        model = ShelfLife
        fields = ("condition", "phase", "days")


class ProductBarcodeOut(serializers.ModelSerializer):
    class Meta:
        model = Barcode
        fields = ("id", "code", "kind", "pack_quantity")


class ProductOut(serializers.ModelSerializer):
    shelf_lives = ShelfLifeOut(many=True)
    barcodes = ProductBarcodeOut(many=True)

    class Meta:
        model = Product
        fields = ("id", *FIELDS, "created_at", "shelf_lives", "barcodes")


class ProductIn(ModelInput):
    """A product. `shelf_lives`, where given, replaces the whole list; barcodes have their own address."""

    shelf_lives = ShelfLifeIn(many=True, required=False)

    class Meta:
        model = Product
        fields = (*FIELDS, "shelf_lives")

    def validate_shelf_lives(self, lives: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for life in lives:  # within a PATCH nothing is required of itself
            for name in ("condition", "days"):
                if name not in life:
                    raise serializers.ValidationError(f"A life needs its {name}.", code="required")
        keys = [(life["condition"], life.get("phase", "sealed")) for life in lives]
        if len(set(keys)) < len(keys):
            raise serializers.ValidationError("A condition and phase may have one life.", code="duplicate")
        return lives


class ImportedOut(serializers.Serializer):
    created = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()


class ProductFilters(django_filters.FilterSet):
    sku = TextFilter(lookup_expr="iexact")
    barcode = TextFilter(field_name="barcodes__code")
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = Product
        fields: list[str] = []


class Products(CatalogueEndpoints):
    """What is sold."""

    rows: QuerySet[Any] = Product.objects.prefetch_related(
        Prefetch("shelf_lives", queryset=ShelfLife.objects.order_by("pk")), Prefetch("barcodes", queryset=Barcode.objects.order_by("pk"))
    )
    serializer_class = ProductOut
    filterset_class = ProductFilters
    search_fields = ("sku", "name", "barcodes__code")
    orderings = {"sku": "sku", "name": "name", "created_at": "created_at"}
    operations = {"create": create_product, "partial_update": change_product, "import_file": import_products}
    outputs = {"import_file": ImportedOut}
    parts = ("shelf_lives",)
    inputs = {"create": ProductIn, "partial_update": ProductIn}

    @extend_schema(request={"text/csv": OpenApiTypes.STR})
    @action(detail=False, methods=["post"], url_path="import", parser_classes=[CsvParser])
    def import_file(self, request: Request) -> Response:
        """Make and change products by a CSV file, all of it or nothing; a refusal names row, field and what was expected."""
        rows = read_products(request.data if isinstance(request.data, str) else "")
        return perform(request, import_products, rows, render=lambda imported: ImportedOut(imported).data)

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return stocked_by(rows, self.actor)
