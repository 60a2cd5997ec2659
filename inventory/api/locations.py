"""`/locations`: the places in the sites."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers

from inventory.api.catalogue import CatalogueEndpoints, ModelInput
from inventory.api.names import WarehouseField
from inventory.enums import Condition, LocationKind
from inventory.models import Location
from inventory.queries.stock import visible_to
from inventory.services.locations import change_location, create_location
from warehouse.core.api.filters import TextFilter

PLACE = ("barcode", "zone", "aisle", "bay", "level", "pick_sequence", "x", "y")


class LocationOut(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")

    class Meta:
        model = Location
        fields = ("id", "warehouse", "code", "kind", "condition", *PLACE, "is_pickable", "is_active", "version")


class LocationIn(ModelInput):
    """A new place. What makes its goods sellable (condition, pickable, active) is fixed here."""

    warehouse = WarehouseField()

    class Meta:
        model = Location
        fields = ("warehouse", "code", "kind", "condition", *PLACE, "is_pickable", "is_active")
        validators: list[Any] = []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if Location.objects.filter(warehouse=attrs["warehouse"], code=attrs["code"]).exists():
            raise serializers.ValidationError({"code": "This warehouse has a location with this code."}, code="unique")
        return attrs


class LocationChange(ModelInput):
    """Where it is and how it is scanned."""

    class Meta:
        model = Location
        fields = PLACE


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

    rows: QuerySet[Any] = Location.objects.select_related("warehouse")
    serializer_class = LocationOut
    filterset_class = LocationFilters
    search_fields = ("code", "barcode", "zone")
    orderings = {"code": "code", "pick_sequence": "pick_sequence", "warehouse": "warehouse__code"}
    operations = {"create": create_location, "partial_update": change_location}
    inputs = {"create": LocationIn, "partial_update": LocationChange}
    version_field = "version"

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return visible_to(rows, self.actor)
