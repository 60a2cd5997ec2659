"""Goods on two shelves, and a picker's handheld."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories.fulfillment import site, stocked
from tests.factories.inventory import BarcodeFactory, LocationFactory, ProductFactory
from tests.fulfillment.screens.conftest import Handheld
from tests.fulfillment.screens.picking import Make
from warehouse.core.actor import Role


@pytest.fixture
def place(transactional_db: None) -> Any:
    return site()


@pytest.fixture
def milk(place: Any) -> Any:
    product = ProductFactory(name="Milk & <b>honey</b>")
    BarcodeFactory(code="8600000000011", product=product)
    stocked(product, place.shelf, 10, lot="L-1", expires_in_days=9)
    return product


@pytest.fixture
def picker(place: Any, handheld: Make) -> Handheld:
    return handheld(place, Role.PICKER)


@pytest.fixture
def far(place: Any, milk: Any) -> Any:
    """A shelf at the end of the walk with a later lot."""
    shelf = LocationFactory(warehouse=place.warehouse, code="Z-09", pick_sequence=10**6)
    stocked(milk, shelf, 10, lot="L-2", expires_in_days=20)
    return shelf
