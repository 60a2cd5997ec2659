"""`/stock-sync/discrepancies`: what waits for a person."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from stocksync.enums import DiscrepancyKind, Resolution
from stocksync.models import Channel, ChannelOrder, Discrepancy
from stocksync.services.resolutions import possible, resolve_discrepancy
from warehouse.core.api.filters import NamedRowFilter
from warehouse.core.api.inputs import Input
from warehouse.outbox.http import ReadEndpoints


class DiscrepancyOut(serializers.ModelSerializer):
    channel = serializers.CharField(source="channel.code")
    order_id = serializers.CharField(source="order.external_id", default=None, allow_null=True, help_text="The marketplace's id.")
    offer_id = serializers.CharField(source="level.offer_id", default=None, allow_null=True)
    resolved_by = serializers.CharField(source="resolved_by.username", default=None, allow_null=True)
    possible = serializers.SerializerMethodField(help_text="What can be done about it.")

    class Meta:
        model = Discrepancy
        fields = (
            "id", "channel", "kind", "detail", "order", "order_id", "operation", "level", "offer_id", "here", "there", "possible", "found_at", "seen_at",
            "resolved_at", "resolved_by", "resolution",
        )  # fmt: skip

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=Resolution.choices)))
    def get_possible(self, row: Discrepancy) -> list[str]:
        return sorted(possible(row))


class ResolutionIn(Input):
    resolution = serializers.ChoiceField(choices=Resolution.choices)
    note = serializers.CharField(max_length=200, help_text="Why.")


class DiscrepancyFilters(django_filters.FilterSet):
    open = django_filters.BooleanFilter(field_name="resolved_at", lookup_expr="isnull")
    kind = django_filters.MultipleChoiceFilter(choices=DiscrepancyKind.choices)
    channel = NamedRowFilter(Channel, "code", "channel")
    order = NamedRowFilter(ChannelOrder, "external_id", "order")

    class Meta:
        model = Discrepancy
        fields: list[str] = []


DISCREPANCIES = Discrepancy.objects.select_related("channel", "order", "level", "resolved_by").order_by("-found_at", "-pk")


class Discrepancies(ReadEndpoints):
    """Where the two sides differ, or an order or a listing can't go on by itself."""

    rows: QuerySet[Any] = DISCREPANCIES
    programs_read = False
    serializer_class = DiscrepancyOut
    filterset_class = DiscrepancyFilters
    operations = {"resolve": resolve_discrepancy}
    inputs = {"resolve": ResolutionIn}

    @extend_schema(examples=[OpenApiExample("Tell it again", {"resolution": "retry", "note": "Their outage is over."}, request_only=True)])
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: str) -> Response:
        """Do what was decided about it, and close it."""
        body = self.body()
        return self.run(int(pk), body["resolution"], note=body["note"])
