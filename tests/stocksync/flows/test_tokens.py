"""The OAuth tokens of channels: kept so that nobody can read them, refreshed once for all."""

from __future__ import annotations

import base64
import logging
import pickle
from datetime import timedelta
from typing import cast

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings
from redis import Redis

from stocksync.flows import tokens
from stocksync.flows.clients import client_for
from stocksync.marketplaces.allegro_rest.oauth import GrantRefused, auth_url
from stocksync.marketplaces.base import Shown
from stocksync.models import Channel, ChannelCredentials
from stocksync.services import credentials
from tests.fulfillment.parcels import Clock
from tests.partners.allegro_account import CLIENT_ID, CLIENT_SECRET
from tests.partners.allegro_rest import AllegroRest
from tests.partners.fixtures import allegro_rest
from tests.partners.server import PartnerServer
from tests.stocksync.tokens import ACTOR, asked_for_tokens, connected
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from warehouse.core.partners.errors import PermanentFailure, RetryableFailure
from warehouse.environment import secret_keys

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["allegro_rest"]


@pytest.fixture
def allegro(allegro_rest: PartnerServer, settings: Settings, redis: Redis) -> AllegroRest:
    settings.PARTNER_TIMEOUT_SECONDS = (1, 0.4)
    return cast(AllegroRest, allegro_rest.partner)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, allegro: AllegroRest) -> Clock:
    """Our time and Allegro's, moved together."""
    time = Clock(monkeypatch)
    allegro.clock = lambda: time.now
    return time


@pytest.fixture
def channel(allegro: AllegroRest) -> Channel:
    return connected(allegro)


def test_tokens_and_the_secret_are_kept_unreadable(channel: Channel, allegro: AllegroRest):
    row = ChannelCredentials.objects.get(channel=channel)
    pair = allegro.ledger.table("pairs")[0]
    kept = b"".join(bytes(value) for value in (row.client_secret, row.access_token, row.refresh_token))
    assert len(kept) > 300
    for secret in (CLIENT_SECRET, pair["access_token"], pair["refresh_token"]):
        assert secret.encode() not in kept
    assert credentials.decrypt(row.access_token) == pair["access_token"]
    assert credentials.decrypt(row.refresh_token) == pair["refresh_token"]
    assert str(row) == f"credentials of {channel.pk}"


def test_a_fresh_token_is_given_with_one_statement_and_no_call(channel: Channel, allegro_rest: PartnerServer, allegro: AllegroRest):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert tokens.access_token(channel.pk) == allegro.ledger.table("pairs")[0]["access_token"]
    assert len(queries) == 1
    assert asked_for_tokens(allegro_rest) == 0


def test_a_token_near_its_end_is_refreshed_and_both_are_replaced(channel: Channel, allegro: AllegroRest, clock: Clock):
    before = ChannelCredentials.objects.get(channel=channel)
    clock.passes(hours=11, minutes=56)
    token = tokens.access_token(channel.pk)
    after = ChannelCredentials.objects.get(channel=channel)
    newest = allegro.ledger.table("pairs")[-1]
    assert token == newest["access_token"] == credentials.decrypt(after.access_token)
    assert credentials.decrypt(after.refresh_token) == newest["refresh_token"] != credentials.decrypt(before.refresh_token)
    assert (after.refreshed_at, after.claimed_until) == (clock.now, None)
    assert after.expires_at == clock.now + timedelta(seconds=43_199)


def test_a_refresh_is_nine_statements_in_two_transactions(channel: Channel):
    refused = tokens.access_token(channel.pk)
    with CaptureQueriesContext(connection) as queries:
        tokens.renew(channel.pk, refused)
    verbs = [query["sql"].split()[0] for query in queries]
    claim, address, record = ["BEGIN", "SELECT", "UPDATE", "COMMIT"], ["SELECT"], ["BEGIN", "SELECT", "UPDATE", "COMMIT"]
    assert verbs == ["SELECT", *claim, *address, *record]


def test_failures_travel_between_processes():
    for failure in (tokens.NotConnected("allegro_rest", "why", 401), GrantRefused("allegro_rest", "why", 400, code="slow_down")):
        copy = pickle.loads(pickle.dumps(failure))
        assert (type(copy), vars(copy)) == (type(failure), vars(failure))


def test_tokens_are_given_beside_the_api():
    assert auth_url("https://api.allegro.pl") == "https://allegro.pl"
    assert auth_url("https://api.allegro.pl.allegrosandbox.pl") == "https://allegro.pl.allegrosandbox.pl"
    assert auth_url("http://127.0.0.1:8095") == "http://127.0.0.1:8095"


