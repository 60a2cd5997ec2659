"""How the circuits to the marketplaces stand: for metrics, alerts and whoever looks after them."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from django.conf import settings

from stocksync.enums import ChannelKind, ChannelMode
from stocksync.marketplaces.allegro_rest.client import PARTNER as ALLEGRO_REST
from stocksync.marketplaces.microservice.client import PARTNER as ALLEGRO_MICROSERVICE
from stocksync.models import Channel
from warehouse.core.partners.breaker import Circuit, CircuitState


def circuit_states() -> list[CircuitState]:
    """One for each marketplace at its usual address, and one for each other address that a channel which is not off has. Read without changing it.

    A marketplace at another address is named with its host. One statement, then Redis.
    """
    usual = {
        (ALLEGRO_MICROSERVICE, settings.ALLEGRO_MICROSERVICE_BASE_URL): ALLEGRO_MICROSERVICE,
        (ALLEGRO_REST, settings.ALLEGRO_REST_BASE_URL): ALLEGRO_REST,
    }
    partners = {ChannelKind.ALLEGRO_MICROSERVICE: ALLEGRO_MICROSERVICE, ChannelKind.ALLEGRO_REST: ALLEGRO_REST}
    rows = Channel.objects.exclude(mode=ChannelMode.OFF).exclude(base_url="").order_by("kind", "base_url")
    others = {(partners[ChannelKind(kind)], url): url for kind, url in rows.values_list("kind", "base_url").distinct()}
    named = {key: f"{key[0]} at {urlsplit(url).netloc}" for key, url in others.items()} | usual
    return [replace(Circuit(partner, url).state(), partner=name) for (partner, url), name in named.items()]
