"""A delivery counted by scans."""

from __future__ import annotations

from decimal import Decimal

import pytest

from inventory.models import Product, Receiving
from inventory.orchestrator import confirm_receiving, receive_item
from tests.factories.inventory import ACTOR, BarcodeFactory, Site
from tests.inventory.books import totals
from tests.inventory.receiving import draft, line, on
from warehouse.core.errors import ValidationFailed

pytestmark = pytest.mark.django_db

GTIN = "04006381333931"
GS1 = "]C1" + "01" + GTIN + "17" + "{expiry}" + "10" + "{lot}"


def gs1(lot: str, days: int) -> str:
    return GS1.format(expiry=on(days).strftime("%y%m%d"), lot=lot)


def test_one_gs1_code_gives_product_lot_and_expiry(milk: Product, house: Site) -> None:
    BarcodeFactory(code=GTIN, product=milk)
    receiving = draft(house, line(milk, 3, actual_quantity=Decimal(0)))

    for _ in range(2):
        receive_item(receiving.pk, scan=gs1("L7", 9), actor=ACTOR)
    receive_item(receiving.pk, scan=gs1("L8", 8), quantity=Decimal(4), actor=ACTOR)

    rows = receiving.items.order_by("pk").values_list("lot_number", "label_expires_on", "expected_quantity", "actual_quantity")
    assert list(rows) == [("L7", on(9), 3, 2), ("L8", on(8), 0, 4)]
    assert Receiving.objects.get(pk=receiving.pk).status == "in_progress"
    confirm_receiving(receiving.pk, actor=ACTOR)
    assert totals(milk.pk, house.id)[0] == 6


def test_a_scan_completes_the_line_of_its_lot(milk: Product, house: Site) -> None:
    BarcodeFactory(code=GTIN, product=milk)
    receiving = draft(house, line(milk, 3, actual_quantity=Decimal(0), lot_number="L7"))

    item = receive_item(receiving.pk, scan=gs1("L7", 9), actor=ACTOR)

    assert (item.label_expires_on, item.actual_quantity, receiving.items.count()) == (on(9), 1, 1)


def test_a_case_counts_what_is_in_it(milk: Product, house: Site) -> None:
    BarcodeFactory(code="CASE-12", product=milk, pack_quantity=12)
    receiving = draft(house)

    receive_item(receiving.pk, scan="CASE-12", actor=ACTOR)
    item = receive_item(receiving.pk, scan="CASE-12", actor=ACTOR, location_id=house.dock.pk)

    assert (item.actual_quantity, item.location) == (24, house.dock)


def test_a_plain_code_does_not_guess_between_lots(milk: Product, house: Site) -> None:
    BarcodeFactory(code="PLAIN", product=milk)
    receiving = draft(house, *(line(milk, 3, actual_quantity=Decimal(0), lot_number=lot) for lot in ("L1", "L2")))

    item = receive_item(receiving.pk, scan="PLAIN", actor=ACTOR)

    assert (item.lot_number, receiving.items.count()) == ("", 3)


@pytest.mark.parametrize("scan", ["", "nonsense", "LOC-MAIN-C-01", "]C10104006381333931"])
def test_a_code_that_is_no_product(milk: Product, house: Site, scan: str) -> None:
    receiving = draft(house)

    with pytest.raises(ValidationFailed, match="is no product's barcode"):
        receive_item(receiving.pk, scan=scan, actor=ACTOR)


@pytest.mark.parametrize("quantity", ["0", "-1", "0.5", "NaN", "1e30"])
def test_a_count_that_is_none(milk: Product, house: Site, quantity: str) -> None:
    BarcodeFactory(code="PLAIN", product=milk)
    receiving = draft(house)

    with pytest.raises(ValidationFailed):
        receive_item(receiving.pk, scan="PLAIN", quantity=Decimal(quantity), actor=ACTOR)
