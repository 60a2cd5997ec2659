"""The client for a channel, by its kind and the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from django.conf import settings

from stocksync.enums import ChannelKind
from stocksync.flows import tokens
from stocksync.marketplaces.allegro_rest import AllegroRestClient
from stocksync.marketplaces.base import ChannelClient, ListingClient
from stocksync.marketplaces.microservice import MicroserviceClient
from stocksync.models import Channel, ChannelCredentials


def client_for(channel: Channel) -> ChannelClient:
    """A client of the channel's account. Close it, or use `with`. Raises NotConnected for an address or a token that can't be used."""
    with _said_as_not_connected(channel):
        return _rest(channel) if channel.kind == ChannelKind.ALLEGRO_REST else _microservice(channel)


def listing_client_for(channel: Channel) -> ListingClient:
    """As `client_for`, of a channel that `takes_quantities`."""
    with _said_as_not_connected(channel):
        return _rest(channel)


@contextmanager
def _said_as_not_connected(channel: Channel) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise tokens.NotConnected(str(channel), f"{error}: mend the channel or the settings", None) from error


def _microservice(channel: Channel) -> MicroserviceClient:
    base_url = channel.base_url or settings.ALLEGRO_MICROSERVICE_BASE_URL
    return MicroserviceClient(base_url, settings.ALLEGRO_MICROSERVICE_JWT_TOKEN, channel.token_id)


def _rest(channel: Channel) -> AllegroRestClient:
    base_url = channel.base_url or settings.ALLEGRO_REST_BASE_URL
    application = ChannelCredentials.objects.filter(channel=channel).values_list("client_id", flat=True).first() or ""
    return AllegroRestClient(base_url, partial(tokens.access_token, channel.pk), partial(tokens.renew, channel.pk), application=application)
