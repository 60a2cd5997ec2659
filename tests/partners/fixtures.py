"""The partners for tests: a server on a free port for each test, and the site's settings pointed at it.

Import the fixtures in a conftest: `from tests.partners.fixtures import delivery, order_system`.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from pytest_django.fixtures import Settings

from tests.partners.alert_channel import AlertChannel
from tests.partners.allegro_microservice import AllegroMicroservice
from tests.partners.allegro_rest import AllegroRest
from tests.partners.delivery import Delivery
from tests.partners.order_system import OrderSystem
from tests.partners.printer import RawPrinter
from tests.partners.server import PartnerServer, running

TOKEN = "token-for-tests"


@pytest.fixture
def order_system(settings: Settings) -> Iterator[PartnerServer]:
    """A running order system that demands the token the settings give."""
    with running(OrderSystem, token=TOKEN) as server:
        settings.ORDER_SYSTEM_URL = server.url
        settings.ORDER_SYSTEM_TOKEN = TOKEN
        yield server


@pytest.fixture
def delivery(settings: Settings) -> Iterator[PartnerServer]:
    """A running delivery service that demands the token the settings give."""
    with running(Delivery, token=TOKEN) as server:
        settings.DELIVERY_URL = server.url
        settings.DELIVERY_TOKEN = TOKEN
        yield server


@pytest.fixture
def allegro_microservice(settings: Settings) -> Iterator[PartnerServer]:
    """A running Allegro microservice that demands the token the settings give."""
    with running(AllegroMicroservice, token=TOKEN) as server:
        settings.ALLEGRO_MICROSERVICE_BASE_URL = server.url
        settings.ALLEGRO_MICROSERVICE_JWT_TOKEN = TOKEN
        yield server


@pytest.fixture
def allegro_rest(settings: Settings) -> Iterator[PartnerServer]:
    """A running Allegro that takes the tests' token, or tokens that it gave away itself."""
    with running(AllegroRest, token=TOKEN) as server:
        settings.ALLEGRO_REST_BASE_URL = server.url
        yield server


@pytest.fixture
def alert_channel(settings: Settings) -> Iterator[PartnerServer]:
    """A running channel, the only one that alerts are sent to; its address holds a secret."""
    with running(AlertChannel) as server:
        settings.ALERT_URLS = [f"{server.url.replace('http', 'json', 1)}/alerts/{TOKEN}"]
        yield server


@pytest.fixture
def raw_printer(settings: Settings) -> Iterator[RawPrinter]:
    """A running printer on this machine, which is allowed to stand here."""
    settings.PRINTER_NETWORKS = [ip_network("127.0.0.1/32")]
    settings.PRINTER_TIMEOUT_SECONDS = 0.5
    printer = RawPrinter()
    try:
        yield printer
    finally:
        printer.stop()
