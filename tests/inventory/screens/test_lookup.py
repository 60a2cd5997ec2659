"""The look-up screen: what anything is, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Barcode, Batch, Movement
from inventory.orchestrator import OrderedLine, consume_reservation, reserve_for_order
from inventory.services.recalls import hold_batch
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, WarehouseFactory, stocked
from tests.inventory.screens.conftest import Handheld
from warehouse.core.actor import Role

Make = Callable[..., Handheld]
SCREEN, FIND = "/floor/lookup", "/floor/lookup/find"


@pytest.fixture
def tea(place: Any) -> Any:
    product = ProductFactory(name="Tea")
    stocked(product, place.shelf, 10, lot="T-1", expires_in_days=100)
    return product


def test_a_product_a_place_a_lot(handheld: Make, place: Any, tea: Any) -> None:
    shop = LocationFactory(warehouse=WarehouseFactory(name="Corner shop"))
    stocked(tea, shop, 7)
    sold = reserve_for_order("shop:1", [OrderedLine(tea.pk, Decimal(2))], warehouse_id=place.id, actor=ACTOR)
    consume_reservation(sold.reservation_id, actor=ACTOR)
    reserve_for_order("shop:2", [OrderedLine(tea.pk, Decimal(3))], warehouse_id=place.id, actor=ACTOR)
    hand = handheld(place, Role.PICKER)
    page = hand.send(FIND, code="T-1")
    for words in ("Where from", "RCV-", "promised: shop:2", "sold: shop:1"):
        assert words in page, words
    hold_batch(Batch.objects.get(lot_number="T-1").pk, reason="smells", actor=ACTOR)
    before = Movement.objects.count()
    page = hand.send(FIND, code=tea.sku.lower())
    assert "Corner shop" in page
    assert "7 pcs" in page
    assert "<strong>0</strong> pcs" in page  # nothing of what is held may be sold
    assert "on hold" in page
    page = hand.send(FIND, code=place.shelf.code)
    assert "room temperature" in page
    assert "8 pcs" in page
    assert "on hold: smells" in hand.send(FIND, code="T-1")
    assert "T-1" in hand.see(SCREEN)  # again
    assert "Another site" in hand.see(f"{SCREEN}?place={shop.pk}")
    assert "Nothing lies here." in hand.send(FIND, code=place.freezer.code)
    assert Movement.objects.count() == before


def test_of_many_codes_the_first_ones_are_shown(handheld: Make, place: Any, tea: Any) -> None:
    codes = [f"460000000000{number}" for number in range(5)]
    rows = [Barcode(pk=900_000_000 + number, product=tea, code=code) for number, code in enumerate(codes)]
    Barcode.objects.bulk_create(reversed(rows))  # the last one lies first
    page = handheld(place, Role.PICKER).send(FIND, code=tea.sku)
    assert [code for code in codes if code in page] == codes[:3]


@pytest.mark.parametrize("query", ["place=0", "place=x", "batch=999999999999999999", "product=-1", "product=9999999999999999999999"])
def test_what_is_not_there(handheld: Make, place: Any, tea: Any, query: str) -> None:
    hand = handheld(place, Role.VIEWER)
    assert "Scan a place, a product or a lot." in hand.see(f"{SCREEN}?{query}")
    assert "Unknown code" in hand.send(FIND, code="???")
    assert "Nothing was scanned" in hand.send(FIND, code=" ")


@pytest.mark.parametrize(("role", "may"), [(Role.PACKER, 200), (Role.AUDITOR, 200), (Role.SELLER, 403), (Role.INTEGRATION, 403)])
def test_who_may(handheld: Make, place: Any, role: Role, may: int) -> None:
    hand = handheld(place, role)
    assert hand.get(SCREEN).status_code == may
    assert hand.post(FIND, {"csrfmiddlewaretoken": hand.cookies["csrftoken"].value, "code": "x"}, follow=True).status_code == may


def test_statements_do_not_grow(handheld: Make, place: Any, tea: Any) -> None:
    hand = handheld(place, Role.PICKER)

    def statements(code: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            hand.send(FIND, htmx=True, code=code)
        return len(queries)

    few = [statements(code) for code in (tea.sku, place.shelf.code, "T-1")]
    for n in range(6):
        stocked(tea, LocationFactory(warehouse=place.warehouse), 1, lot="T-1", expires_in_days=100)
        stocked(ProductFactory(), place.shelf, 1, lot=f"X-{n}")
    assert [statements(code) for code in (tea.sku, place.shelf.code, "T-1")] == few
