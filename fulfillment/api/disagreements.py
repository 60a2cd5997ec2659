"""`/order-disagreements`: orders of which the order system says something else than we do."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers

from fulfillment.enums import DisagreementKind
from fulfillment.models import OrderDisagreement
from warehouse.core.api.filters import TextFilter
from warehouse.outbox.http import ReadEndpoints


class OrderDisagreementOut(serializers.ModelSerializer):
    order_id = serializers.CharField(source="external_id")

    class Meta:
        model = OrderDisagreement
        fields = ("id", "order_id", "kind", "ours", "theirs", "detail", "count", "first_seen_at", "last_seen_at", "resolved_at")


class DisagreementFilters(django_filters.FilterSet):
    open = django_filters.BooleanFilter(field_name="resolved_at", lookup_expr="isnull")
    kind = django_filters.MultipleChoiceFilter(choices=DisagreementKind.choices)
    order_id = TextFilter(field_name="external_id")

    class Meta:
        model = OrderDisagreement
        fields: list[str] = []


class OrderDisagreements(ReadEndpoints):
    """What the sweep found and no rule settles: resolved by itself when both say the same again."""

    rows: QuerySet[Any] = OrderDisagreement.objects.order_by("-pk")
    serializer_class = OrderDisagreementOut
    filterset_class = DisagreementFilters
