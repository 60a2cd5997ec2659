"""The floor screens of inventory, on a handheld without JavaScript."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.factories.inventory import site
from tests.fulfillment.screens.conftest import Handheld, handheld

__all__ = ["Handheld", "handheld", "token_in", "value_in"]


@pytest.fixture
def place(transactional_db: None) -> Any:
    return site()


def value_in(page: str, name: str) -> str:
    """What a page's field or hidden input holds."""
    found = re.search(rf'name="{name}"[^>]*?value="([^"]*)"', page)
    assert found, name
    return found[1]


def token_in(page: str) -> str:
    return value_in(page, "token")
