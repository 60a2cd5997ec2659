"""Who may read a stream: asked of the site's own views, so that the rules are those of every other call."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import exceptions

from warehouse.core.errors import PermissionDenied
from warehouse.events_api import Events
from warehouse.live.feed import run_in

# How long what was found out about a caller's credentials is believed.
CHECK_SECONDS = 20.0

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
        self._checks: dict[bytes, tuple[float, asyncio.Future[bool]]] = {}

    async def ask(self, scope: Scope) -> tuple[HttpResponseBase, Wanted | None]:
        """The site's answer to this request, through all of its middleware; what is wanted is missing when it is a refusal."""
        return await run_in(self._threads, self._ask, scope)

    def _ask(self, scope: Scope) -> tuple[HttpResponseBase, Wanted | None]:
        request = Request(scope, BytesIO())
        response: HttpResponse = self._handler.get_response(request)  # type: ignore[assignment]
        response.close()
        return response, request.wanted if response.status_code == 200 else None

    async def still_open(self, scope: Scope) -> bool:
        """Whether the same credentials would be let in now; streams with the same ones are asked for once. Raises Django's database errors when nobody can say."""
        who = credentials(scope)
        now = time.monotonic()
        kept = self._checks.get(who)
        if kept is None or now - kept[0] > CHECK_SECONDS / 2 or (kept[1].done() and kept[1].exception()):
            self._checks = {key: check for key, check in self._checks.items() if now - check[0] < CHECK_SECONDS}
            kept = now, asyncio.ensure_future(run_in(self._threads, _may_stay, scope))
            self._checks[who] = kept
        return await asyncio.shield(kept[1])


def credentials(scope: Scope) -> bytes:
    """What a caller is known by: its cookies and its token."""
    return b"\n".join(value for name, value in scope["headers"] if name in {b"cookie", b"authorization"})


def _may_stay(scope: Scope) -> bool:
    request = ASGIRequest(scope, BytesIO())
    SessionMiddleware(_nobody).process_request(request)
    AuthenticationMiddleware(_nobody).process_request(request)
    view = Events(action="stream", action_map={"get": "stream"}, request=request, format_kwarg=None)
    asked = view.initialize_request(request)
    try:
        view.perform_authentication(asked)
        view.check_permissions(asked)
    except (exceptions.NotAuthenticated, exceptions.AuthenticationFailed, exceptions.PermissionDenied, PermissionDenied):
        return False
    return True


def _nobody(request: Any) -> HttpResponse:
    """Only the beginning of these middleware is used."""
    raise AssertionError(f"{request} is not to be answered here.")
