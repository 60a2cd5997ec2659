from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.factories.inventory import Site, site


@pytest.fixture
def house(transactional_db: None) -> Site:
    return site(code="MAIN")


@pytest.fixture
def without_checks(transactional_db: None) -> Iterator[None]:
    """For controls: the database lets more be promised than there is. What the test committed is gone before the constraints come back."""
    constraints = {
        "inventory_batchlocation": "batch_location_reserved_within_quantity",
        "inventory_stock": "stock_reserved_and_blocked_within_quantity",
    }
    definitions = {}
    with connection.cursor() as cursor:
        for table, name in constraints.items():
            cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name])
            (definitions[table],) = cursor.fetchone()
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    yield
    with connection.cursor() as cursor:
        for table, name in constraints.items():
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definitions[table]} NOT VALID")
            cursor.execute(f"UPDATE {table} SET reserved = 0" + (", blocked = 0" if table == "inventory_stock" else ""))
            cursor.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
