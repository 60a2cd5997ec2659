"""A hall with a map, and somebody who picks in it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories.fulfillment import person
from tests.fulfillment.batches import hall
from warehouse.core.actor import Actor, Role


@pytest.fixture
def place(transactional_db: None) -> Any:
    return hall()


@pytest.fixture
def picker(transactional_db: None) -> Actor:
    return person(Role.PICKER)
