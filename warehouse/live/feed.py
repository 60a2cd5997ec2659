"""The newest events in memory: one reader of the outbox for all streams of a process.

It looks every `POLL_SECONDS` while somebody listens, as the relay does that publishes them, and needs Redis for nothing. Whoever is behind what is kept reads the
database in pages, so that nobody is buffered for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.db import close_old_connections, connection
from rest_framework.renderers import JSONRenderer

from warehouse.core.retry import full_jitter
from warehouse.events_api import EventOut
from warehouse.outbox.feed import events_after, newest_position
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.resilience import is_outage

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1
# Events read at once.
BATCH = 500
# Events kept for streams that are a little behind.
KEPT = 2000
# Events in one write to a stream.
PAGE = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it is sent."""

    position: int
    type: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """What comes next for a stream, and the position up to which it has then read."""

    text: bytes
    position: int


def is_of(type: str, kind: str) -> bool:
    """Whether an event is of the asked type or area; of any, when nothing is asked."""
    return not kind or (type == kind if "." in kind else type.startswith(f"{kind}."))


class Feed:
    """What was published last. Belongs to one event loop; the database is read in threads."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self.position = 0
        self.listeners = 0
        self.read_at = time.monotonic()
        self._threads = threads
        self._reader = ThreadPoolExecutor(1, "feed")
        self._kept: list[Told] = []
        self._positions: list[int] = []
        # The position behind which everything up to `position` is kept.
        self._floor = 0
        self._news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._somebody = asyncio.Event()
        self._begun = False

    async def run(self) -> None:
        """Read until cancelled; rest while nobody listens, back off while the database is away."""
        failures = 0
        try:
            while True:
                await self._somebody.wait()
                try:
                    busy = await self._look()
                except Exception as error:
                    # Whatever it is, the streams are not to stand still for good, and nobody to know.
                    failures += 1
                    self._begun = False
                    pause = full_jitter(failures, base=POLL_SECONDS, cap=5.0)
                    if is_outage(error):
                        logger.warning("The event streams wait %.1f s: %s: %s", pause, type(error).__name__, error)
                    else:
                        logger.exception("The event streams wait %.1f s", pause)
                    await asyncio.sleep(pause)
                    continue
                failures, self.read_at = 0, time.monotonic()
                if not busy:
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            self._reader.shutdown(wait=False)

    def listen(self) -> None:
        """A stream begins. The first one wakes the reader, which begins with what is newest then."""
        if not self.listeners:
            self._begun = False
        self.listeners += 1
        self._somebody.set()

    def leave(self) -> None:
        """A stream ends; after the last one nothing is read."""
        self.listeners -= 1
        if not self.listeners:
            self._somebody.clear()

    @property
    def news(self) -> asyncio.Future[None]:
        """Done as soon as the position moves on; never cancel it."""
        return self._news

    async def page(self, after: int, kind: str) -> Page:
        """What comes behind a position: from memory, or from the database for who is behind it. Raises Django's database errors."""
        if after < self._floor:
            return await run_in(self._threads, lambda until: _read_page(after, until, kind), self.position)
        start = bisect_right(self._positions, after)
        chosen = self._kept[start : start + PAGE]
        text = b"".join(told.text for told in chosen if is_of(told.type, kind))
        return Page(text, chosen[-1].position if chosen else max(after, self.position))

    async def _look(self) -> bool:
        """Read on, and tell whom it concerns. Returns whether there may be more at once."""
        if not self._begun:
            newest = await run_in(self._reader, newest_position)
            self._begun = True
            if newest != self.position:
                self._forget(newest)
        found = await run_in(self._reader, _read_on, self.position)
        if not found:
            return False
        self._kept += found
        self._positions += [told.position for told in found]
        if (surplus := len(self._kept) - KEPT) > 0:
            self._floor = self._positions[surplus - 1]
            del self._kept[:surplus], self._positions[:surplus]
        self._move(found[-1].position)
        return len(found) == BATCH

    def _forget(self, newest: int) -> None:
        """Nobody read for a while: whoever wants what was then asks the database."""
        self._kept, self._positions, self._floor = [], [], newest
        self._move(newest)

    def _move(self, position: int) -> None:
        self.position = position
        self.wake()

    def wake(self) -> None:
        """Let every stream look up: there is something new, or it is time to go."""
        before, self._news = self._news, asyncio.get_running_loop().create_future()
        before.set_result(None)


async def run_in(threads: ThreadPoolExecutor, work: Callable[..., T], *args: object) -> T:
    """Do what needs the database in a thread, on a connection that is looked after as a request's is."""

    def body() -> T:
        close_old_connections()
        try:
            return work(*args)
        finally:
            connection.close_if_unusable_or_obsolete()

    return await asyncio.get_running_loop().run_in_executor(threads, body)


def told(events: Iterable[OutboxEvent]) -> list[Told]:
    """The events as they are sent, each with the feed's own JSON."""
    renderer = JSONRenderer()
    shown = cast(Any, EventOut(events, many=True)).data
    return [
        Told(data["position"], data["type"], b"id: %d\nevent: %s\ndata: %s\n\n" % (data["position"], data["type"].encode(), renderer.render(data)))
        for data in shown
    ]


def _read_on(after: int) -> list[Told]:
    return told(OutboxEvent.objects.filter(position__gt=after).order_by("position")[:BATCH])


def _read_page(after: int, until: int, kind: str) -> Page:
    events, position = events_after(after, until, PAGE, kind)
    return Page(b"".join(each.text for each in told(events)), position)
