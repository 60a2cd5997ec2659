"""Counting a delivery by scans: what stands beside the code, and which line it joins."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from inventory.models import Product, Receiving
from inventory.orchestrator import ReceivingLine, create_receiving, receive_item, start_receiving
from tests.factories.inventory import ACTOR, BarcodeFactory, ProductFactory, Site
from warehouse.core.errors import StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db
DAY, LATER = date(2060, 12, 31), date(2061, 1, 31)
CODE = "(01)04006381333931(17)601231(10)L1"


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="MILK")
    BarcodeFactory(code="04006381333931", product=product, pack_quantity=6)
    return product


@pytest.fixture
def receiving(house: Site, milk: Product) -> Receiving:
    return create_receiving(warehouse_id=house.id, lines=[ReceivingLine(milk.pk, Decimal(12), Decimal(0))], actor=ACTOR)


def lines(receiving: Receiving) -> list[tuple[Any, ...]]:
    return list(receiving.items.order_by("pk").values_list("lot_number", "label_expires_on", "actual_quantity", "damaged_quantity"))


def scan(receiving: Receiving, code: str = "MILK", **more: Any) -> Any:
    return receive_item(receiving.pk, scan=code, actor=ACTOR, **more)


def test_lot_date_and_damage_beside_a_plain_code(receiving: Receiving) -> None:
    scan(receiving, quantity=Decimal(5), damaged_quantity=Decimal(2), lot_number="L1", label_expires_on=DAY, short_dated_reason="agreed")
    scan(receiving, CODE)
    scan(receiving, CODE, lot_number="L1", label_expires_on=DAY, damaged_quantity=Decimal(1))
    assert lines(receiving) == [("L1", DAY, 17, 3)]
    item = receiving.items.get()
    assert (item.accept_short_dated, item.short_dated_reason) == (True, "agreed")


def test_without_a_lot_the_date_tells_the_lines_apart(receiving: Receiving) -> None:
    scan(receiving, label_expires_on=DAY)
    scan(receiving, label_expires_on=LATER)
    scan(receiving, label_expires_on=DAY)
    assert lines(receiving) == [("", DAY, 2, 0), ("", LATER, 1, 0)]
    scan(receiving, CODE)
    assert lines(receiving)[2:] == [("L1", DAY, 6, 0)]


@pytest.mark.parametrize(
    "more",
    [
        {"code": CODE, "lot_number": "L2"},
        {"code": CODE, "label_expires_on": LATER},
        {"damaged_quantity": Decimal(2)},
        {"damaged_quantity": Decimal("0.5")},
        {"damaged_quantity": Decimal(-1)},
        {"damaged_quantity": Decimal("NaN")},
    ],
)
def test_what_contradicts_itself_is_refused(receiving: Receiving, more: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        scan(receiving, **more)
    assert lines(receiving) == [("", None, 0, 0)]
    assert Receiving.objects.values_list("status", "version").get() == ("draft", 1)


def test_counting_from_zero_forgets_what_was_announced(house: Site, milk: Product) -> None:
    made = [ReceivingLine(milk.pk, Decimal(12), damaged_quantity=Decimal(1))]
    receiving = create_receiving(warehouse_id=house.id, lines=made, actor=ACTOR)
    with pytest.raises(StaleVersion):
        start_receiving(receiving.pk, from_zero=True, expected_version=7, actor=ACTOR)
    assert start_receiving(receiving.pk, from_zero=True, expected_version=1, actor=ACTOR).version == 2
    assert lines(receiving) == [("", None, 0, 0)]
    with pytest.raises(TransitionRefused):
        start_receiving(receiving.pk, from_zero=True, actor=ACTOR)
    with pytest.raises(StaleVersion):
        scan(receiving, expected_version=1)
