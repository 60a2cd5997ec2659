"""`/stock`: totals, what lies where, what may be promised and where it is picked from."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.batch_locations import BatchLocationOut
from inventory.enums import StockStatus
from inventory.models import BatchLocation, Product, Stock, Warehouse
from inventory.queries.stock import get_location_stock, get_low_stock, get_product_stock, visible_to
from warehouse.core.api.filters import NamedRowFilter, TextFilter
from warehouse.core.api.inputs import Input, QuantityField
from warehouse.outbox.http import Endpoints, ReadEndpoints


class StockOut(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    city = serializers.CharField(source="warehouse.city")
    sku = serializers.CharField(source="product.sku")
    name = serializers.CharField(source="product.name")
    available = serializers.DecimalField(max_digits=14, decimal_places=3)

    class Meta:
        model = Stock
        fields = (
            "id", "warehouse", "city", "product", "sku", "name", "quantity", "reserved", "blocked", "available", "low_stock_threshold", "status",
            "version", "settings_version", "updated_at",
        )  # fmt: skip


class ThresholdIn(Input):
    low_stock_threshold = QuantityField(zero_allowed=True)


class StockFilters(django_filters.FilterSet):
    city = TextFilter(field_name="warehouse__city", lookup_expr="iexact")
    warehouse = NamedRowFilter(Warehouse, "code", "warehouse_id")
    status = django_filters.ChoiceFilter(choices=StockStatus.choices)
    sku = NamedRowFilter(Product, "sku__iexact", "product_id")

    class Meta:
        model = Stock
        fields = ("product",)


class Stocks(ReadEndpoints):
    """Totals of a product in a warehouse, as of the last operation; what may be promised now says `availability`."""

    rows: QuerySet[Any] = Stock.objects.select_related("warehouse", "product").order_by("-pk")
    serializer_class = StockOut
    filterset_class = StockFilters
    search_fields = ("sku", "name")
    search_in = ("product", Product)
    orderings = {"sku": "product__sku", "id": "pk"}  # the others have no index: a page of a million rows would wait for a sort
    operations = {"partial_update": orchestrator.set_low_stock_threshold}
    inputs = {"partial_update": ThresholdIn}
    lists = frozenset({"list", "low"})
    version_field = "settings_version"

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return visible_to(rows, self.actor)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Set the threshold. The ETag is that of the settings: a sale does not change it."""
        return self.run(int(kwargs["pk"]), self.body()["low_stock_threshold"])

    @action(detail=False)
    def low(self, request: Request) -> Response:
        """Totals at or below their threshold, the emptiest first."""
        rows = self.filter_queryset(self.visible(get_low_stock().order_by("available", "pk")))
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class _Contents(Endpoints):
    """What lies somewhere, batch by batch."""

    rows: QuerySet[Any] = BatchLocation.objects.none()
    serializer_class = BatchLocationOut

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return visible_to(rows.select_related("batch", "product", "location", "warehouse"), self.actor)

    def page(self, rows: QuerySet[Any]) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.visible(rows)))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class LocationContents(_Contents):
    """What lies in a place."""

    @extend_schema(operation_id="get_location_stock")
    def list(self, request: Request, location: str) -> Response:
        """What lies in the place, in the order of leaving."""
        return self.page(get_location_stock(int(location)).order_by("product__sku", "effective_expires_at", "received_at", "pk"))


class ProductContents(_Contents):
    """Where a product lies."""

    @extend_schema(operation_id="get_product_stock")
    def list(self, request: Request, product: str) -> Response:
        """Where the product lies over all sites, in the order of leaving."""
        return self.page(get_product_stock(int(product)).order_by("warehouse__priority", "effective_expires_at", "received_at", "pk"))
