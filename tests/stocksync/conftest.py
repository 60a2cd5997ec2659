"""A shop at a real Allegro server for tests of listings."""

from __future__ import annotations

import pytest

from stocksync.marketplaces.allegro_rest import AllegroRestClient
from tests.fulfillment.parcels import Clock
from tests.partners.fixtures import allegro_microservice, allegro_rest
from tests.partners.server import PartnerServer
from tests.stocksync.listings import Shop, shop_at
from tests.stocksync.marketplaces.allegro import allegro, client, client_for

__all__ = ["allegro", "allegro_microservice", "allegro_rest", "client", "client_for"]


@pytest.fixture
def shop(allegro_rest: PartnerServer, client: AllegroRestClient, db: None, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return shop_at(allegro_rest, client, Clock(monkeypatch))
