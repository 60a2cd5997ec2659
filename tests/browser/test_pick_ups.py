"""A carrier fetches parcels: chosen, scanned, handed over; what belongs together, and what must stay, in Chromium."""

from __future__ import annotations

from typing import Any

import pytest

from fulfillment.services.orders import process_order_cancelled
from fulfillment.tasks import sweep_shipments
from tests.browser.conftest import Phone, badge_of
from tests.factories.fulfillment import ACTOR, person, reachable_site
from tests.fulfillment.parcels import packed_in_two, packed_order, shipments
from warehouse.core.actor import Role


@pytest.fixture
def dock(transactional_db: None, redis: Any, delivery: Any, order_system: Any) -> Any:
    """Four parcels for one carrier, one for another, one without a waybill."""
    place = reachable_site(name="Belgrade main")
    for number in ("1001", "1002"):
        packed_order(number, site=place, order_number=f"S-{number}")
    packed_in_two("1003", site=place)
    packed_order("1004", site=place, provider_code="acs")
    sweep_shipments()
    packed_order("1005", site=place)
    return place


def test_a_carrier_fetches(phone: Phone, dock: Any) -> None:
    one, gone, first, second, other, waiting = shipments()
    phone.sign_in(badge_of(person(Role.PACKER)))
    phone.tap("Hand over", "link")
    phone.sees("Who fetches?", "PostExpress", "4 parcels", "ACS", "1 parcel")
    phone.look("91-hand-over-carriers")
    phone.tap("PostExpress")
    phone.sees("0/4", "Still here", "S-1001")
    phone.scan(one.tracking_number)
    phone.sees("1/4", "S-1001")
    phone.scan(first.package.barcode)
    phone.sees("2/4", "Parcel 1 of 2 of this order.", "belongs to it")
    phone.look("92-hand-over-scanned")
    phone.scan(other.tracking_number)
    phone.sees("For another carrier: ACS")
    phone.look("93-hand-over-wrong")
    phone.tap("OK", "link")
    phone.scan(waiting.package.barcode)
    phone.sees("No waybill yet")
    phone.tap("OK", "link")
    phone.tap("Hand over 2 parcels")
    phone.sees("Stays here: 1003", second.tracking_number, "Handed over: 1 parcel")
    phone.look("94-hand-over-stays")
    phone.tap("OK", "link")
    process_order_cancelled("listings", "1002", "x", actor=ACTOR)
    phone.scan(gone.tracking_number)
    phone.sees("Do not hand it over")
    phone.tap("OK", "link")
    phone.scan(second.tracking_number)
    phone.sees("2/2", "All parcels are on the list.")
    phone.look("95-hand-over-all")
    phone.tap("Hand over 2 parcels")
    phone.sees("Handed over: 2 parcels", "No parcel waits for this carrier.")
    phone.look("96-hand-over-done")
    assert [row.status for row in shipments()] == ["handed_over", "void_requested", "handed_over", "handed_over", "created", "requested"]
