"""Event streams over a real socket: what they tell, to whom, and from where on."""

from __future__ import annotations

import time

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from knox.models import AuthToken

from tests.warehouse.live.conftest import LiveProcess, publish_all, token_of
from tests.warehouse.outbox.conftest import emit, fact, wait_for
from warehouse.core.actor import Role

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def feed_of(token: str, after: int = 0) -> list[dict[str, object]]:
    answer = Client().get(f"/api/v1/events?after={after}&limit=1000", headers={"Authorization": f"Bearer {token}"})
    return list(answer.json()["events"])


def test_events_come_as_the_feed_shows_them_and_in_its_order(live: LiveProcess) -> None:
    token = token_of(Role.VIEWER)
    emit(fact(1), fact(2))
    publish_all()
    from_now, from_the_start, behind_the_first = live.read(token=token), live.read("?after=0", token=token), live.read("?after=1", token=token)
    returning = live.read("?after=0", token=token, **{"Last-Event-ID": "2"})
    one_area, one_type = live.read("?after=0&type=picking", token=token), live.read("?after=0&type=picking.created", token=token)
    emit(fact(3, "picking.created", n=3, words="Śnieg\nдва"), fact(4, "picking.completed"), fact(5))
    publish_all()
    told = feed_of(token)
    assert [event["position"] for event in told] == [1, 2, 3, 4, 5]
    for reader, expected in (
        (from_now, told[2:]),
        (from_the_start, told),
        (behind_the_first, told[1:]),
        (returning, told[2:]),
        (one_area, told[2:4]),
        (one_type, told[2:3]),
    ):
        wait_for(lambda reader=reader, expected=expected: len(reader.events) >= len(expected))
        assert [event.data for event in reader.events] == expected
        assert [(event.id, event.type) for event in reader.events] == [(event["position"], event["type"]) for event in expected]
    assert from_now.response.headers["Content-Type"] == "text/event-stream"
    assert from_now.response.headers["Cache-Control"] == "no-store"
    assert live.figure("live_streams_open") == 6
    assert live.figure("live_feed_position") == 5
    assert live.figure("live_furthest_behind_events") == 0


def test_who_may_listen_and_what_is_refused(live: LiveProcess) -> None:
    for role in Role:
        allowed = role in {Role.MANAGER, Role.VIEWER, Role.INTEGRATION}
        reader = live.read(token=token_of(role))
        assert reader.response.status == (200 if allowed else 403), role
        assert Client().get("/api/v1/events", headers=reader.headers).status_code == reader.response.status
        if not allowed:
            assert reader.problem()["code"] == "permission_denied"
    for accepted in ("text/event-stream", "application/json", "*/*"):
        assert live.read(Accept=accepted).problem()["code"] == "not_authenticated"
    nobody = live.read()
    assert (nobody.response.status, nobody.problem()["code"]) == (401, "not_authenticated")
    assert live.read(token="wrong").response.status == 401
    viewer = token_of(Role.VIEWER)
    for query, headers in (("?after=-1", {}), ("?since=3", {}), ("?after=x", {}), ("", {"Last-Event-ID": "x"}), ("", {"Last-Event-ID": "²"})):
        refused = live.read(query, token=viewer, **headers)
        assert (refused.response.status, refused.problem()["code"]) == (400, "validation_failed"), query
    ahead = live.read(token=viewer, **{"Last-Event-ID": "999999999999999999"})
    assert (ahead.response.status, ahead.problem()["code"]) == (409, "conflict")
    assert live.get("/api/v1/orders", Authorization=f"Bearer {viewer}")[0] == 404
    assert live.get("/admin/")[0] == 404


def test_a_browser_listens_with_its_session(live: LiveProcess) -> None:
    browser = Client()
    user = get_user_model().objects.create_user("boss", is_superuser=True, is_staff=True)
    browser.force_login(user)
    reader = live.read(Cookie=f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}", Accept="text/event-stream")
    assert reader.response.status == 200
    emit(fact(1))
    publish_all()
    wait_for(lambda: reader.ids == [1])
    browser.post(reverse("admin:logout"))
    wait_for(lambda: reader.ended, 60)
    assert reader.comments[-1] == "you may not read this any more"
    emit(fact(2))
    publish_all()
    assert reader.ids == [1]


def test_streams_end_within_a_minute_when_rights_end(live: LiveProcess) -> None:
    tokens = [token_of(Role.VIEWER) for _ in range(4)]
    revoked, deactivated, demoted, staying = (live.read(token=token) for token in tokens)
    users = [AuthToken.objects.get(token_key=token[:15]).user for token in tokens]
    AuthToken.objects.filter(user=users[0]).delete()
    get_user_model().objects.filter(pk=users[1].pk).update(is_active=False)
    users[2].groups.clear()
    begun = time.monotonic()
    wait_for(lambda: revoked.ended and deactivated.ended and demoted.ended, 60)
    # Longer than every stream's next question takes.
    time.sleep(max(0.0, 45 - (time.monotonic() - begun)))
    assert not staying.ended
    assert "still here" in staying.comments
    assert live.read(token=tokens[0]).response.status == 401


def test_limits_are_said_and_free_places_are_given_again(environment: dict[str, str]) -> None:
    live = LiveProcess(environment | {"LIVE_MAX_STREAMS": "3", "LIVE_MAX_STREAMS_PER_USER": "2"})
    try:
        first, second = token_of(Role.VIEWER), token_of(Role.VIEWER)
        own = [live.read(token=first), live.read(token=first)]
        third = live.read(token=first)
        assert (third.response.status, third.response.headers["Retry-After"]) == (503, "10")
        problem = third.problem()
        assert problem["code"] == "too_many_streams"
        assert "has 2 event streams open" in problem["detail"]
        assert live.read(token=second).response.status == 200
        assert "3 event streams are open" in live.read(token=second).problem()["detail"]
        assert live.figure("live_streams_refused") == 2
        own[0].cut()
        wait_for(lambda: live.figure("live_streams_open") == 2)
        assert live.read(token=second).response.status == 200
    finally:
        live.kill()


def test_only_pages_of_the_site_may_read_it_at_another_port(environment: dict[str, str]) -> None:
    live = LiveProcess(environment | {"LIVE_URL": ":8001", "PORT": "8000", "CSRF_TRUSTED_ORIGINS": "https://office.example"})
    try:
        token = token_of(Role.VIEWER)
        for origin, allowed in (("http://127.0.0.1:8000", True), ("https://office.example", True), ("http://127.0.0.1:9000", False), ("null", False)):
            headers = live.read(token=token, Origin=origin).response.headers
            assert headers["Access-Control-Allow-Origin"] == (origin if allowed else None), origin
            assert headers["Access-Control-Allow-Credentials"] == ("true" if allowed else None)
            assert "Origin" in headers.get_all("Vary")
    finally:
        live.kill()
