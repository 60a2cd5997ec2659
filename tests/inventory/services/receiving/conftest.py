"""Goods that are delivered."""

from __future__ import annotations

import pytest

from inventory.models import Product
from tests.factories.inventory import ProductFactory, Site


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK", lives={"chilled": 14}, min_remaining_days=2)
