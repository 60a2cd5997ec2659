"""Clients against the real servers, with timeouts short enough for tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fulfillment.partners.delivery import DeliveryClient
from fulfillment.partners.order_system import OrderSystemClient
from tests.partners.fixtures import TOKEN, delivery, order_system
from tests.partners.server import PartnerServer
from warehouse.core.partners.http import PartnerHttp

__all__ = ["delivery", "order_system"]

READ_SECONDS = 0.4


@pytest.fixture
def orders(order_system: PartnerServer) -> Iterator[OrderSystemClient]:
    with OrderSystemClient(PartnerHttp("order system", order_system.url, TOKEN, timeout=(1, READ_SECONDS))) as client:
        yield client


@pytest.fixture
def deliveries(delivery: PartnerServer) -> Iterator[DeliveryClient]:
    with DeliveryClient(PartnerHttp("delivery service", delivery.url, TOKEN, timeout=(1, READ_SECONDS))) as client:
        yield client
