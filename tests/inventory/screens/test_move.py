"""The move screen: from where, what, where to; freezing, thawing, opening."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from inventory.models import BatchLocation, Movement
from inventory.orchestrator import OrderedLine, reserve_for_order
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, stocked
from tests.inventory.books import assert_books_balance
from tests.inventory.screens.conftest import Handheld, token_in, value_in
from warehouse.core.actor import Role

Make = Callable[..., Handheld]
SCREEN, SCAN, CHANGE, TAKE = "/floor/move", "/floor/move/scan", "/floor/move/change", "/floor/move/take"


@pytest.fixture
def far(place: Any) -> Any:
    return LocationFactory(warehouse=place.warehouse, code="B-02")


@pytest.fixture
def tea(place: Any) -> Any:
    product = ProductFactory(name="Tea")
    stocked(product, place.shelf, 10, lot="T-1", expires_in_days=100)
    return product


def where(product: Any) -> dict[tuple[str, str], Decimal]:
    rows = BatchLocation.objects.filter(product=product, has_stock=True).values_list("location__code", "phase", "quantity")
    return {(code, phase): quantity for code, phase, quantity in rows}


def test_place_goods_target(handheld: Make, place: Any, far: Any, tea: Any) -> None:
    stocked(ProductFactory(name="Jam"), place.shelf, 4)
    hand = handheld(place, Role.PICKER)
    page = hand.send(SCAN, code=place.shelf.code)
    assert "Jam" in page
    page = hand.send(SCAN, code="T-1")
    assert value_in(page, "quantity") == "10"
    page = hand.send(SCAN, code=far.barcode, quantity="4")
    assert "4 pcs in B-02" in page
    assert where(tea) == {("A-01", "sealed"): 6, ("B-02", "sealed"): 4}
    undo = {"token": token_in(page)}
    assert "Taken back" in hand.send("/floor/move/undo", **undo)
    hand.send("/floor/move/undo", **undo)
    assert where(tea) == {("A-01", "sealed"): 10}
    assert_books_balance()


def test_goods_without_a_place_are_found_wherever_they_lie(handheld: Make, place: Any, far: Any, tea: Any) -> None:
    hand = handheld(place, Role.RECEIVER)
    assert "A-01 → ?" in hand.send(SCAN, code=tea.sku)
    hand.send(CHANGE, down="1")
    stocked(tea, far, 1, lot="T-1", expires_in_days=100)
    page = hand.send(SCAN, code=tea.sku)
    assert "Which of them?" in page
    assert "B-02 → ?" in hand.send(SCAN, code=far.code)
    hand.send(CHANGE, down="1")
    row = BatchLocation.objects.get(location=place.shelf)
    assert "A-01 → ?" in hand.send(TAKE, row=row.pk)


def test_a_scan_that_comes_twice_moves_once(handheld: Make, place: Any, far: Any, tea: Any) -> None:
    hand = handheld(place, Role.PICKER)
    hand.send(SCAN, code=tea.sku)
    kept = hand.session["floor_move"]
    hand.send(SCAN, code=far.code, quantity="4")
    session = hand.session
    session["floor_move"] = kept
    session.save()
    assert "4 pcs in B-02" in hand.send(SCAN, code=far.code, quantity="4")
    assert where(tea) == {("A-01", "sealed"): 6, ("B-02", "sealed"): 4}


def test_what_is_refused_changes_nothing(handheld: Make, place: Any, far: Any, tea: Any) -> None:
    stranger = LocationFactory()
    hand = handheld(place, Role.PICKER)
    for code, words in [
        ("", "Nothing was scanned"),
        ("?", "Not here"),
        (stranger.barcode, "Not a place of this site"),
        (far.code, "Nothing lies here"),
    ]:
        assert words in hand.send(SCAN, code=code), code
    assert "Not there any more" in hand.send(TAKE, row="0")
    hand.send(SCAN, code=tea.sku)
    for code, quantity, words in [
        (place.shelf.code, "1", "It lies there already"),
        (stranger.barcode, "1", "Not in this place"),
        (place.freezer.code, "1", "Not in this place"),
        (place.bench.code, "1", "Not in this place"),
        (far.code, "11", "Not enough goods"),
        (far.code, "0", "be used"),
        (far.code, "1.5", "be used"),
        (far.code, "", "be used"),
        ("what", "1", "This is no place"),
    ]:
        page = hand.send(SCAN, code=code, quantity=quantity)
        assert words in page, (code, quantity)
        assert value_in(page, "quantity") == quantity  # not forgotten
    assert not Movement.objects.exclude(type="receiving").exists()
    reserve_for_order("shop:1", [OrderedLine(tea.pk, Decimal(10))], warehouse_id=place.id, actor=ACTOR)
    hand.send(CHANGE, down="1")
    assert "All of it is promised." in hand.send(SCAN, code=tea.sku)


def test_goods_are_frozen_thawed_and_opened(handheld: Make, place: Any) -> None:
    beef = ProductFactory(freezable=True, lives={"chilled": 4, "frozen": 100, ("chilled", "thawed"): 1, ("chilled", "opened"): 1})
    stocked(beef, place.cool, 5, lot="B-1", expires_in_days=4)
    hand = handheld(place, Role.PICKER)
    page = hand.send(SCAN, code="B-1")
    assert ("Freeze" in page, "Thaw" in page, "Open" in page) == (True, False, True)
    assert "Scan the freezer" in hand.send(CHANGE, change="freeze")
    assert "Scan the target place" in hand.send(CHANGE, change="freeze")  # once more: only moved
    hand.send(CHANGE, change="freeze")
    page = hand.send(SCAN, code=place.freezer.code, quantity="4")
    assert "Frozen: 4 pcs in F-01" in page
    assert 'name="token"' not in page  # no way back
    page = hand.send(SCAN, code=place.freezer.code)
    assert "Thaw" in page
    hand.send(CHANGE, change="thaw")
    assert "Not in this place" in hand.send(SCAN, code=place.dock.code, quantity="1")
    assert "Thawed: 3 pcs in C-01" in hand.send(SCAN, code=place.cool.code, quantity="3")
    row = BatchLocation.objects.get(phase="thawed")
    hand.send(TAKE, row=row.pk)
    page = hand.send(CHANGE, change="open", quantity="2")
    assert "Opened: 2 pcs in C-01" in hand.send(SCAN, code="", confirm="1", token=token_in(page), quantity="2")
    assert where(beef) == {("C-01", "sealed"): 1, ("F-01", "sealed"): 1, ("C-01", "thawed"): 1, ("C-01", "opened"): 2}
    assert_books_balance()


def test_who_may(handheld: Make, place: Any) -> None:
    packer = handheld(place, Role.PACKER)
    assert packer.get(SCREEN).status_code == 403
    for path in (SCAN, CHANGE, TAKE, "/floor/move/undo"):
        assert packer.post(path, {"csrfmiddlewaretoken": packer.cookies["csrftoken"].value}).status_code == 403
        assert handheld(place, Role.PICKER).get(path).status_code == 405
