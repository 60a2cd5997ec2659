"""`/stock-sync/levels`: what listings are to show, and what they were told."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from stocksync.models import Channel, ListingLevel
from stocksync.queries.explaining import explain
from stocksync.queries.timeline import Entry, EntryKind, timeline
from warehouse.core.api.filters import NamedRowFilter, TextFilter
from warehouse.core.api.inputs import Input, MomentField
from warehouse.outbox.http import ReadEndpoints


class LevelOut(serializers.ModelSerializer):
    channel = serializers.CharField(source="channel.code")
    sku = serializers.CharField(source="product.sku")

    class Meta:
        model = ListingLevel
        fields = (
            "id", "channel", "offer_id", "product", "sku", "safety_buffer", "wanted", "version", "wanted_at", "sent", "sent_version", "sent_at", "shown",
            "shown_version", "shown_at", "on_sale", "sellable", "ordered", "next_push_at", "failing_since", "failures", "differences", "error_message",
            "unlisted_at",
        )  # fmt: skip


class EntryOut(serializers.Serializer):
    at = serializers.DateTimeField()
    kind = serializers.SerializerMethodField(help_text=f"One of {', '.join(kind.name.lower() for kind in EntryKind)}.")
    text = serializers.CharField()
    quantity = serializers.CharField(allow_null=True, help_text="How many there were after it.")
    links = serializers.DictField(help_text="What it is about: movement, event, order, version, command.")

    def get_kind(self, entry: Entry) -> str:
        return entry.kind.name.lower()


class PeriodIn(Input):
    since = MomentField(required=False, help_text="Default: a week ago.")
    until = MomentField(required=False, help_text="Default: now.")


class TimelineOut(serializers.Serializer):
    level = LevelOut()
    why = serializers.CharField(help_text="Why the listing shows what it shows.")
    entries = EntryOut(many=True)


class LevelFilters(django_filters.FilterSet):
    channel = NamedRowFilter(Channel, "code", "channel")
    offer_id = TextFilter()
    sku = TextFilter(field_name="product__sku")
    unlisted = django_filters.BooleanFilter(field_name="unlisted_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = ListingLevel
        fields: list[str] = []


class Levels(ReadEndpoints):
    """Quantities of listings: what is wanted, what was sent, what was read back."""

    rows: QuerySet[Any] = ListingLevel.objects.select_related("channel", "product").order_by("-pk")
    programs_read = False
    serializer_class = LevelOut
    filterset_class = LevelFilters
    search_fields = ("offer_id__exact", "product__sku__exact")
    outputs = {"timeline": TimelineOut}
    parameters = {"timeline": [PeriodIn]}

    @action(detail=True, filter_backends=[], pagination_class=None)
    def timeline(self, request: Request, pk: str) -> Response:
        """Why it shows what it shows: ledger, events, orders, versions, commands and what was read back, the oldest first."""
        asked = PeriodIn(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        level = self.get_object()
        entries = timeline(level.pk, asked.validated_data.get("since"), asked.validated_data.get("until"))
        return Response(TimelineOut({"level": level, "why": explain(level.pk), "entries": entries}).data)
