"""What a form refuses before an operation would trip over it."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from inventory.models import Product
from tests.factories.inventory import WarehouseFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["Belgrade", "", "../../etc/passwd", "UTC+1"])
def test_a_time_zone_that_does_not_exist(name: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        WarehouseFactory.build(time_zone=name).full_clean()

    assert set(refusal.value.message_dict) == {"time_zone"}


@pytest.mark.parametrize("name", ["UTC", "Europe/Belgrade", "Pacific/Kiritimati"])
def test_a_time_zone_that_does(name: str) -> None:
    WarehouseFactory.build(time_zone=name).full_clean()


def test_more_remaining_days_than_anything_keeps() -> None:
    with pytest.raises(ValidationError):
        Product(sku="MILK", name="Milk", min_remaining_days=2_147_483_647).full_clean()
