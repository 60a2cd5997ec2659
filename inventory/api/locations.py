"""`/locations`: the places in the sites."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers

from inventory.api.catalogue import CatalogueEndpoints, ModelInput
from inventory.api.names import SkuField, WarehouseField
from inventory.enums import Condition, LocationKind
from inventory.models import Location
from inventory.queries.stock import visible_to
from inventory.services.locations import change_location, create_location
from warehouse.core.api.filters import TextFilter

JUDGING = ("condition", "is_pickable", "is_active")
PLACE = ("barcode", "exposure", "zone", "aisle", "bay", "level", "pick_sequence", "x", "y")


class LocationOut(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    fixed_product = serializers.CharField(source="fixed_product.sku", default=None, allow_null=True, help_text="Whose home it is.")

    class Meta:
        model = Location
        fields = ("id", "warehouse", "code", "kind", *JUDGING, *PLACE, "fixed_product", "version")


class LocationIn(ModelInput):
    """A new place. Its warehouse and kind are fixed here."""

    warehouse = WarehouseField()
    fixed_product = SkuField(required=False, allow_null=True, help_text="Whose home it is: put-away suggests it first. A SKU.")

    class Meta:
        model = Location
        fields = ("warehouse", "code", "kind", *JUDGING, *PLACE, "fixed_product")
        validators: list[Any] = []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if Location.objects.filter(warehouse=attrs["warehouse"], code=attrs["code"]).exists():
            raise serializers.ValidationError({"code": "This warehouse has a location with this code."}, code="unique")
        return attrs


class LocationChange(ModelInput):
    """Where it is, how it is scanned, whose home it is; and what the goods in it are judged by: they are judged again."""

    fixed_product = SkuField(required=False, allow_null=True, help_text="Whose home it is: put-away suggests it first. A SKU.")
    release_reservations = serializers.BooleanField(
        required=False, help_text="Closing it, promises of goods there may move to other goods, or be released where there are none."
    )

    class Meta:
        model = Location
        fields = (*JUDGING, *PLACE, "fixed_product", "release_reservations")


class LocationFilters(django_filters.FilterSet):
    warehouse = TextFilter(field_name="warehouse__code")
    code = TextFilter()
    barcode = TextFilter()
    zone = TextFilter()
    kind = django_filters.ChoiceFilter(choices=LocationKind.choices)
    condition = django_filters.ChoiceFilter(choices=Condition.choices)
    is_active = django_filters.BooleanFilter()
    is_pickable = django_filters.BooleanFilter()

    class Meta:
        model = Location
        fields: list[str] = []


class Locations(CatalogueEndpoints):
    """Docks, shelves, benches."""

    rows: QuerySet[Any] = Location.objects.select_related("warehouse", "fixed_product")
    serializer_class = LocationOut
    filterset_class = LocationFilters
    search_fields = ("code", "barcode", "zone")
    orderings = {"code": "code", "pick_sequence": "pick_sequence", "warehouse": "warehouse__code"}
    operations = {"create": create_location, "partial_update": change_location}
    inputs = {"create": LocationIn, "partial_update": LocationChange}
    parts = ("release_reservations",)
    version_field = "version"

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return visible_to(rows, self.actor)
