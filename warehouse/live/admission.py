"""Who may read a stream: asked of the site's own views, so that the rules are those of every other call."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from warehouse.live.feed import run_in

# How long what was found out about a caller's credentials is believed.
CHECK_SECONDS = 20.0
# Other answers than these, and than a yes, say nothing about the caller.
REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

Scope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stream was opened for: by whom, behind which position, of which type or area (empty: of all)."""

    user: str
    after: int
    kind: str


class Request(ASGIRequest):
    """The request for a stream; the view for it leaves there what is wanted."""

    wanted: Wanted | None = None

    def opening(self, user: str, after: int, kind: str) -> None:
        self.wanted = Wanted(user, after, kind)


class Gate:
    """Lets streams in, and looks again and again whether they may stay."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._handler = BaseHandler()
        self._handler.load_middleware()
        self._checks: dict[bytes, tuple[float, asyncio.Future[bool | None]]] = {}

    async def ask(self, scope: Scope) -> tuple[HttpResponseBase, Wanted | None]:
        """The site's answer to this request, through all of its middleware; what is wanted is missing when it is a refusal."""
        return await run_in(self._threads, self._ask, scope)

    def _ask(self, scope: Scope) -> tuple[HttpResponseBase, Wanted | None]:
        request = Request(scope, BytesIO())
        response: HttpResponse = self._handler.get_response(request)  # type: ignore[assignment]
        response.close()
        return response, request.wanted if response.status_code == 200 else None

    async def still_open(self, scope: Scope) -> bool | None:
        """Whether the same credentials would be let in now; None when nobody can say. Streams with the same ones are asked for once."""
        who = credentials(scope)
        now = time.monotonic()
        kept = self._checks.get(who)
        if kept is None or now - kept[0] > CHECK_SECONDS / 2 or (kept[1].done() and kept[1].result() is None):
            self._checks = {key: check for key, check in self._checks.items() if now - check[0] < CHECK_SECONDS}
            kept = now, asyncio.ensure_future(self._may_stay(scope))
            self._checks[who] = kept
        return await asyncio.shield(kept[1])

    async def _may_stay(self, scope: Scope) -> bool | None:
        # Asked of the caller alone, wherever it has read up to; a HEAD, by which the log tells it from a caller's own request.
        headers = [(name, value) for name, value in scope["headers"] if name != b"last-event-id"]
        response, _ = await self.ask(scope | {"method": "HEAD", "query_string": b"", "headers": headers})
        if response.status_code in REFUSED:
            return False
        return True if response.status_code == HTTPStatus.OK else None


def credentials(scope: Scope) -> bytes:
    """What a caller is known by: its cookies and its token."""
    return b"\n".join(value for name, value in scope["headers"] if name in {b"cookie", b"authorization"})
