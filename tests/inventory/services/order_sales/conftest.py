"""Goods that others sell."""

from __future__ import annotations

import pytest

from inventory.models import Product
from tests.factories.inventory import ProductFactory, Site, stocked


@pytest.fixture
def milk(house: Site) -> Product:
    """Two lots: 2 that expire in 5 days, 5 that expire in 9."""
    product = ProductFactory(sku="MILK", lives={"chilled": 14, "ambient": 2})
    stocked(product, house.cool, 2, lot="L5", expires_in_days=5)
    stocked(product, house.cool, 5, lot="L9", expires_in_days=9)
    return product
