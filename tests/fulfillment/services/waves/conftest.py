"""A hall of three zones, and somebody who picks in it."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.models import Location
from tests.factories.fulfillment import person
from tests.fulfillment.batches import hall
from warehouse.core.actor import Actor, Role


@pytest.fixture
def place(transactional_db: None) -> Any:
    here, shelves = hall()
    for code, shelf in shelves.items():
        Location.objects.filter(pk=shelf.pk).update(zone=f"Zone {code[0]}")
    return here, shelves


@pytest.fixture
def picker(transactional_db: None) -> Actor:
    return person(Role.PICKER)
