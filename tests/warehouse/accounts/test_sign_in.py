"""Signing in on the floor: badge and PIN, name and password, the throttle, where it leads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Group
from django.test import Client, RequestFactory
from django.utils import timezone

from warehouse.accounts.addresses import client_address
from warehouse.accounts.models import User
from warehouse.accounts.screens import SHIFT_SECONDS
from warehouse.core.actor import Role

LOGIN = "/floor/login"


@pytest.fixture
def ana(db: Any) -> User:
    user = User.objects.create_user("ana", password="a long password", badge="B-1001")
    user.set_pin("4711")
    user.save()
    user.groups.add(Group.objects.get(name=Role.PICKER))
    return user


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_badge_and_pin(client: Client, ana: User) -> None:
    response = client.post(LOGIN, {"badge": " B-1001 ", "password": "4711"})
    assert response.url == "/floor/"
    assert client.session["_auth_user_id"] == str(ana.pk)
    assert client.session.get_expiry_age() <= SHIFT_SECONDS
    assert client.get("/").url == "/floor/"
    assert client.get(LOGIN).url == "/"


def test_name_and_password(client: Client, ana: User) -> None:
    assert client.post(LOGIN, {"username": "ana", "password": "a long password"}).url == "/"
    assert signed_in(client)


def test_the_badge_alone_asks_for_the_pin_and_tells_nothing(client: Client, ana: User) -> None:
    pages = [client.post(LOGIN, {"badge": badge, "password": ""}).content.decode() for badge in ("B-1001", "B-9999")]
    assert 'value="B-1001"' in pages[0]
    assert pages[0].count("<input") == pages[1].count("<input")
    assert not signed_in(client)


@pytest.mark.parametrize(
    "form",
    [
        {"badge": "B-1001", "password": "0000"},
        {"badge": "B-9999", "password": "4711"},
        {"badge": "B-1001", "password": "a long password"},  # a password is no PIN
        {"username": "ana", "password": "4711"},  # and a PIN no password
        {"username": "ana", "password": ""},
        {"username": "B-1001", "password": "4711"},
        {"username": "nobody", "password": "x"},
        {"badge": "\x00", "password": "4711"},
        {"username": "\x00", "password": "x"},
        {},
    ],
)
def test_wrong_ones_are_refused(client: Client, ana: User, form: dict[str, str]) -> None:
    response = client.post(LOGIN, form)
    assert response.status_code == 401
    assert "Try again" in response.content.decode()
    assert not signed_in(client)


def test_who_has_no_pin_or_is_not_active_does_not_get_in(client: Client, ana: User) -> None:
    User.objects.create_user("bojan", badge="B-2")
    assert client.post(LOGIN, {"badge": "B-2", "password": "anything"}).status_code == 401
    ana.is_active = False
    ana.save()
    assert client.post(LOGIN, {"badge": "B-1001", "password": "4711"}).status_code == 401
    assert not signed_in(client)


def test_five_wrong_pins_lock_this_person_for_five_minutes(client: Client, ana: User) -> None:
    for _ in range(4):
        assert client.post(LOGIN, {"badge": "B-1001", "password": "0000"}).status_code == 401
    response = client.post(LOGIN, {"badge": "B-1001", "password": "0000"})
    assert response.status_code == 429
    assert "Too many wrong attempts" in response.content.decode()
    assert client.post(LOGIN, {"badge": "B-1001", "password": "4711"}).status_code == 429
    assert client.post(LOGIN, {"username": "ana", "password": "a long password"}).status_code == 429  # neither way
    assert not signed_in(client)
    other = User.objects.create_user("bojan", password="a long password")
    assert client.post(LOGIN, {"username": other.username, "password": "a long password"}).status_code == 302  # nobody else
    client.logout()
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=6))
    assert client.post(LOGIN, {"badge": "B-1001", "password": "4711"}).status_code == 302


def wrong_pins(client: Client, times: int, **meta: str) -> list[int]:
    return [client.post(LOGIN, {"badge": "B-1001", "password": "0000"}, **meta).status_code for _ in range(times)]


def test_behind_the_proxy_a_lock_holds_for_the_device_not_for_the_site(client: Client, ana: User) -> None:
    proxy = {"REMOTE_ADDR": "127.0.0.1"}
    assert wrong_pins(client, 5, **proxy, HTTP_X_FORWARDED_FOR="10.0.0.5")[-1] == 429
    right = {"badge": "B-1001", "password": "4711"}
    assert client.post(LOGIN, right, **proxy, HTTP_X_FORWARDED_FOR="10.0.0.5").status_code == 429
    assert client.post(LOGIN, right, **proxy, HTTP_X_FORWARDED_FOR="10.0.0.6").status_code == 302
    assert set(AccessAttempt.objects.values_list("ip_address", flat=True)) <= {"10.0.0.5"}


def test_nobody_escapes_the_lock_with_a_header(client: Client, ana: User) -> None:
    stranger = [wrong_pins(client, 1, REMOTE_ADDR="203.0.113.9", HTTP_X_FORWARDED_FOR=f"10.0.0.{n}")[0] for n in range(5)]
    assert stranger == [401, 401, 401, 401, 429]
    before_the_proxy = [wrong_pins(client, 1, REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR=f"10.0.0.{n}, 203.0.113.10")[0] for n in range(5)]
    assert before_the_proxy == [401, 401, 401, 401, 429]


@pytest.mark.parametrize(
    ("peer", "forwarded", "device"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "10.0.0.5", "10.0.0.5"),
        ("::1", "2001:db8::5", "2001:db8::5"),
        ("::ffff:127.0.0.1", "10.0.0.5", "10.0.0.5"),
        ("127.0.0.1", "1.2.3.4, 10.0.0.5, 127.0.0.1", "10.0.0.5"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "10.0.0.5, x", "127.0.0.1"),
        ("203.0.113.9", "10.0.0.5", "203.0.113.9"),
        ("", "10.0.0.5", None),
    ],
)
def test_where_a_request_comes_from(rf: RequestFactory, peer: str, forwarded: str, device: str | None) -> None:
    assert client_address(rf.get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)) == device


def test_unknown_badges_are_throttled_too(client: Client, ana: User) -> None:
    answers = [client.post(LOGIN, {"badge": "B-404", "password": f"{n:04}"}).status_code for n in range(6)]
    assert answers == [401, 401, 401, 401, 429, 429]


def test_nothing_keeps_the_pin(client: Client, ana: User, caplog: pytest.LogCaptureFixture) -> None:
    client.post(LOGIN, {"badge": "B-1001", "password": "0815"})
    kept = " ".join(str(value) for row in AccessAttempt.objects.values() for value in row.values())
    assert "B-1001" in kept
    assert "0815" not in kept
    assert "0815" not in caplog.text
    assert "4711" not in ana.pin_hash


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [("/floor/pick", "/floor/pick"), *((bad, "/floor/") for bad in ("https://evil.example/", "//evil.example", "javascript:alert(1)", ""))],
)
def test_it_leads_where_one_wanted_to_go_on_this_site_only(client: Client, ana: User, wanted: str, reached: str) -> None:
    page = client.get(LOGIN, {"next": wanted}).content.decode()
    assert f'name="next" value="{wanted if reached == wanted else ""}"' in page
    assert client.post(LOGIN, {"badge": "B-1001", "password": "4711", "next": wanted}).url == reached


def test_sign_out_by_post_only(client: Client, ana: User) -> None:
    client.force_login(ana, "warehouse.accounts.backends.BadgeBackend")
    assert client.get("/floor/logout").status_code == 405
    assert signed_in(client)
    assert client.post("/floor/logout").url == LOGIN
    assert not signed_in(client)


def test_a_form_without_a_token_is_refused(ana: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    for path in (LOGIN, "/floor/logout", "/floor/language", "/floor/warehouse"):
        assert strict.post(path, {"badge": "B-1001", "password": "4711"}).status_code == 403
    assert not signed_in(strict)
