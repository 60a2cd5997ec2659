"""`/stock-sync/channels` and `/stock-sync/reports`."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers

from stocksync.enums import ChannelKind, ChannelMode
from stocksync.models import Channel, SyncReport
from warehouse.core.api.filters import MomentFilter
from warehouse.outbox.http import ReadEndpoints


class ChannelOut(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")

    class Meta:
        model = Channel
        fields = (
            "id", "code", "name", "kind", "mode", "mode_since", "fulfilment", "warehouse", "token_id", "base_url", "safety_buffer", "swept_until",
            "read_to_end_at", "created_at", "updated_at", "version",
        )  # fmt: skip


class ChannelFilters(django_filters.FilterSet):
    mode = django_filters.MultipleChoiceFilter(choices=ChannelMode.choices)
    kind = django_filters.MultipleChoiceFilter(choices=ChannelKind.choices)

    class Meta:
        model = Channel
        fields: list[str] = []


class Channels(ReadEndpoints):
    """Accounts at marketplaces: whose orders are deducted from our stock, and whose listings show it."""

    rows: QuerySet[Any] = Channel.objects.select_related("warehouse").order_by("code")
    programs_read = False
    serializer_class = ChannelOut
    filterset_class = ChannelFilters
    search_fields = ("code__exact", "name")
    version_field = "version"


class ReportOut(serializers.ModelSerializer):
    class Meta:
        model = SyncReport
        fields = ("id", "begins_at", "ends_at", "figures", "made_at")


class ReportFilters(django_filters.FilterSet):
    begins_from = MomentFilter(field_name="begins_at", lookup_expr="gte")
    begins_to = MomentFilter(field_name="begins_at", lookup_expr="lt")

    class Meta:
        model = SyncReport
        fields: list[str] = []


class Reports(ReadEndpoints):
    """How each week went: first tries, time to retry, discrepancies, manual reviews."""

    rows: QuerySet[Any] = SyncReport.objects.order_by("-begins_at", "-pk")
    programs_read = False
    serializer_class = ReportOut
    filterset_class = ReportFilters
