"""The life of one stream: what it is told, when it is asked whether it may stay, how it ends."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import Error as DatabaseError

from warehouse.live.admission import CHECK_SECONDS, Gate, Scope, Wanted
from warehouse.live.feed import Feed

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
# Longer than this nobody reads on without having been found to be allowed to.
TRUSTED_SECONDS = 55.0
# When a browser comes back after it was cut.
RETRY_MS = 3000
AWAY_SECONDS = 1.0

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Stream:
    """Sends what the feed has behind a position, in order and each event once, until the caller goes, may not read any more, or the process stops.

    A slow reader makes `send` wait; meanwhile nothing is kept for it, afterwards it reads on from its position.
    """

    def __init__(self, scope: Scope, send: Send, wanted: Wanted, feed: Feed, gate: Gate) -> None:
        self.position, self.stopping = wanted.after, False
        self._scope, self._send, self._kind, self._feed, self._gate = scope, send, wanted.kind, feed, gate
        now = time.monotonic()
        self._sent_at = self._found_at = now
        # Those that were opened at once are not asked about at once.
        self._ask_at = now + CHECK_SECONDS * random.uniform(0.5, 1)

    async def run(self, gone: asyncio.Future[None]) -> None:
        """Send until the end; `gone` is done when the caller has left."""
        await self._write(b"retry: %d\nid: %d\n\n" % (RETRY_MS, self.position))
        while not gone.done() and not self.stopping:
            if time.monotonic() >= self._ask_at and not await self._may_stay():
                await self._write(b": you may not read this any more\n\n")
                return
            # Taken before looking: what is published meanwhile ends the wait at once.
            news = self._feed.news
            if not await self._tell() and not gone.done():
                await asyncio.wait({news, gone}, timeout=self._rest(), return_when=asyncio.FIRST_COMPLETED)

    async def _tell(self) -> bool:
        """Send the next page, or a sign of life when it is time. Returns whether there may be more to send at once."""
        try:
            page = await self._feed.page(self.position, self._kind)
        except DatabaseError as error:
            logger.warning("A stream waits at position %d: %s", self.position, type(error).__name__)
            await asyncio.sleep(AWAY_SECONDS)
            return False
        if page.text:
            await self._write(page.text)
        self.position = max(self.position, page.position)
        if time.monotonic() - self._sent_at >= HEARTBEAT_SECONDS:
            # An id without data moves a browser's Last-Event-ID past what was not for it.
            await self._write(b": still here\nid: %d\n\n" % self.position)
        return self.position < self._feed.position

    async def _may_stay(self) -> bool:
        """Ask the gate. While it can't say, because the database is away, a caller is trusted for a while longer."""
        now = time.monotonic()
        allowed = await self._gate.still_open(self._scope)
        if allowed is None:
            self._ask_at = now + AWAY_SECONDS * random.uniform(1, 3)
            return now - self._found_at < TRUSTED_SECONDS
        self._found_at, self._ask_at = now, now + CHECK_SECONDS
        return allowed

    async def _write(self, text: bytes) -> None:
        await self._send({"type": "http.response.body", "body": text, "more_body": True})
        self._sent_at = time.monotonic()

    def _rest(self) -> float:
        """How long nothing has to be done."""
        return max(0.0, min(self._sent_at + HEARTBEAT_SECONDS, self._ask_at) - time.monotonic())
