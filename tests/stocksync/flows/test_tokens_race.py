"""Two workers whose token ends at the same moment: one asks for a new pair, both go on with it."""

from __future__ import annotations

from typing import cast

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from stocksync.flows import tokens
from stocksync.models import ChannelCredentials
from stocksync.services import credentials
from stocksync.services.credentials import Refresh, application_of
from tests.concurrency.threads import race
from tests.partners.allegro_rest import AllegroRest
from tests.partners.fixtures import allegro_rest
from tests.partners.server import PartnerServer
from tests.stocksync.tokens import asked_for_tokens, connected

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["allegro_rest"]

WORKERS = 6


@pytest.fixture
def allegro(allegro_rest: PartnerServer, settings: Settings, redis: Redis) -> AllegroRest:
    """Allegro, which takes a while for each new pair: long enough for all to have asked."""
    allegro_rest.fail("latency", when="during", seconds=0.3, path="/auth/*", times=None)
    return cast(AllegroRest, allegro_rest.partner)


def test_many_workers_refresh_once_and_keep_one_pair(allegro_rest: PartnerServer, allegro: AllegroRest):
    channel = connected(allegro)
    refused = tokens.access_token(channel.pk)
    outcomes = race([lambda: tokens.renew(channel.pk, refused)] * WORKERS)
    newest = allegro.ledger.table("pairs")[-1]
    assert [outcome.value for outcome in outcomes] == [newest["access_token"]] * WORKERS
    row = ChannelCredentials.objects.get(channel=channel)
    assert credentials.decrypt(row.access_token) == newest["access_token"]
    assert credentials.decrypt(row.refresh_token) == newest["refresh_token"]
    assert (asked_for_tokens(allegro_rest), allegro.refreshes()) == (1, 1)


def test_control_without_the_claim_each_worker_asks(allegro_rest: PartnerServer, allegro: AllegroRest, monkeypatch: pytest.MonkeyPatch):
    channel = connected(allegro)
    refused = tokens.access_token(channel.pk)

    def everybody(channel_id: int, stale: str, *, actor: object) -> Refresh:
        row = ChannelCredentials.objects.get(channel=channel_id)
        return Refresh(application_of(channel_id), credentials.decrypt(row.refresh_token))

    monkeypatch.setattr(tokens, "claim_refresh", everybody)
    outcomes = race([lambda: tokens.renew(channel.pk, refused)] * 2)
    assert all(outcome.won for outcome in outcomes)
    assert asked_for_tokens(allegro_rest) == 2


def test_channels_do_not_wait_for_each_other(allegro_rest: PartnerServer, allegro: AllegroRest):
    channels = [connected(allegro, code) for code in ("first", "second")]
    refused = [tokens.access_token(channel.pk) for channel in channels]
    outcomes = race([lambda pair=pair: tokens.renew(pair[0].pk, pair[1]) for pair in zip(channels, refused, strict=True)])
    assert len({outcome.value for outcome in outcomes} - set(refused)) == 2
    assert asked_for_tokens(allegro_rest) == 2
