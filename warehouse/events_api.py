"""`/events`: the feed of everything that happened, in the order of publication."""

from __future__ import annotations

from typing import Any

from django.db.models import Max, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from warehouse.core.actor import Role
from warehouse.core.api.inputs import Input
from warehouse.outbox.http import Endpoints
from warehouse.outbox.models import OutboxEvent

LARGEST = 1000
# Events that one answer looks through for those of the asked type.
WINDOW = 10_000


class EventOut(serializers.ModelSerializer):
    time = serializers.DateTimeField(source="occurred_at")
    data = serializers.DictField(source="payload")  # type: ignore[assignment]

    class Meta:
        model = OutboxEvent
        fields = ("position", "id", "type", "aggregate_type", "aggregate_id", "time", "actor", "data")


class FeedOut(serializers.Serializer):
    position = serializers.IntegerField(
        help_text="You have read up to here: ask again `after` it, at once while it moves, later when it stands still."
    )
    events = EventOut(many=True)


class FeedIn(Input):
    after = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2**63 - 1, help_text="The position that you have read up to.")
    limit = serializers.IntegerField(required=False, default=100, min_value=1, max_value=LARGEST)
    type = serializers.CharField(required=False, max_length=80, help_text="Only this type, such as `stock.changed`, or this area, such as `stock`.")


class Events(Endpoints):
    """Everything that happened. Positions have no gaps, and what has one never changes: read on from where you stopped."""

    rows: QuerySet[Any] = OutboxEvent.objects.filter(position__isnull=False).order_by("position")
    readers = frozenset({Role.VIEWER})
    serializer_class = FeedOut
    pagination_class = None
    filter_backends: list[Any] = []
    lists = frozenset()
    parameters = {"list": [FeedIn]}

    def list(self, request: Request) -> Response:
        """The events after a position. With `type` an answer looks through at most 10,000 events: it may be empty while its position moves on."""
        question = FeedIn(data=request.query_params.dict())
        question.is_valid(raise_exception=True)
        asked = question.validated_data
        after, limit = asked["after"], asked["limit"]
        newest = OutboxEvent.objects.aggregate(newest=Max("position"))["newest"] or 0
        looked_at = max(after, min(after + WINDOW, newest))
        rows = self.rows.filter(position__gt=after, position__lte=looked_at)
        if "type" in asked:
            kind = asked["type"]
            rows = rows.filter(type=kind) if "." in kind else rows.filter(type__startswith=f"{kind}.")
        events = list(rows[:limit])
        position = events[-1].position if len(events) == limit else looked_at
        return Response({"position": position, "events": EventOut(events, many=True).data})
