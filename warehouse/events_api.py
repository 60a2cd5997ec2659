"""`/events`: the feed of everything that happened, in the order of publication; and the same as a stream.

The process `live` serves the stream (`warehouse.live`). It asks the view here whether and from where it may begin; in any other process the view says
where the stream is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from warehouse.core.api.auth import actor_of
from warehouse.core.api.inputs import Input
from warehouse.core.errors import Conflict, DomainError, ValidationFailed
from warehouse.core.live import LISTENERS, stream_url
from warehouse.outbox.feed import events_after, newest_position
from warehouse.outbox.http import Endpoints
from warehouse.outbox.models import OutboxEvent

LARGEST = 1000


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


class StreamIn(Input):
    after = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=2**63 - 1,
        help_text="The position that you have read up to; without it, and without Last-Event-ID, the stream begins with what happens from now on.",
    )
    type = serializers.CharField(required=False, max_length=80, help_text="Only this type, such as `stock.changed`, or this area, such as `stock`.")


class RefusalRenderer(JSONRenderer):
    """Whatever a caller accepts, a browser's EventSource nothing but a stream: what is rendered here are refusals."""

    media_type = "*/*"


class Misdirected(DomainError):
    """This process can't answer; another one does."""

    code = "misdirected"
    title = "Ask another process"
    status = 421


# What the process `live` gives the view with its request, to be told who begins to read, behind which position, which type.
Opening = Callable[[str, int, str], None]
LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID", int, OpenApiParameter.HEADER, description="The `id` that was received last; goes before `after`. Browsers send it by themselves."
)
STREAM_EXAMPLE = """retry: 3000
id: 41

id: 42
event: picking.completed
data: {"position":42,"id":"0b0e…","type":"picking.completed","aggregate_type":"picking_task","aggregate_id":"7","time":"…","actor":"picker","data":{…}}
"""


class Events(Endpoints):
    """Everything that happened. Positions have no gaps, and what has one never changes: read on from where you stopped."""

    rows: QuerySet[Any] = OutboxEvent.objects.filter(position__isnull=False).order_by("position")
    readers = LISTENERS
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
        events, position = events_after(asked["after"], _require_published(asked["after"]), asked["limit"], asked.get("type", ""))
        return Response({"position": position, "events": EventOut(events, many=True).data})

    @extend_schema(
        operation_id="stream_events",
        parameters=[StreamIn, LAST_EVENT_ID],
        responses={(200, "text/event-stream"): OpenApiResponse(str, description=f"Server-sent events:\n```\n{STREAM_EXAMPLE}```")},
    )
    @action(detail=False, url_path="stream", renderer_classes=[RefusalRenderer])
    def stream(self, request: Request) -> Response:
        """The events as they are published, as server-sent events.

        The stream does not end by itself. `id` is the position, `event` the type, `data` the event as the feed shows it. Whoever is cut comes back with
        the last `id` and misses nothing; an `id` alone says how far you have read when nothing was for you. A comment comes every 15 seconds. Who may
        read is asked again all the time: the stream ends when you sign out or your token is revoked. Answers 503 with Retry-After when too many streams
        are open, 421 with the right address in `data.url` where streams are not served.
        """
        question = StreamIn(data=request.query_params.dict())
        question.is_valid(raise_exception=True)
        after = _last_event_id(request)
        if after is None:
            after = question.validated_data.get("after")
        opening: Opening | None = getattr(request._request, "opening", None)
        if opening is None:
            url = stream_url(request._request)
            raise Misdirected(f"Event streams are served by the process `live`, at {url}; a proxy is to lead that address there.", url=url)
        newest = _require_published(after or 0)
        opening(actor_of(request).name, newest if after is None else after, question.validated_data.get("type", ""))
        return Response()


def _require_published(after: int) -> int:
    """The newest position. Raises Conflict for one that is beyond it: whoever has read further has read of another past, from before a backup was restored."""
    newest = newest_position()
    if after > newest:
        raise Conflict(
            f"Nothing was published beyond position {newest} yet: you can't have read up to {after}. Begin anew from 0, or from {newest}.",
            newest=newest,
        )
    return newest


def _last_event_id(request: Request) -> int | None:
    """The position in the header, if it is there. Raises ValidationFailed."""
    given = request.headers.get("Last-Event-ID", "").strip()
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise ValidationFailed(
            f"Last-Event-ID: {given[:80]!r} is no position. Send the last id that you were given, or none.",
            errors=[{"field": "Last-Event-ID", "code": "invalid"}],
        )
    return int(given)
