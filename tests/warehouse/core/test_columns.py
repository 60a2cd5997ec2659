"""Many rows written by one statement, each with values of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext

from inventory.models import Location, Product
from tests.factories.inventory import LocationFactory, ProductFactory
from warehouse.core.columns import write_columns

pytestmark = pytest.mark.django_db


def test_each_row_gets_its_values_in_one_statement() -> None:
    rows = ProductFactory.create_batch(3)
    born = datetime(2026, 1, 2, tzinfo=UTC)
    with CaptureQueriesContext(connection) as asked:
        write_columns(
            Product,
            ["name", "quantity_step", "weight", "created_at", "freezable"],
            ((row.pk, f"it's {n}", Decimal(n + 1), None if n else Decimal("0.5"), born, bool(n)) for n, row in enumerate(rows[:2])),
        )
    assert len(asked) == 1
    found = Product.objects.order_by("pk").values_list("name", "quantity_step", "weight", "freezable")
    assert list(found)[:2] == [("it's 0", 1, Decimal("0.5"), False), ("it's 1", 2, None, True)]
    assert Product.objects.get(pk=rows[2].pk).name == rows[2].name


def test_another_row_goes_by_its_id_and_may_be_none() -> None:
    one, other, home = LocationFactory(), LocationFactory(), ProductFactory()
    write_columns(Location, ["fixed_product_id"], [(one.pk, home.pk), (other.pk, None)])
    one.refresh_from_db()
    assert one.fixed_product == home
    with CaptureQueriesContext(connection) as asked:
        write_columns(Location, ["fixed_product_id"], [])
    assert len(asked) == 0


def test_a_text_that_is_too_long_is_not_cut() -> None:
    row = ProductFactory()
    with pytest.raises(DataError), transaction.atomic():
        write_columns(Product, ["name"], [(row.pk, "x" * 201)])
