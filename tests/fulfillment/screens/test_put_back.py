"""The put-back screen: product, place, done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from fulfillment.enums import SOURCE_LISTINGS, PutBackStatus
from fulfillment.models import PickingTask, PutBack
from fulfillment.screens import put_back
from fulfillment.services.orders import process_order_cancelled
from inventory.models import BatchLocation
from tests.factories.fulfillment import ACTOR, order_for, person, picked, site, stocked
from tests.factories.inventory import LocationFactory, ProductFactory
from tests.fulfillment.screens.conftest import Handheld
from warehouse.core.actor import Role

Make = Callable[..., Handheld]
SCAN = "/floor/put-back/scan"


@pytest.fixture
def place(transactional_db: None) -> Any:
    return site()


@pytest.fixture
def left_over(place: Any) -> Any:
    """Five packs of milk and one of tea on the bench, of a cancelled order."""
    milk, tea = ProductFactory(name="Milk"), ProductFactory(name="Tea")
    stocked(milk, place.shelf, 9, lot="M-1", expires_in_days=9)
    stocked(tea, place.shelf, 9, lot="T-1")
    order = order_for([(milk, 5), (tea, 1)], order_number="S-1")
    picked(PickingTask.objects.get(order=order), person(Role.PICKER))
    process_order_cancelled(SOURCE_LISTINGS, order.external_id, "", actor=ACTOR)
    return milk, tea


@pytest.mark.parametrize("role", [Role.PICKER, Role.RECEIVER])
def test_goods_go_back_to_the_shelf(handheld: Make, place: Any, left_over: Any, role: Role) -> None:
    milk, tea = left_over
    hand = handheld(place, role)
    page = hand.see("/floor/put-back")
    assert "Milk" in page
    assert "5 pcs" in page
    page = hand.send(SCAN, code="M-1")
    assert "Bring it to" in page
    assert place.shelf.code in page
    page = hand.send(SCAN, code=place.shelf.code, quantity="2")
    assert "Put back: 2 pcs" in page
    hand.send(SCAN, code=milk.sku)
    assert "Put back: 3 pcs" in hand.send(SCAN, code=place.shelf.barcode)
    hand.send(SCAN, code=tea.sku)
    assert "Nothing to put back." in hand.send(SCAN, code=place.shelf.barcode, quantity="1")
    assert set(PutBack.objects.values_list("status", flat=True)) == {PutBackStatus.DONE}
    assert BatchLocation.objects.get(location=place.shelf, product=milk).quantity == 9


@pytest.mark.parametrize("code", ["", "\x00", "A-01", "nothing"])
def test_what_is_not_on_the_list_is_refused(handheld: Make, place: Any, left_over: Any, code: str) -> None:
    hand = handheld(place, Role.PICKER)
    assert 'class="wrong-screen"' in hand.send(SCAN, code=code)
    assert "Scan a product on the bench" in hand.see("/floor/put-back")


def test_wrong_places_and_quantities_change_nothing(handheld: Make, place: Any, left_over: Any) -> None:
    milk, _tea = left_over
    other = LocationFactory()  # of another warehouse
    hand = handheld(place, Role.PICKER)
    hand.send(SCAN, code=milk.sku)
    for code, quantity, words in [
        (milk.sku, "5", "Wrong scan"),
        ("", "5", "Nothing was scanned"),
        (place.freezer.code, "5", "Not in this place"),
        (other.barcode, "5", "Not in this place"),
        (place.shelf.code, "6", "Too much"),
        (place.shelf.code, "-1", "can&#x27;t be used"),
        (place.shelf.code, "", "can&#x27;t be used"),
    ]:
        page = hand.send(SCAN, code=code, quantity=quantity)
        assert words in page, code
        assert "Bring it to" in page  # still in hand
    assert BatchLocation.objects.get(location=place.bench, product=milk).quantity == Decimal(5)
    page = hand.send("/floor/put-back/other")
    assert "Scan a product on the bench" in page


def test_who_may(handheld: Make, place: Any, left_over: Any) -> None:
    packer = handheld(place, Role.PACKER)
    assert packer.get("/floor/put-back").status_code == 403
    for path in (SCAN, "/floor/put-back/other"):
        assert packer.post(path, {"csrfmiddlewaretoken": packer.cookies["csrftoken"].value}).status_code == 403
        picker = handheld(place, Role.PICKER)
        assert picker.get(path).status_code == 405
        assert picker.post(path).status_code == 403


def test_statements_of_a_scan_do_not_grow_with_the_list(handheld: Make, place: Any, left_over: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = handheld(place, Role.PICKER)

    def statements(code: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            hand.send(SCAN, htmx=True, code=code)
        return len(queries)

    few = statements("nothing")
    wine = [ProductFactory() for _ in range(6)]
    for product in wine:
        stocked(product, place.shelf, 9)
    order = order_for([(product, 1) for product in wine])
    picked(PickingTask.objects.get(order=order), person(Role.PICKER))
    process_order_cancelled(SOURCE_LISTINGS, order.external_id, "", actor=ACTOR)
    monkeypatch.setattr(put_back, "_SHOWN", 3)
    assert statements("nothing") == few
    page = hand.see("/floor/put-back")
    assert (page.count('class="item"'), '<span class="counter">8</span>' in page) == (3, True)
    # What is not shown any more is found by its scan all the same.
    assert "Bring it to" in hand.send(SCAN, code=wine[-1].sku)


def test_several_are_taken_for_one_walk_and_shown_in_its_order(handheld: Make, place: Any) -> None:
    far = LocationFactory(warehouse=place.warehouse, code="Z-99", pick_sequence=1_000_000)
    tea, milk = ProductFactory(name="Tea"), ProductFactory(name="Milk")
    stocked(tea, far, 9, lot="T-1")
    stocked(milk, place.shelf, 9, lot="M-1")
    order = order_for([(tea, 2), (milk, 5)])
    picked(PickingTask.objects.get(order=order), person(Role.PICKER))
    process_order_cancelled(SOURCE_LISTINGS, order.external_id, "", actor=ACTOR)
    hand, other = handheld(place, Role.PICKER), handheld(place, Role.PICKER)
    assert "Take all for one walk" in hand.see("/floor/put-back")
    page = hand.send("/floor/put-back/claim")
    assert "2 taken in hand" in page
    assert page.index(place.shelf.code) < page.index("Milk")
    assert "Lay all down" in page
    assert "Nothing to put back." in other.see("/floor/put-back")
    assert "Somebody else has taken it." in other.send("/floor/put-back/claim")
    assert "Not to be put back" in other.send(SCAN, code=tea.sku)
    # Another one of the walk may come first.
    page = hand.send(SCAN, code=tea.sku)
    assert "Z-99" in page
    assert "Put back: 2 pcs" in hand.send(SCAN, code=far.barcode)
    page = hand.see("/floor/put-back")
    assert "Milk" in page
    hand.send("/floor/put-back/other")
    assert "Milk" in other.see("/floor/put-back")
    assert "Bring it to" in other.send(SCAN, code=milk.sku)


def test_what_is_not_fit_goes_to_quarantine(handheld: Make, place: Any, left_over: Any) -> None:
    milk, _tea = left_over
    hand = handheld(place, Role.PICKER)
    hand.send(SCAN, code=milk.sku)
    page = hand.see("/floor/put-back?ask")
    assert "Not fit to be sold?" in page
    assert 'value="too warm"' in page
    assert "To quarantine: 2 pcs" in hand.send(SCAN, unfit="too warm", quantity="2")
    assert BatchLocation.objects.get(location=place.quarantine).quantity == 2
    row = PutBack.objects.get(product=milk)
    assert (row.note, row.quarantined_quantity, row.remaining) == ("too warm", 2, 3)
    hand.send(SCAN, code=milk.sku)
    assert "Wrong scan" not in hand.send(SCAN, unfit="because", code=place.shelf.code)
    assert PutBack.objects.get(product=milk).quarantined_quantity == 2


def test_what_was_out_for_too_long_is_told_so(handheld: Make, place: Any) -> None:
    fish = ProductFactory(name="Fish", lives={"chilled": 2})
    stocked(fish, place.cool, 9)
    order = order_for([(fish, 5)])
    picked(PickingTask.objects.get(order=order), person(Role.PICKER))
    process_order_cancelled(SOURCE_LISTINGS, order.external_id, "", actor=ACTOR)
    PutBack.objects.update(picked_at=F("picked_at") - timedelta(minutes=40))
    hand = handheld(place, Role.PICKER)
    hand.send(SCAN, code=fish.sku)
    page = hand.send(SCAN, code=place.cool.code)
    assert "Too long out of the cold" in page
    assert "40 minutes" in page
    assert PutBack.objects.get().done_quantity == 0
