"""`/warehouses`: the sites."""

from __future__ import annotations

import zoneinfo
from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers

from inventory.api.catalogue import CatalogueEndpoints, ModelInput
from inventory.api.names import SellerField
from inventory.enums import WarehouseKind
from inventory.models import Warehouse
from inventory.queries.stock import visible_to
from inventory.services.warehouses import change_warehouse, create_warehouse
from warehouse.core.api.filters import TextFilter

FIELDS = (
    "code", "external_id", "name", "kind", "city", "street", "postal_code", "country", "contact_name", "phone", "time_zone", "seller", "priority",
    "is_active",
)  # fmt: skip


class WarehouseOut(serializers.ModelSerializer):
    seller = serializers.CharField(source="seller.code", default=None, allow_null=True)

    class Meta:
        model = Warehouse
        fields = ("id", *FIELDS)


class WarehouseIn(ModelInput):
    seller = SellerField(required=False, allow_null=True)

    class Meta:
        model = Warehouse
        fields = FIELDS

    def validate_time_zone(self, value: str) -> str:
        if value not in zoneinfo.available_timezones():
            raise serializers.ValidationError(f"There is no time zone {value!r}.", code="unknown")
        return value


class WarehouseFilters(django_filters.FilterSet):
    code = TextFilter()
    external_id = TextFilter()
    city = TextFilter(lookup_expr="iexact")
    kind = django_filters.ChoiceFilter(choices=WarehouseKind.choices)
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = Warehouse
        fields: list[str] = []


class Warehouses(CatalogueEndpoints):
    """Warehouses and shops."""

    rows: QuerySet[Any] = Warehouse.objects.select_related("seller")
    serializer_class = WarehouseOut
    filterset_class = WarehouseFilters
    search_fields = ("code", "name", "city")
    orderings = {"code": "code", "name": "name", "city": "city", "priority": "priority"}
    operations = {"create": create_warehouse, "partial_update": change_warehouse}
    inputs = {"create": WarehouseIn, "partial_update": WarehouseIn}

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return visible_to(rows, self.actor, warehouse="")
