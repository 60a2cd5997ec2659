"""Goods to lose, and who loses them."""

from __future__ import annotations

import pytest

from inventory.models import Product
from tests.factories.fulfillment import person
from tests.factories.inventory import ProductFactory, Site
from warehouse.core.actor import Actor, Role


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK")


@pytest.fixture
def receiver(db: None) -> Actor:
    return person(Role.RECEIVER)