def test_a_refused_token_is_renewed_once_for_all_who_had_it(channel: Channel, allegro_rest: PartnerServer, allegro: AllegroRest):
    refused = tokens.access_token(channel.pk)
    renewed = tokens.renew(channel.pk, refused)
    assert renewed == tokens.renew(channel.pk, refused) == tokens.access_token(channel.pk) != refused
    assert (asked_for_tokens(allegro_rest), allegro.refreshes()) == (1, 1)


def test_a_client_of_the_channel_renews_by_itself(channel: Channel, allegro: AllegroRest):
    allegro.revoke(tokens.access_token(channel.pk))
    allegro.put_offer("77", 5)
    with client_for(channel) as client:
        assert client.read_listing("77") == Shown(5, True)
    assert allegro.refreshes() == 1


def test_a_lost_answer_is_asked_for_again_at_once(channel: Channel, allegro_rest: PartnerServer, allegro: AllegroRest):
    allegro_rest.fail("drop", when="after", path="/auth/*")
    token = tokens.renew(channel.pk, tokens.access_token(channel.pk))
    assert token == allegro.ledger.table("pairs")[-1]["access_token"]
    assert (asked_for_tokens(allegro_rest), allegro.refreshes()) == (2, 1)


def test_killed_between_answer_and_save_the_next_one_gets_the_same_pair(
    channel: Channel, allegro: AllegroRest, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    refused = tokens.access_token(channel.pk)

    class Killed(BaseException):
        """As if the process had gone."""

    def die(*args: object, **kwargs: object) -> str:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(tokens, "record_refresh", die)
        with pytest.raises(Killed):
            tokens.renew(channel.pk, refused)
    monkeypatch.setattr(tokens, "WAIT_SECONDS", 0)
    monkeypatch.setattr(tokens, "LOOK_SECONDS", 0)
    with pytest.raises(RetryableFailure, match="another worker is still renewing"):
        tokens.renew(channel.pk, refused)
    clock.passes(seconds=26)
    assert tokens.renew(channel.pk, refused) == allegro.ledger.table("pairs")[-1]["access_token"]
    assert allegro.refreshes() == 1
    clock.passes(hours=12)
    assert tokens.access_token(channel.pk) == allegro.ledger.table("pairs")[-1]["access_token"]
    assert allegro.refreshes() == 2


def test_an_outage_gives_the_claim_back(channel: Channel, allegro_rest: PartnerServer, allegro: AllegroRest):
    refused = tokens.access_token(channel.pk)
    allegro_rest.fail("status", status=503, path="/auth/*", times=2)
    with pytest.raises(RetryableFailure) as caught:
        tokens.renew(channel.pk, refused)
    assert caught.value.status == 503
    assert ChannelCredentials.objects.get(channel=channel).claimed_until is None
    assert tokens.renew(channel.pk, refused) != refused


def test_a_slow_refresher_does_not_overwrite_a_newer_pair(channel: Channel, allegro: AllegroRest, clock: Clock):
    refused = tokens.access_token(channel.pk)
    slow = credentials.claim_refresh(channel.pk, refused, actor=ACTOR)
    assert slow is not None
    clock.passes(seconds=26)
    newer = tokens.renew(channel.pk, refused)
    assert credentials.record_refresh(channel.pk, slow.refresh_token, "old access", "old refresh", 60, actor=ACTOR) == newer
    credentials.record_refusal(channel.pk, slow.refresh_token, actor=ACTOR)
    assert tokens.access_token(channel.pk) == newer


def test_a_used_up_refresh_token_asks_for_a_new_connection(
    channel: Channel, allegro_rest: PartnerServer, allegro: AllegroRest, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    refused = tokens.access_token(channel.pk)
    allegro.forget_refresh_tokens()
    for _ in range(2):
        with pytest.raises(tokens.NotConnected, match="connect the channel anew") as caught:
            tokens.renew(channel.pk, refused)
        assert isinstance(caught.value, PermanentFailure)
        assert caught.value.status == 401
    assert asked_for_tokens(allegro_rest) == 1
    row = ChannelCredentials.objects.get(channel=channel)
    assert row.refused_at is not None
    said = f"{caplog.text} {caught.value!r} {caught.value.body}"
    pair = allegro.ledger.table("pairs")[0]
    assert "Invalid refresh token: ***" in said
    assert not [secret for secret in (pair["refresh_token"], pair["access_token"], CLIENT_SECRET) if secret in said]
    assert base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode() not in said


def test_the_device_flow_connects_a_channel_again(channel: Channel, allegro: AllegroRest, clock: Clock):
    allegro.forget_refresh_tokens()
    clock.passes(hours=13)
    with pytest.raises(tokens.NotConnected):
        tokens.access_token(channel.pk)
    asked = tokens.connect_begin(channel.pk)
    assert asked.verification_uri_complete.endswith(f"/skojarz-aplikacje?code={asked.user_code}")
    assert (asked.interval, asked.expires_in) == (5, 3600)
    assert asked.device_code not in repr(asked)
    assert tokens.connect_finish(channel.pk, asked.device_code, actor=ACTOR) is False
    assert tokens.connect_finish(channel.pk, asked.device_code, actor=ACTOR) is False
    allegro.confirm(asked.user_code)
    assert tokens.connect_finish(channel.pk, asked.device_code, actor=ACTOR) is True
    assert ChannelCredentials.objects.get(channel=channel).refused_at is None
    assert tokens.access_token(channel.pk) == allegro.ledger.table("pairs")[-1]["access_token"]


def test_a_seller_who_says_no_connects_nothing(channel: Channel, allegro: AllegroRest):
    asked = tokens.connect_begin(channel.pk)
    allegro.confirm(asked.user_code, denied=True)
    with pytest.raises(PermanentFailure, match=r"refused to give tokens \(400 access_denied\)"):
        tokens.connect_finish(channel.pk, asked.device_code, actor=ACTOR)


def test_a_wrong_secret_is_told_without_it(channel: Channel, allegro: AllegroRest):
    credentials.store_application(channel.pk, CLIENT_ID, "wrong-secret", actor=ACTOR)
    with pytest.raises(PermanentFailure, match=r"refused to give tokens \(401 unauthorized\)"):
        tokens.connect_begin(channel.pk)
    assert tokens.access_token(channel.pk)


def test_a_channel_that_was_never_connected_says_so(allegro: AllegroRest, channel: Channel):
    credentials.store_application(channel.pk, "another-application", CLIENT_SECRET, actor=ACTOR)
    with pytest.raises(tokens.NotConnected, match="not connected yet"):
        tokens.access_token(channel.pk)
    ChannelCredentials.objects.all().delete()
    with pytest.raises(tokens.NotConnected, match="has no credentials"):
        tokens.access_token(channel.pk)
    with pytest.raises(NotFound):
        tokens.connect_begin(channel.pk)


def test_tokens_of_another_application_are_not_kept(channel: Channel):
    with pytest.raises(Conflict, match="changed meanwhile"):
        credentials.record_connection(channel.pk, "another-application", "a", "r", 60, actor=ACTOR)


@pytest.mark.parametrize(("client_id", "client_secret"), [("", "secret"), ("id", " "), ("x" * 101, "secret")])
def test_an_application_is_given_whole(channel: Channel, client_id: str, client_secret: str):
    before = ChannelCredentials.objects.values().get()
    with pytest.raises(ValidationFailed):
        credentials.store_application(channel.pk, client_id, client_secret, actor=ACTOR)
    with pytest.raises(NotFound):
        credentials.store_application(channel.pk + 1, "id", "secret", actor=ACTOR)
    assert ChannelCredentials.objects.values().get() == before


def test_credentials_are_for_managers(channel: Channel):
    picker = Actor("picker", Actor.system("x").type, frozenset({Role.PICKER}))
    with pytest.raises(PermissionDenied):
        credentials.store_application(channel.pk, "id", "secret", actor=picker)


def test_keys_are_rotated(channel: Channel, allegro: AllegroRest, settings: Settings):
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    token = tokens.access_token(channel.pk)
    settings.CREDENTIALS_KEY = [old]
    with pytest.raises(tokens.NotConnected, match="CREDENTIALS_KEY"):
        tokens.access_token(channel.pk)
    settings.CREDENTIALS_KEY = []
    kept = credentials.decrypt(ChannelCredentials.objects.get(channel=channel).refresh_token)
    settings.CREDENTIALS_KEY = [old]
    row = ChannelCredentials.objects.get(channel=channel)
    row.access_token, row.refresh_token, row.client_secret = map(credentials.encrypt, (token, kept, CLIENT_SECRET))
    row.save()
    settings.CREDENTIALS_KEY = [new, old]
    renewed = tokens.renew(channel.pk, token)
    settings.CREDENTIALS_KEY = [new]
    assert tokens.access_token(channel.pk) == renewed


@pytest.mark.parametrize("value", ["nonsense", "YWJj", f"{'A' * 43}=,short"])
def test_a_key_that_is_none_stops_the_start_and_is_not_quoted(monkeypatch: pytest.MonkeyPatch, value: str):
    monkeypatch.setenv("CREDENTIALS_KEY", value)
    with pytest.raises(ImproperlyConfigured, match="CREDENTIALS_KEY: key ") as caught:
        secret_keys("CREDENTIALS_KEY")
    assert value not in str(caught.value)
