"""`/walk-settings`: how people walk in a warehouse, and what a cart takes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api.names import named_warehouse
from fulfillment.enums import BatchingMethod, RouteMethod
from fulfillment.models import WalkSettings
from fulfillment.services.walk_settings import change_walk_settings, create_walk_settings, delete_walk_settings
from inventory import orchestrator
from warehouse.core.api.filters import TextFilter
from warehouse.core.api.inputs import CodeField, Input
from warehouse.core.errors import ValidationFailed
from warehouse.outbox.http import ReadEndpoints

LEAST_LENGTH, LEAST = Decimal("0.1"), Decimal("0.001")


class WalkSettingsOut(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")
    warehouse_id = serializers.CharField(source="warehouse.external_id")
    depot = serializers.CharField(source="depot.code", default=None, allow_null=True, help_text="Null: the packing bench.")

    class Meta:
        model = WalkSettings
        fields = (
            "id", "warehouse", "warehouse_id", "method", "cold_last", "depot", "aisle_spacing", "bay_length", "middle_cross_aisle", "batching", "totes",
            "max_items", "max_volume", "max_weight", "waves_only", "created_at", "updated_at", "version",
        )  # fmt: skip


class WalkSettingsChange(Input):
    """What is not named stays as it is."""

    method = serializers.ChoiceField(choices=RouteMethod.choices, required=False, help_text="How the order of the stops is found. Default: exact.")
    cold_last = serializers.BooleanField(required=False, help_text="Chilled places after the others, frozen ones last. Default: true.")
    depot = CodeField(max_length=80, required=False, allow_null=True, help_text="Where walks begin and end; null: the packing bench.")
    aisle_spacing = serializers.DecimalField(
        10, 2, min_value=LEAST_LENGTH, required=False, help_text="Metres from aisle to aisle, where places have no x. Default: 3."
    )
    bay_length = serializers.DecimalField(10, 2, min_value=LEAST_LENGTH, required=False, help_text="Metres, where places have no y. Default: 1.5.")
    middle_cross_aisle = serializers.DecimalField(
        10, 2, required=False, allow_null=True, help_text="The y of a cross aisle in the middle, in metres; null: there is none."
    )
    batching = serializers.ChoiceField(choices=BatchingMethod.choices, required=False, help_text="How orders are put together. Default: savings.")
    totes = serializers.IntegerField(min_value=1, max_value=32767, required=False, help_text="How many totes a cart carries. Default: 8.")
    max_items = serializers.IntegerField(min_value=1, max_value=2_000_000_000, required=False, allow_null=True)
    max_volume = serializers.DecimalField(10, 3, min_value=LEAST, required=False, allow_null=True, help_text="Litres.")
    max_weight = serializers.DecimalField(10, 3, min_value=LEAST, required=False, allow_null=True, help_text="Kilograms.")
    waves_only = serializers.BooleanField(required=False, help_text="Tasks are given out after a wave has released them only. Default: false.")


class WalkSettingsIn(WalkSettingsChange):
    """What is not named has its default."""

    warehouse = CodeField(required=False, max_length=40)
    warehouse_id = CodeField(required=False)


class WalkSettingsFilters(django_filters.FilterSet):
    warehouse = TextFilter(field_name="warehouse__code")
    warehouse_id = TextFilter(field_name="warehouse__external_id")

    class Meta:
        model = WalkSettings
        fields: list[str] = []


class WalkSettingsOfWarehouses(ReadEndpoints):
    """How a warehouse is walked. One without settings has the defaults."""

    rows: QuerySet[Any] = WalkSettings.objects.select_related("warehouse", "depot").order_by("pk")
    programs_read = False
    serializer_class = WalkSettingsOut
    filterset_class = WalkSettingsFilters
    version_field = "version"
    operations = {"create": create_walk_settings, "partial_update": change_walk_settings, "destroy": delete_walk_settings}
    inputs = {"create": WalkSettingsIn, "partial_update": WalkSettingsChange}
    described = frozenset({"create", "partial_update", "destroy"})

    def create(self, request: Request) -> Response:
        """Say how a warehouse is walked; 409 when it has settings already."""
        body = self.body()
        warehouse_id = named_warehouse({name: body.pop(name, "") for name in ("warehouse", "warehouse_id")})
        return self.run({"warehouse_id": warehouse_id, **_values(body, warehouse_id)})

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; If-Match is demanded. Walks that have begun keep their order."""
        body = self.body()
        return self.run(int(pk), _values(body, self.get_object().warehouse_id))

    def destroy(self, request: Request, pk: str) -> Response:
        """Go back to the defaults."""
        self.operations["destroy"](self.get_object().pk, actor=self.actor)
        return Response(status=204)


def _values(body: dict[str, Any], warehouse_id: int) -> dict[str, Any]:
    """As the operations take them: the depot by its id."""
    if "depot" in body:
        code = body.pop("depot")
        found = orchestrator.find_by_scan(code, warehouse_id=warehouse_id).location_id if code else None
        if code and found is None:
            raise ValidationFailed(f"depot: there is no place {code} in this warehouse.", errors=[{"field": "depot", "code": "unknown"}])
        body["depot_id"] = found
    return body
