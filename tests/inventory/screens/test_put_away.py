"""The put-away screen: goods, suggested place, done."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import BatchLocation, Movement
from tests.factories.inventory import LocationFactory, ProductFactory, stocked
from tests.inventory.books import assert_books_balance
from tests.inventory.screens.conftest import Handheld, token_in
from warehouse.core.actor import Role

Make = Callable[..., Handheld]
SCREEN, SCAN = "/floor/put-away", "/floor/put-away/scan"


@pytest.fixture
def tea(place: Any) -> Any:
    product = ProductFactory(name="Tea")
    stocked(product, place.dock, 10, lot="T-1", expires_in_days=100)
    return product


def where(product: Any) -> dict[str, Decimal]:
    return dict(BatchLocation.objects.filter(product=product, has_stock=True).values_list("location__code", "quantity"))


def test_goods_go_to_the_suggested_place(handheld: Make, place: Any, tea: Any) -> None:
    hand = handheld(place, Role.RECEIVER)
    assert "Tea" in hand.see(SCREEN)
    page = hand.send(SCAN, code="T-1")
    assert "the nearest empty place" in page
    assert "A-01" in page
    page = hand.send(SCAN, code=place.shelf.barcode)
    assert "10 pcs in A-01" in page
    assert "The dock is empty." in page
    assert where(tea) == {"A-01": 10}
    undo = {"token": token_in(page)}
    assert "Taken back" in hand.send("/floor/put-away/undo", **undo)
    assert 'class="wrong-screen"' not in hand.send("/floor/put-away/undo", **undo)
    assert where(tea) == {"DOCK": 10}
    assert_books_balance()


def test_a_part_of_it(handheld: Make, place: Any, tea: Any) -> None:
    hand = handheld(place, Role.RECEIVER)
    hand.send(SCAN, code=tea.sku)
    tap = {"code": "", "confirm": "1", "token": token_in(hand.see(f"{SCREEN}?part"))}
    for wrong, words in [("11", "Too much"), ("0", "be used"), ("", "be used"), ("NaN", "be used")]:
        assert words in hand.send(SCAN, **tap, quantity=wrong)
    assert "4 pcs" in hand.send(SCAN, **tap, quantity="4")
    assert "3 pcs" in hand.send(SCAN, code="3")  # typed on the handheld's own keys
    hand.send(SCAN, code=place.shelf.code)
    assert where(tea) == {"A-01": 3, "DOCK": 7}


def test_another_place_and_laying_down(handheld: Make, place: Any, tea: Any) -> None:
    LocationFactory(warehouse=place.warehouse, code="B-02")
    hand = handheld(place, Role.RECEIVER)
    first = hand.send(SCAN, code=tea.sku)
    second = hand.send("/floor/put-away/other", place="other")
    shown = ['class="place large">B-02' in page or 'class="place huge">B-02' in page for page in (first, second)]
    assert sorted(shown) == [False, True]
    assert "Scan goods on the dock" in hand.send("/floor/put-away/other")


def test_several_lots_are_chosen_from(handheld: Make, place: Any, tea: Any) -> None:
    other = stocked(tea, place.dock, 5, lot="T-2", expires_in_days=50)
    hand = handheld(place, Role.RECEIVER)
    page = hand.send(SCAN, code=tea.sku)
    assert "Which of them?" in page
    assert "Bring it to" in hand.send("/floor/put-away/take", row=other.pk)
    hand.send("/floor/put-away/other")
    assert "T-2" in hand.send(SCAN, code="T-2")


def test_what_is_refused_changes_nothing(handheld: Make, place: Any, tea: Any) -> None:
    stranger = LocationFactory()
    hand = handheld(place, Role.RECEIVER)
    for code, words in [("", "Nothing was scanned"), ("?", "Not on the dock"), (place.shelf.code, "Not on the dock")]:
        assert words in hand.send(SCAN, code=code)
    assert "Not on the dock" in hand.send("/floor/put-away/take", row="0")
    hand.send(SCAN, code=tea.sku)
    for code, words in [
        (tea.sku, "This is no place"),
        (stranger.barcode, "Not in this place"),
        (place.freezer.code, "Not in this place"),
        (place.bench.code, "Not in this place"),
    ]:
        assert words in hand.send(SCAN, code=code), code
    assert not Movement.objects.exclude(type="receiving").exists()
    homeless = ProductFactory(name="Ice", lives={})
    stocked(homeless, place.dock, 1, lot="I-1")
    hand.send("/floor/put-away/other")
    assert "No place suits by itself." in hand.send(SCAN, code="I-1")


def test_who_may(handheld: Make, place: Any, tea: Any) -> None:
    picker = handheld(place, Role.PICKER)
    assert picker.get(SCREEN).status_code == 403
    for what in ("scan", "take", "other", "undo"):
        assert picker.post(f"{SCREEN}/{what}", {"csrfmiddlewaretoken": picker.cookies["csrftoken"].value}).status_code == 403


def test_statements_do_not_grow_with_the_dock(handheld: Make, place: Any, tea: Any) -> None:
    hand = handheld(place, Role.RECEIVER)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            hand.send(SCAN, htmx=True, code="nothing")
        return len(queries)

    few = statements()
    for _ in range(8):
        stocked(ProductFactory(), place.dock, 1)
    assert statements() == few
