"""The site that goods go to, and the goods."""

from __future__ import annotations

import pytest

from inventory.models import Product
from tests.factories.inventory import ProductFactory, Site, site


@pytest.fixture
def shop(house: Site) -> Site:
    """The site that the goods go to."""
    return site(code="SHOP", external_id="2")


@pytest.fixture
def apples(house: Site) -> Product:
    """They keep for 21 days outside and 42 in the cold."""
    return ProductFactory(sku="APPLES", lives={"ambient": 21, "chilled": 42})
