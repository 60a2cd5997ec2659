"""The hand-over screen: carrier, parcels, done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.services.orders import process_order_cancelled
from fulfillment.tasks import sweep_shipments
from tests.factories.fulfillment import ACTOR, reachable_site
from tests.fulfillment.parcels import packed_in_two, packed_order, shipments
from tests.fulfillment.screens.conftest import Handheld
from tests.partners.fixtures import delivery, order_system
from warehouse.core.actor import Role

Make = Callable[..., Handheld]
SCREEN, SCAN, DONE = "/floor/hand-over", "/floor/hand-over/scan", "/floor/hand-over/done"
pytestmark = pytest.mark.usefixtures("redis", "order_system")
__all__ = ["delivery", "order_system"]


@pytest.fixture
def place(transactional_db: None) -> Any:
    return reachable_site()


def test_a_carrier_fetches(handheld: Make, place: Any, delivery: Any) -> None:
    packed_order("A-1", site=place)
    packed_in_two("B-2", site=place)
    packed_order("C-3", site=place, provider_code="acs")
    hand = handheld(place, Role.PACKER)
    page = hand.see(SCREEN)
    assert "3 without a waybill" in page
    sweep_shipments()
    page = hand.see(SCREEN)
    assert "PostExpress" in page
    assert "ACS" in page
    one, first, second, other = shipments()
    page = hand.send("/floor/hand-over/carrier", carrier=one.provider_id)
    assert '<span class="counter">0/3</span>' in page
    assert "A-1" in hand.send(SCAN, code=one.tracking_number)
    assert "For another carrier: ACS" in hand.send(SCAN, code=other.tracking_number)
    page = hand.send(SCAN, code=first.package.barcode.lower())
    assert "Parcel 1 of 2 of this order." in page
    assert "belongs to it" in page
    assert "Is on the list already." in hand.send(SCAN, code=first.number)
    page = hand.send(DONE, htmx=True)
    # In the words of the label, not in our numbers.
    assert "Stays here: B-2" in page
    assert second.tracking_number in page
    assert second.package.barcode not in page
    assert [row.status for row in shipments()] == ["handed_over", "created", "created", "created"]
    hand.send(SCAN, code=f"]C100{second.package.sscc}" if second.package.sscc else second.tracking_number)
    page = hand.send(DONE)
    assert "Handed over: 2 parcels" in page
    assert [row.status for row in shipments()] == ["handed_over"] * 3 + ["created"]
    page = hand.send("/floor/hand-over/carrier")
    assert "Who fetches?" in page
    # The first parcel chooses the carrier.
    page = hand.send(SCAN, code=other.tracking_number)
    assert '<span class="counter">1/1</span>' in page
    assert "All parcels are on the list." in page
    page = hand.send("/floor/hand-over/undo")
    assert '<span class="counter">0/1</span>' in page
    assert 'class="wrong-screen"' in hand.send(DONE)


def test_parcels_that_do_not_go(handheld: Make, place: Any, delivery: Any) -> None:
    packed_order("A-1", site=place)
    sweep_shipments()
    packed_order("B-2", site=place)
    elsewhere = packed_order("C-3")
    hand = handheld(place, Role.PACKER)
    made, waiting, _ = shipments()
    assert "No waybill yet" in hand.send(SCAN, code=waiting.package.barcode)
    assert "No parcel of ours" in hand.send(SCAN, code=elsewhere.packages.get().barcode)
    for code in ("", "\x00", "nothing", "00" + "1" * 18):
        assert 'class="wrong-screen"' in hand.send(SCAN, code=code)
    hand.send(SCAN, code=made.tracking_number)
    process_order_cancelled("listings", "A-1", "x", actor=ACTOR)
    assert "Do not hand it over" in hand.send(SCAN, code=made.tracking_number)
    # On the list when it was cancelled: the driver must not take it.
    hand.send(SCAN, code=waiting.package.barcode)
    page = hand.send(DONE)
    assert "Stays here" in page
    assert shipments()[0].status == "void_requested"


def test_who_may(handheld: Make, place: Any) -> None:
    picker, packer = handheld(place, Role.PICKER), handheld(place, Role.PACKER)
    assert picker.get(SCREEN).status_code == 403
    for path in (SCAN, DONE, "/floor/hand-over/carrier", "/floor/hand-over/undo"):
        assert picker.post(path, {"csrfmiddlewaretoken": picker.cookies["csrftoken"].value}).status_code == 403
        assert packer.get(path).status_code == 405
        assert packer.post(path).status_code == 403
    assert "Hand over" in packer.see("/floor/")
    assert "No parcel waits for a carrier." in packer.see(SCREEN)


def test_statements_of_a_scan_do_not_grow_with_the_van(handheld: Make, place: Any, delivery: Any) -> None:
    for number in range(2):
        packed_order(f"A-{number}", site=place)
    sweep_shipments()
    hand = handheld(place, Role.PACKER)

    def statements(code: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            hand.send(SCAN, htmx=True, code=code)
        return len(queries)

    few = statements(shipments()[0].tracking_number)
    for number in range(4):
        packed_order(f"B-{number}", site=place)
    sweep_shipments()
    assert statements(shipments()[1].tracking_number) == few
