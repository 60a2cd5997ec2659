from __future__ import annotations

import pytest

from tests.factories.inventory import Site, site


@pytest.fixture
def house(db: None) -> Site:
    """A warehouse with a place of each kind."""
    return site(code="MAIN", external_id="1")
