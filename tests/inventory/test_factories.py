"""The factories' goods come in by the real operations."""

from __future__ import annotations

from decimal import Decimal

import pytest

from inventory.models import Movement, Stock
from tests.factories.inventory import ProductFactory, site, stocked

pytestmark = pytest.mark.django_db


def test_stocked_goods_have_a_ledger() -> None:
    house = site()
    product = ProductFactory(lives={"chilled": 14})
    first = stocked(product, house.cool, 5, lot="L1", expires_in_days=7)
    second = stocked(product, house.cool, "3", lot="L2", expires_in_days=0)

    assert (first.quantity, first.batch.lot_number) == (Decimal(5), "L1")
    assert second.effective_expires_at < first.effective_expires_at
    assert Stock.objects.get().quantity == Decimal(8)
    assert Movement.objects.count() == 2
