"""Goods to look at, and who picks and packs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction

from fulfillment.queries.reconciliation import everything_that_contradicts
from inventory.models import Product
from tests.factories.fulfillment import person, reachable_site, stocked
from tests.factories.inventory import ProductFactory, Site
from warehouse.core.actor import Actor, Role


@pytest.fixture(autouse=True)
def nothing_contradicts(db: None) -> Iterator[None]:
    """Whatever a test did, orders, tasks, checks and promises agree afterwards."""
    yield
    with transaction.atomic():
        assert everything_that_contradicts() == []


@pytest.fixture
def house(db: None) -> Site:
    return reachable_site(code="MAIN", external_id="1")


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="MILK")
    stocked(product, house.shelf, 20, lot="M-1", expires_in_days=30)
    return product


@pytest.fixture
def tea(house: Site) -> Product:
    product = ProductFactory(sku="TEA")
    stocked(product, house.shelf, 20, lot="T-1")
    return product


@pytest.fixture
def picker(db: None) -> Actor:
    return person(Role.PICKER)


@pytest.fixture
def packer(db: None) -> Actor:
    return person(Role.PACKER)
