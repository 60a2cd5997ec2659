"""Shipments over REST: asked again, replaced, handed over together, told how they fare, come back. Against the delivery service's real small server."""

from __future__ import annotations

import pytest

from fulfillment.models import Shipment
from fulfillment.tasks import sweep_shipments, sweep_voids
from inventory.models import Return
from tests.api.conftest import Caller, codes
from tests.factories.fulfillment import reachable_site
from tests.fulfillment.parcels import packed_in_two, packed_order, shipments
from tests.partners.fixtures import delivery, order_system
from warehouse.core.actor import Role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis", "order_system")]
__all__ = ["delivery", "order_system"]


@pytest.fixture
def packer(transactional_db: None) -> Caller:
    return Caller(Role.PACKER)


@pytest.fixture
def carrier(transactional_db: None) -> Caller:
    return Caller(Role.INTEGRATION)


def test_replaced_with_another_carrier(delivery, packer):
    packed_order()
    sweep_shipments()
    row = shipments()[0]
    path = f"shipments/{row.pk}/replace"
    assert codes(packer.post(path, {})) == (400, "validation_failed")
    assert codes(packer.post(path, {"reason": "torn", "provider": "pigeon"})) == (404, "not_found")
    assert codes(packer.post(path, {"reason": "torn"}, **{"If-Match": '"1"'})) == (412, "stale_version")
    key = {"Idempotency-Key": "again"}
    new = packer.post(path, {"reason": "torn", "provider": "acs"}, **key)
    assert (new.status_code, new.json()["replaces"], new.json()["provider"]) == (200, row.pk, "acs")
    assert packer.post(path, {"reason": "torn", "provider": "acs"}, **key).json() == new.json()
    assert codes(packer.post(path, {"reason": "torn"})) == (409, "conflict")
    old = packer.get(f"shipments/{row.pk}").json()
    assert (old["status"], old["cancellation_reason"]) == ("void_requested", "torn")
    sweep_voids()
    sweep_shipments()
    assert [row["request"]["provider"] for row in delivery.partner.living()] == ["acs"]
    assert codes(Caller(Role.MANAGER).post(f"shipments/{row.pk}/settle-void", {"reason": "told"})) == (409, "conflict")


def test_the_carrier_of_a_task(delivery, packer):
    task = packed_order()
    path = f"packing-tasks/{task.pk}/provider"
    answer = packer.post(path, {"provider": "dexpress"})
    assert (answer.status_code, answer.json()["provider"]) == (200, "dexpress")
    task.packages.update(weight="35")
    refused = packer.post(path, {"provider": "acs"})
    assert codes(refused) == (400, "validation_failed")
    assert [fault["code"] for fault in refused.json()["errors"]] == ["too_heavy"]


def test_a_pick_up(delivery, packer):
    site = reachable_site()
    packed_order("1", site=site)
    packed_in_two("2", site=site)
    sweep_shipments()
    one, first, second = (row.pk for row in shipments())
    assert codes(packer.post("shipments/hand-over", {"shipments": []})) == (400, "validation_failed")
    assert codes(packer.post("shipments/hand-over", {"shipments": [one, 10**9]})) == (404, "not_found")
    answer = packer.post("shipments/hand-over", {"shipments": [one, first]}, **{"Idempotency-Key": "van"})
    assert (answer.status_code, answer.json()["handed_over"]) == (200, [one])
    (stays,) = answer.json()["refused"]
    assert (stays["code"], stays["packing_task"]) == ("conflict", Shipment.objects.get(pk=first).packing_task_id)
    assert packer.post("shipments/hand-over", {"shipments": [one, first]}, **{"Idempotency-Key": "van"}).json() == answer.json()
    assert packer.post("shipments/hand-over", {"shipments": [first, second]}).json() == {"handed_over": [first, second], "refused": []}


def test_the_carrier_tells_and_the_parcel_comes_back(delivery, packer, carrier):
    packed_order()
    sweep_shipments()
    row = shipments()[0]
    path = f"shipments/{row.pk}"
    assert codes(carrier.post(f"{path}/carrier-status", {"status": "delivered"})) == (409, "conflict")
    packer.post(f"{path}/hand-over")
    for bad in ({}, {"status": ""}, {"status": "x" * 51}, {"status": "delivered", "at": "yesterday"}, {"state": "delivered"}):
        assert codes(carrier.post(f"{path}/carrier-status", bad)) == (400, "validation_failed"), bad
    assert carrier.post(f"{path}/carrier-status", {"status": "in_transit"}).json()["carrier_status"] == "in_transit"
    told = carrier.post(f"{path}/carrier-status", {"status": "delivered", "at": "2026-01-05T10:00:00Z"}).json()
    assert (told["status"], told["delivered_at"]) == ("delivered", "2026-01-05T10:00:00Z")
    back = Caller(Role.RECEIVER).post(f"{path}/returned")
    assert (back.status_code, back.json()["status"], back.json()["return_id"]) == (200, "returned", Return.objects.get().pk)
    assert carrier.post(f"{path}/carrier-status", {"status": "returned"}).json()["return_id"] == Return.objects.get().pk
    assert Return.objects.count() == 1
