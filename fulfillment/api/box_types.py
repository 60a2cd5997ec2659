"""`/box-types`: the boxes, bags and envelopes that are kept."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.enums import PackagingType
from fulfillment.models import BoxType
from fulfillment.services.box_types import change_box_type, create_box_type, delete_box_type
from warehouse.core.api.filters import TextFilter
from warehouse.core.api.inputs import CodeField, Input
from warehouse.outbox.http import ReadEndpoints


class BoxTypeOut(serializers.ModelSerializer):
    class Meta:
        model = BoxType
        fields = (
            "id", "code", "name", "packaging_type", "length", "width", "height", "wall", "own_weight", "max_weight", "is_active", "created_at",
            "updated_at", "version",
        )  # fmt: skip


def _centimetres(**more: Any) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=8, decimal_places=2, min_value=0, **more)


def _kilograms(**more: Any) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=8, decimal_places=3, min_value=0, required=False, **more)


class BoxTypeChange(Input):
    code = CodeField(max_length=20, required=False)
    name = serializers.CharField(max_length=100, required=False)
    packaging_type = serializers.ChoiceField(choices=PackagingType.choices, required=False)
    length = _centimetres(required=False, help_text="Inside, in centimetres.")
    width = _centimetres(required=False, help_text="Inside, in centimetres.")
    height = _centimetres(required=False, help_text="Inside, in centimetres.")
    wall = serializers.DecimalField(max_digits=4, decimal_places=2, min_value=0, required=False, help_text="How thick a wall is, in centimetres.")
    own_weight = _kilograms(help_text="Empty, in kilograms.")
    max_weight = _kilograms(allow_null=True, help_text="How much it bears, in kilograms.")
    is_active = serializers.BooleanField(required=False)


class BoxTypeIn(BoxTypeChange):
    code = CodeField(max_length=20)
    name = serializers.CharField(max_length=100)
    length = _centimetres(help_text="Inside, in centimetres.")
    width = _centimetres(help_text="Inside, in centimetres.")
    height = _centimetres(help_text="Inside, in centimetres.")


class BoxTypeFilters(django_filters.FilterSet):
    code = TextFilter()
    packaging_type = django_filters.ChoiceFilter(choices=PackagingType.choices)
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = BoxType
        fields: list[str] = []


class BoxTypes(ReadEndpoints):
    """What goods are packed into. A package that takes a box type has its kind, its outer sides and its own weight."""

    rows: QuerySet[Any] = BoxType.objects.order_by("pk")
    serializer_class = BoxTypeOut
    filterset_class = BoxTypeFilters
    search_fields = ("code", "name")
    orderings = {"code": "code"}
    version_field = "version"
    operations = {"create": create_box_type, "partial_update": change_box_type, "destroy": delete_box_type}
    inputs = {"create": BoxTypeIn, "partial_update": BoxTypeChange}
    described = frozenset({"create", "partial_update", "destroy"})

    def create(self, request: Request) -> Response:
        """Add a box type."""
        return self.run(self.body())

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; If-Match is demanded. Packages that were made keep theirs."""
        return self.run(int(pk), self.body())

    def destroy(self, request: Request, pk: str) -> Response:
        """Take out a box type that nothing was ever packed into."""
        self.operations["destroy"](self.get_object().pk, actor=self.actor)
        return Response(status=204)
