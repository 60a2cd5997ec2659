"""A site with apples, and a shop at a real Allegro server for tests of listings."""

from __future__ import annotations

import pytest

from inventory.models import Product
from stocksync.marketplaces.allegro_rest import AllegroRestClient
from tests.factories.fulfillment import reachable_site
from tests.factories.inventory import ProductFactory, Site, stocked
from tests.fulfillment.parcels import Clock
from tests.partners.fixtures import allegro_microservice, allegro_rest
from tests.partners.server import PartnerServer
from tests.stocksync.listings import Shop, shop_at
from tests.stocksync.marketplaces.allegro import allegro, client, client_for

__all__ = ["allegro", "allegro_microservice", "allegro_rest", "client", "client_for"]


@pytest.fixture
def place() -> Site:
    return reachable_site(code="ONE")


@pytest.fixture
def apple(place: Site) -> Product:
    """Ten, in two lots that expire one after the other."""
    made: Product = ProductFactory(sku="APPLE")
    stocked(made, place.shelf, 4, lot="EARLY", expires_in_days=20)
    stocked(made, place.shelf, 6, lot="LATE", expires_in_days=60)
    return made


@pytest.fixture
def shop(allegro_rest: PartnerServer, client: AllegroRestClient, db: None, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return shop_at(allegro_rest, client, Clock(monkeypatch))
