"""What was sold and comes back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from inventory.models import Product
from tests.factories.inventory import ProductFactory, Site, StorefrontProductFactory, stocked


@pytest.fixture
def milk(house: Site) -> Product:
    """Two lots: 5 that expire in 5 days, 5 that expire in 9; the page sells it at 2.00."""
    product = ProductFactory(sku="MILK", lives={"chilled": 14, ("chilled", "opened"): 3, "ambient": 2})
    stocked(product, house.cool, 5, lot="L5", expires_in_days=5)
    stocked(product, house.cool, 5, lot="L9", expires_in_days=9)
    StorefrontProductFactory(product=product, external_listing_id="listing-1", price=Decimal(2))
    return product
