"""Goods that are moved, frozen and thawed."""

from __future__ import annotations

import pytest

from inventory.models import Product
from tests.factories.inventory import ProductFactory, Site


@pytest.fixture
def apples(house: Site) -> Product:
    return ProductFactory(sku="APPLES", lives={"ambient": 21, "chilled": 42})


@pytest.fixture
def beef(house: Site) -> Product:
    """Ground beef: two days in the cold, 120 frozen, a day after it was thawed."""
    return ProductFactory(sku="BEEF", freezable=True, lives={"chilled": 2, "frozen": 120, ("chilled", "thawed"): 1})
