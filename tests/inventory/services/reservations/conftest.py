"""Goods to promise, and the promise."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.models import Product
from inventory.orchestrator import OrderedLine, Reserved, reserve_for_order
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked


@pytest.fixture
def milk(house: Site) -> Product:
    """Two lots: 5 that expire in 5 days, 5 that expire in 9."""
    product = ProductFactory(sku="MILK", lives={"ambient": 30, "chilled": 30})
    stocked(product, house.cool, 5, lot="L9", expires_in_days=9)
    stocked(product, house.shelf, 5, lot="L5", expires_in_days=5)
    return product


@pytest.fixture
def reserve(house: Site) -> Any:
    def call(order_ref: str, *lines: OrderedLine, **more: Any) -> Reserved:
        return reserve_for_order(order_ref, lines, warehouse_id=house.id, actor=ACTOR, **more)

    return call
