"""Who may go on reading: asked of the site as a whole, whose status says whether it is a refusal or an outage."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from structlog import DropEvent

from warehouse.asgi import application
from warehouse.live.admission import Gate
from warehouse.logs import drop_probes
from warehouse.management.commands import serve_live

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "GET",
    "scheme": "http",
    "path": "/api/v1/events/stream",
    "query_string": b"after=x",
    "headers": [(b"host", b"testserver"), (b"authorization", b"Bearer abc"), (b"last-event-id", b"7")],
}


@pytest.mark.parametrize(("status", "allowed"), [(200, True), (401, False), (403, False), (503, None), (500, None), (429, None)])
def test_an_outage_is_no_refusal(status: int, allowed: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(request: HttpRequest) -> HttpResponse:
        asked.append(f"{request.method} {request.get_full_path()}")
        assert set(request.headers) == {"Host", "Authorization"}
        return HttpResponse(status=status)

    async def twice() -> list[bool | None]:
        with ThreadPoolExecutor(1) as threads:
            gate = Gate(threads)
            monkeypatch.setattr(gate._handler, "get_response", answer)
            return [await gate.still_open(SCOPE), await gate.still_open(SCOPE)]

    # In a thread of its own: tests that drive a browser leave an event loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, twice()).result() == [allowed, allowed]
    # What nobody could say is asked again; what was said is believed for a while.
    assert asked == ["HEAD /api/v1/events/stream"] * (2 if allowed is None else 1)


def test_a_check_leaves_no_line_in_the_log_unless_it_fails() -> None:
    with pytest.raises(DropEvent):
        drop_probes(None, "info", {"code": 200, "request": "HEAD /api/v1/events/stream"})
    for event in ({"code": 503, "request": "HEAD /api/v1/events/stream"}, {"code": 200, "request": "GET /api/v1/events/stream"}):
        assert drop_probes(None, "info", dict(event)) == event


def test_the_process_serves_the_application_of_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    monkeypatch.setattr(serve_live.Server, "run", lambda server: served.append((server.config.app, server._live)))
    call_command("serve_live")
    assert served == [(application, application)]
