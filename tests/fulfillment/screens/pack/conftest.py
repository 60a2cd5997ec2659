"""Goods on their way to a bench, and a packer's handheld."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories.fulfillment import reachable_site, stocked
from tests.factories.inventory import BarcodeFactory, ProductFactory
from tests.fulfillment.screens.conftest import Handheld
from tests.fulfillment.screens.packing import Make
from warehouse.core.actor import Role


@pytest.fixture
def place(transactional_db: None) -> Any:
    return reachable_site()


@pytest.fixture
def goods(place: Any) -> Any:
    milk, tea = ProductFactory(name="Milk"), ProductFactory(name="Tea")
    BarcodeFactory(code="8600000000011", product=milk)
    BarcodeFactory(code="18600000000018", product=milk, pack_quantity=6)
    stocked(milk, place.shelf, 50, lot="M-1", expires_in_days=9)
    stocked(tea, place.shelf, 50, lot="T-1")
    return milk, tea


@pytest.fixture
def packer(place: Any, handheld: Make) -> Handheld:
    return handheld(place, Role.PACKER)
