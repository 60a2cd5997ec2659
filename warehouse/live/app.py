"""The ASGI application of the process `live`: `/api/v1/events/stream`, `/healthz`, and its own figures at `/metrics`."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from warehouse.core.api.problems import PROBLEM
from warehouse.core.errors import DomainError, NotFound, Unavailable
from warehouse.core.live import STREAM_PATH, hostname
from warehouse.live.admission import Gate, Scope, Wanted
from warehouse.live.feed import Feed
from warehouse.live.stream import Receive, Send, Stream
from warehouse.metrics import may_read

# Admissions, checks, and pages of the database for those who are behind; the feed has a thread of its own.
THREADS = 4
RETRY_AFTER_SECONDS = 10

Headers = Iterable[tuple[str, str]]


class TooManyStreams(Unavailable):
    """So many streams are open that another one is not."""

    code = "too_many_streams"


class Live:
    """Holds all streams of the process. Its servers, limits and figures are those of the event loop that runs its lifespan."""

    def __init__(self) -> None:
        self.streams: set[Stream] = set()
        self.refused = 0
        self._users: Counter[str] = Counter()
        self._opening = 0
        self._stopping = False
        self._feed: Feed | None = None
        self._gate: Gate | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request, or the server's own start and end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            raise ValueError(f"There is nothing here for {scope['type']}.")

    def stop(self) -> None:
        """Let every stream end behind its last whole event; callers come back with its id."""
        self._stopping = True
        for stream in self.streams:
            stream.stopping = True
        if self._feed:
            self._feed.wake()

    async def _live(self, receive: Receive, send: Send) -> None:
        """From the start of the server to its end."""
        threads = ThreadPoolExecutor(THREADS, "live")
        await receive()
        self._feed, self._gate = Feed(threads), Gate(threads)
        reading = asyncio.create_task(self._feed.run())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.stop()
        reading.cancel()
        threads.shutdown(wait=False, cancel_futures=True)
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].rstrip("/")
        if path == STREAM_PATH:
            await self._open(scope, receive, send)
        elif path == "/healthz":
            await _reply(send, 200, [("Content-Type", "application/json")], b'{"status": "ok"}')
        elif path == "/metrics":
            await self._figures(scope, send)
        else:
            error = NotFound(f"There is nothing at {scope['path']}: this process serves {STREAM_PATH} only.")
            await _refuse(scope, send, error)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask whether the caller may, and keep the stream while it lasts."""
        assert self._feed is not None
        assert self._gate is not None
        if self._stopping or len(self.streams) + self._opening >= settings.LIVE_MAX_STREAMS:
            await self._refuse(scope, send, f"{settings.LIVE_MAX_STREAMS} event streams are open, and no more are served. Come back later.")
            return
        self._opening += 1
        try:
            response, wanted = await self._gate.ask(scope)
        finally:
            self._opening -= 1
        shown = [(name, value) for name, value in response.items() if name != "Content-Length"]
        if wanted is None:
            await _reply(send, response.status_code, [*shown, *_cors(scope)], getattr(response, "content", b""))
        elif self._users[wanted.user] >= settings.LIVE_MAX_STREAMS_PER_USER:
            most = settings.LIVE_MAX_STREAMS_PER_USER
            await self._refuse(scope, send, f"{wanted.user} has {most} event streams open, which is as many as one may have. Close one.")
        else:
            own = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"), *_cors(scope)]
            headers = [(name, value) for name, value in shown if name not in {"Content-Type", "Cache-Control"}]
            await self._keep(scope, receive, send, wanted, [*headers, *own])

    async def _keep(self, scope: Scope, receive: Receive, send: Send, wanted: Wanted, headers: Headers) -> None:
        assert self._feed is not None
        assert self._gate is not None
        stream = Stream(scope, send, wanted, self._feed, self._gate)
        self.streams.add(stream)
        self._users[wanted.user] += 1
        self._feed.listen()
        gone = asyncio.ensure_future(_left(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _encoded(headers)})
            if scope["method"] != "HEAD":
                await stream.run(gone)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self._feed.leave()
            self.streams.discard(stream)
            self._users -= Counter([wanted.user])

    async def _refuse(self, scope: Scope, send: Send, detail: str) -> None:
        self.refused += 1
        await _refuse(scope, send, TooManyStreams(detail), ("Retry-After", str(RETRY_AFTER_SECONDS)))

    async def _figures(self, scope: Scope, send: Send) -> None:
        if not may_read(ASGIRequest(scope, BytesIO())):
            await _reply(send, 403, [("Content-Type", "text/plain")], b"Send 'Authorization: Bearer' with the value of METRICS_TOKEN.\n")
            return
        assert self._feed is not None
        registry = CollectorRegistry()
        registry.register(Figures(self, self._feed))
        await _reply(send, 200, [("Content-Type", CONTENT_TYPE_LATEST)], generate_latest(registry))


class Figures(Collector):
    """How many listen, and how far they are."""

    def __init__(self, live: Live, feed: Feed) -> None:
        self.live, self.feed = live, feed

    def collect(self) -> Iterator[Metric]:
        streams, feed = self.live.streams, self.feed
        behind = max((feed.position - stream.position for stream in streams), default=0)
        age = time.monotonic() - feed.read_at if streams else 0
        yield GaugeMetricFamily("live_streams_open", "Event streams that are open", value=len(streams))
        yield GaugeMetricFamily("live_streams_refused", "Event streams refused since the start, because too many were open", value=self.live.refused)
        yield GaugeMetricFamily("live_feed_position", "Position of the newest event that was read", value=feed.position)
        yield GaugeMetricFamily("live_feed_age_seconds", "Since the outbox was last read; 0 while nobody listens", value=max(0.0, age))
        yield GaugeMetricFamily("live_furthest_behind_events", "How far the slowest stream is behind the newest event", value=max(0, behind))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _cors(scope: Scope) -> list[tuple[str, str]]:
    """Lets pages of the site itself read the stream where it has another port or host; nobody else's."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in {b"origin", b"host"}}
    origin = headers.get(b"origin", "")
    if not settings.LIVE_URL or not origin:
        return []
    host = hostname(headers.get(b"host", ""))
    ours = {*settings.CSRF_TRUSTED_ORIGINS, f"{scope['scheme']}://{host}:{settings.PORT}"}
    allowed = [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true")] if origin in ours else []
    return [*allowed, ("Vary", "Origin")]


async def _refuse(scope: Scope, send: Send, error: DomainError, *headers: tuple[str, str]) -> None:
    body = json.dumps(error.as_problem() | {"instance": scope["path"]}).encode()
    await _reply(send, error.status, [("Content-Type", PROBLEM), *headers, *_cors(scope)], body)


async def _reply(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": _encoded([*headers, ("Content-Length", str(len(body)))])})
    await send({"type": "http.response.body", "body": body})


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
