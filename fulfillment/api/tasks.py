"""What work that people are given shows and takes alike."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api.names import named_worker
from warehouse.outbox.http import ReadEndpoints


class TaskSummary(serializers.ModelSerializer):
    """The order by the order system's id, the site by both its names, the worker by name."""

    order_id = serializers.CharField(source="order.external_id")
    warehouse = serializers.CharField(source="warehouse.code")
    warehouse_id = serializers.CharField(source="warehouse.external_id")
    worker = serializers.CharField(source="worker.username", default=None, allow_null=True)
    reservation = serializers.IntegerField(source="reservation_id")


class ChangesHands(ReadEndpoints):
    """Work that a manager may give to another one while it is done."""

    @action(detail=True, methods=["post"])
    def reassign(self, request: Request, pk: str) -> Response:
        """Give one that is begun to another worker, who goes on with it."""
        return self.run(int(pk), named_worker(self.body()["worker"]))


class IsAssigned(ChangesHands):
    """Work that is given to people before they begin it."""

    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        """Give it to a worker; without a name, take it oneself."""
        worker = self.body().get("worker")
        return self.run(int(pk), named_worker(worker) if worker else self.actor.user_id)
