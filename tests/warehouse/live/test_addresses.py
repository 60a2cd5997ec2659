"""Where the stream is: what `web` says, what pages are told, and what their policy lets them ask; what a stream is told of."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from tests.api.conftest import Caller, codes
from warehouse.core.actor import Role
from warehouse.core.live import hostname, stream_url
from warehouse.live.feed import is_of
from warehouse.settings import live_sources


@pytest.mark.django_db
def test_the_web_server_says_where_the_stream_is(settings: Any) -> None:
    viewer = Caller(Role.VIEWER)
    settings.LIVE_URL = ":8001"
    answer = viewer.client.get("/api/v1/events/stream", headers={"Host": "127.0.0.1:8000"})
    assert codes(answer) == (421, "misdirected")
    assert answer.json()["data"] == {"url": "http://127.0.0.1:8001/api/v1/events/stream"}
    settings.LIVE_URL = "https://live.example"
    assert viewer.get("events/stream").json()["data"] == {"url": "https://live.example/api/v1/events/stream"}
    assert codes(Caller(Role.SELLER).get("events/stream")) == (403, "permission_denied")


def test_the_policy_lets_pages_ask_the_stream_and_nothing_else() -> None:
    assert live_sources("", ["a.example"], secure=True) == []
    assert live_sources("https://live.example", ["a.example"], secure=True) == ["https://live.example"]
    assert live_sources(":8001", ["localhost", "[::1]", ".b.example"], secure=False) == ["http://localhost:8001", "http://*.b.example:8001"]


def test_pages_find_it_on_their_own_host(settings: Any) -> None:
    request = RequestFactory().get("/admin/live/", headers={"Host": "localhost:8000"})
    for url, found in (("", ""), (":8001", "http://localhost:8001"), ("https://live.example/", "https://live.example")):
        settings.LIVE_URL = url
        assert stream_url(request) == f"{found}/api/v1/events/stream"
    assert [hostname(host) for host in ("a.example", "a.example:80", "[::1]", "[::1]:80")] == ["a.example", "a.example", "[::1]", "[::1]"]


def test_types_and_areas() -> None:
    assert [is_of("stock.changed", kind) for kind in ("", "stock", "stock.changed", "stock.low", "sto", "picking")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    assert is_of("inventory.writeOff.confirmed", "inventory")
