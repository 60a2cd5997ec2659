"""`/stock-sync/levels`: what listings are to show, and what they were told."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers

from stocksync.models import Channel, ListingLevel
from warehouse.core.api.filters import NamedRowFilter, TextFilter
from warehouse.outbox.http import ReadEndpoints


class LevelOut(serializers.ModelSerializer):
    channel = serializers.CharField(source="channel.code")
    sku = serializers.CharField(source="product.sku")

    class Meta:
        model = ListingLevel
        fields = (
            "id", "channel", "offer_id", "product", "sku", "safety_buffer", "wanted", "version", "wanted_at", "sent", "sent_version", "sent_at", "shown",
            "shown_version", "shown_at", "next_push_at", "failing_since", "failures", "error_message",
        )  # fmt: skip


class LevelFilters(django_filters.FilterSet):
    channel = NamedRowFilter(Channel, "code", "channel")
    offer_id = TextFilter()
    sku = TextFilter(field_name="product__sku")

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
