"""One walk back to the shelves, on the phone: several in hand, one to another place, one not fit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from fulfillment.enums import SOURCE_LISTINGS
from fulfillment.models import PickingTask, PutBack
from fulfillment.services.orders import process_order_cancelled
from inventory.models import BatchLocation, Location
from tests.browser.conftest import Phone, badge_of
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, site, stocked
from tests.factories.inventory import LocationFactory, ProductFactory
from warehouse.core.actor import Role

pytestmark = pytest.mark.slow


def test_a_walk_back_to_the_shelves(phone: Phone, db: Any) -> None:
    place = site(name="Novi Sad")
    Location.objects.filter(pk=place.shelf.pk).update(pick_sequence=1)
    Location.objects.filter(pk=place.cool.pk).update(pick_sequence=3)
    far = LocationFactory(warehouse=place.warehouse, code="A-02-07", pick_sequence=2)
    tea, jam = ProductFactory(name="Green tea"), ProductFactory(name="Apricot jam")
    fish = ProductFactory(name="Smoked mackerel", lives={"chilled": 14})
    stocked(tea, place.shelf, 20, lot="T-1")
    stocked(jam, far, 20, lot="J-1")
    stocked(fish, place.cool, 20, lot="F-1", expires_in_days=9)
    order = order_for([(tea, 3), (jam, 4), (fish, 2)], order_number="S-9")
    picker = person(Role.PICKER)
    task = begun(PickingTask.objects.get(), picker)
    for item in task.items.all():
        pick(item, picker)
    process_order_cancelled(SOURCE_LISTINGS, order.external_id, "the customer changed their mind", actor=ACTOR)
    PutBack.objects.filter(product=fish).update(picked_at=F("picked_at") - timedelta(minutes=45))

    phone.sign_in(badge_of(picker))
    phone.tap("Put back", "link")
    phone.sees("Green tea", "Apricot jam", "Smoked mackerel", "Take all for one walk")
    phone.look("80-put-back-list")
    phone.tap("Take all for one walk")
    phone.sees("3 taken in hand", "Bring it to", place.shelf.code, "Green tea", "Lay all down")
    phone.look("81-put-back-walk")
    phone.page.wait_for_timeout(350)
    phone.scan(place.shelf.barcode)
    phone.sees("Put back: 3 pcs", far.code, "Apricot jam")
    phone.tap("Less")
    phone.page.wait_for_timeout(350)
    phone.scan(place.shelf.barcode)  # to another shelf
    phone.sees("Put back: 3 pcs", "Apricot jam")
    phone.page.wait_for_timeout(350)
    phone.scan(far.barcode)
    phone.sees("Put back: 1 pcs", place.cool.code, "Smoked mackerel")
    phone.page.wait_for_timeout(350)
    phone.scan(place.cool.barcode)
    phone.sees("Too long out of the cold", "45 minutes")
    phone.look("82-too-long-out")
    phone.tap("OK", "link")
    phone.tap("Not fit", "link")
    phone.sees("Not fit to be sold?", "Too warm")
    phone.look("83-not-fit")
    phone.tap("Too warm")
    phone.sees("To quarantine: 2 pcs", "Nothing to put back.")
    phone.look("84-put-back-done")

    assert dict(BatchLocation.objects.filter(quantity__gt=0).values_list("location__code", "quantity").filter(product=jam)) == {
        "A-02-07": 17,
        "A-01": 3,
    }
    assert BatchLocation.objects.get(location=place.quarantine).quantity == 2
    assert set(PutBack.objects.values_list("status", flat=True)) == {"done"}
