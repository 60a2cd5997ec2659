"""Shipments at the back office: steps, pick-ups of many, the list for the driver, the line about a carrier that does not answer."""

from __future__ import annotations

import pytest

from fulfillment import flows
from fulfillment.models import DeliveryProvider, PackingTask, Shipment
from fulfillment.tasks import sweep_shipments
from inventory.models import Return
from tests.factories.fulfillment import reachable_site
from tests.factories.office import dialog, listing, office, page, steps_offered, take
from tests.fulfillment.parcels import packed_in_two, packed_order, shipments
from tests.partners.fixtures import delivery, order_system
from warehouse.core.actor import Role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis", "order_system")]
__all__ = ["delivery", "order_system"]


def test_the_steps_of_a_shipment(delivery):
    packed_order()
    packer, manager = office(Role.PACKER), office(Role.MANAGER)
    row = shipments()[0]
    assert {"retry", "replace"} <= set(steps_offered(packer, row))
    sweep_shipments()
    row = shipments()[0]
    offered = steps_offered(packer, row)
    assert {"replace", "hand-over"} <= set(offered)
    assert "retry" not in offered
    assert "ACS (up to 30 kg, 150 cm, girth 300 cm)" in packer.get(dialog(row, "replace")).content.decode()
    take(packer, row, "replace", provider="acs", reason="torn")
    old, new = shipments()
    assert (old.status, new.provider.code, new.replaces_id) == ("void_requested", "acs", old.pk)
    assert {"retry", "settle-void"} <= set(steps_offered(manager, old))
    assert "settle-void" not in steps_offered(packer, old)
    take(manager, old, "settle_void", reason="told by telephone")
    sweep_shipments()
    old, new = shipments()
    assert (old.status, old.notes, new.status) == ("voided", "told by telephone", "created")
    shown = manager.get(page(old)).content.decode()
    assert "torn" in shown
    take(packer, new, "hand_over")
    assert not {"replace", "hand-over", "retry", "returned"} & set(steps_offered(packer, shipments()[1]))
    take(manager, shipments()[1], "returned")
    assert (shipments()[1].status, Return.objects.count()) == ("returned", 1)


def test_another_carrier_for_a_task(delivery):
    task = packed_order()
    packer = office(Role.PACKER)
    assert "change-provider" in steps_offered(packer, task)
    take(packer, PackingTask.objects.get(), "change_provider", provider="bex")
    assert PackingTask.objects.get().provider.code == "bex"


def test_a_pick_up_is_asked_for_first(delivery):
    site = reachable_site()
    packed_order("1", site=site)
    packed_in_two("2", site=site)
    sweep_shipments()
    one, first, _ = shipments()
    packer = office(Role.PACKER)
    chosen = {"action": "hand_over_chosen", "_selected_action": [one.pk, first.pk]}
    asked = packer.post(listing(Shipment), chosen)
    assert "Hand over 2" in asked.content.decode()
    assert shipments()[0].status == "created"
    done = packer.post(listing(Shipment), chosen | {"confirmed": "yes"}, follow=True).content.decode()
    assert "The carrier has 1 of 2 parcels." in done
    assert "is not on the list" in done
    assert [row.status for row in shipments()] == ["handed_over", "created", "created"]
    viewer = office(Role.VIEWER)
    assert viewer.post(listing(Shipment), chosen | {"confirmed": "yes"}).status_code in (200, 302)
    assert shipments()[1].status == "created"


def test_the_list_that_the_driver_signs(delivery):
    packed_order()
    sweep_shipments()
    row = shipments()[0]
    sheet = office(Role.PACKER).post(listing(Shipment), {"action": "print_manifest", "_selected_action": [row.pk]}).content.decode()
    assert row.tracking_number in sheet
    assert row.request["to_address"]["city"] in sheet
    assert "1 parcel, 2.500 kg" in sheet


def test_a_delivery_service_that_is_left_alone_is_told(delivery, settings):
    settings.PARTNER_CIRCUIT_FAILURES = 1
    manager = office(Role.MANAGER)
    packed_order()
    for model in (Shipment, DeliveryProvider):
        assert "left alone" not in manager.get(listing(model)).content.decode()
    delivery.fail("status", status=500)
    flows.request_shipment(shipments()[0].pk)
    for model in (Shipment, DeliveryProvider):
        assert "it is left alone until" in manager.get(listing(model)).content.decode()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "without a circuit breaker" in manager.get(listing(DeliveryProvider)).content.decode()
