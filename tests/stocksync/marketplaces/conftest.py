"""Clients of marketplaces against the real servers, with timeouts short enough for tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stocksync.marketplaces.microservice import MicroserviceClient
from tests.partners.allegro_microservice import ACCOUNT
from tests.partners.fixtures import TOKEN, allegro_microservice, allegro_rest
from tests.partners.server import PartnerServer
from tests.stocksync.marketplaces.allegro import READ_SECONDS, allegro, client, client_for

__all__ = ["allegro", "allegro_microservice", "allegro_rest", "client", "client_for"]


@pytest.fixture
def microservice(allegro_microservice: PartnerServer) -> Iterator[MicroserviceClient]:
    with MicroserviceClient(allegro_microservice.url, TOKEN, ACCOUNT, timeout=(1, READ_SECONDS)) as client:
        yield client
