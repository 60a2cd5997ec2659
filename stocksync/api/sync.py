"""`/stock-sync/status` and `/stock-sync/reconcile`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from stocksync.api.names import named_channel
from stocksync.flows.reconciling import reconcile_stock_status
from stocksync.models import Channel, PendingStockOperation
from stocksync.queries.status import sync_status
from stocksync.services.asking import ask_for_reconciliation
from warehouse.core.api.inputs import CodeField, Input
from warehouse.core.errors import ValidationFailed
from warehouse.outbox.http import Endpoints

CHANNEL = OpenApiParameter("channel", str, description="A channel's code; default: all channels.")


class StatisticsOut(serializers.Serializer):
    pending_operations = serializers.IntegerField()
    processing_operations = serializers.IntegerField()
    failed_operations = serializers.IntegerField()
    completed_today = serializers.IntegerField()
    stale_operations = serializers.IntegerField(help_text="Owed for longer than is good.")
    open_discrepancies = serializers.IntegerField(help_text="Those in which the two sides say different things.")
    manual_reviews = serializers.IntegerField(help_text="Everything that waits for a person.")
    unread_channels = serializers.IntegerField(help_text="Whose orders were not read lately.")
    success_rate = serializers.FloatField(allow_null=True, help_text="Of the last tries; null without any.")


class StatusOut(serializers.Serializer):
    status = serializers.CharField(help_text="healthy, warning or critical.")
    statistics = StatisticsOut()
    problems = serializers.ListField(child=serializers.CharField(), help_text="What is wrong now.")
    last_updated = serializers.DateTimeField()


class ReconcileIn(Input):
    channel = CodeField(required=False, max_length=20, help_text="A channel's code; default: every channel that is not off.")
    wait = serializers.BooleanField(default=False, help_text="Compare now, one channel, and answer with the result.")


class ComparisonOut(serializers.Serializer):
    """Queued: `task_id` and `channels`. Done at once: the other figures."""

    status = serializers.CharField(help_text="queued or done.")
    channels = serializers.ListField(child=serializers.CharField())
    task_id = serializers.CharField(allow_null=True, help_text="Under this id a worker writes about it.")
    compared = serializers.IntegerField(required=False)
    same = serializers.IntegerField(required=False)
    fixed = serializers.IntegerField(required=False)
    discrepancies = serializers.IntegerField(required=False, help_text="Open ones of the channel, afterwards.")
    at_end = serializers.BooleanField(required=False, help_text="Whether everything of the window was compared.")


class StockSync(Endpoints):
    """How stock synchronisation stands, and the comparison of both sides."""

    rows: QuerySet[Any] = PendingStockOperation.objects.none()
    serializer_class = StatusOut
    pagination_class = None
    filter_backends: list[Any] = []
    operations = {"reconcile": ask_for_reconciliation}
    inputs = {"reconcile": ReconcileIn}
    outputs = {"status": StatusOut, "reconcile": ComparisonOut}
    created = {"reconcile": status.HTTP_202_ACCEPTED}
    parameters = {"status": [CHANNEL]}
    described = frozenset({"reconcile"})

    @action(detail=False)
    def status(self, request: Request) -> Response:
        """How it stands now: what is owed, what failed, what waits for a person, and what is wrong."""
        unknown = sorted(set(request.query_params) - {"channel"})
        if unknown:
            raise ValidationFailed(
                f"There is no filter {', '.join(name[:40] for name in unknown)}; known: channel.",
                errors=[{"field": name[:40], "code": "unknown_filter"} for name in unknown],
            )
        code = request.query_params.get("channel")
        return Response(sync_status(named_channel(code).pk if code else None).as_data())

    @extend_schema(
        operation_id="reconcile_stock_status",
        examples=[
            OpenApiExample("All channels, by a worker", {}, request_only=True),
            OpenApiExample("One, now", {"channel": "allegro-1", "wait": True}, request_only=True),
        ],
    )
    @action(detail=False, methods=["post"])
    def reconcile(self, request: Request) -> Response:
        """Compare both sides of a channel, or of all, and mend what is small and clear.

        By a worker, soon: 202 with the task's id. With `wait`, one channel at once: 200 with what was found; comparing twice does nothing twice.
        """
        body = self.body()
        channel = named_channel(body["channel"]) if "channel" in body else None
        if not body["wait"]:
            return self.run(channel and channel.pk, render=lambda asked: {"status": "queued", **asdict(asked)})
        if channel is None:
            raise ValidationFailed("channel: name the one to wait for.", errors=[{"field": "channel", "code": "required"}])
        return self._reconcile_now(channel)

    def _reconcile_now(self, channel: Channel) -> Response:
        asked = ask_for_reconciliation(channel.pk, by_worker=False, actor=self.actor)
        return Response({"status": "done", **asdict(asked), **asdict(reconcile_stock_status(channel))})
