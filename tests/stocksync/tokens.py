"""Channels that Allegro lets in, for tests."""

from __future__ import annotations

from stocksync.enums import ChannelKind, ChannelMode
from stocksync.models import Channel
from stocksync.services.credentials import record_connection, store_application
from tests.factories.inventory import WarehouseFactory
from tests.partners.allegro_account import CLIENT_ID, CLIENT_SECRET
from tests.partners.allegro_rest import AllegroRest
from tests.partners.server import PartnerServer
from warehouse.core.actor import Actor

ACTOR = Actor.system("tests")


def connected(allegro: AllegroRest, code: str = "allegro") -> Channel:
    """A channel with a pair of tokens that Allegro has just given."""
    channel = Channel.objects.create(code=code, name=code, kind=ChannelKind.ALLEGRO_REST, mode=ChannelMode.ON, warehouse=WarehouseFactory())
    store_application(channel.pk, CLIENT_ID, CLIENT_SECRET, actor=ACTOR)
    pair = allegro.give_tokens()
    record_connection(channel.pk, CLIENT_ID, pair["access_token"], pair["refresh_token"], pair["expires_in"], actor=ACTOR)
    return channel


def asked_for_tokens(server: PartnerServer) -> int:
    """How often the token endpoint was asked."""
    return sum(row["path"] == "/auth/oauth/token" for row in server.requests("POST"))
