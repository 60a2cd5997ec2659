"""Goods of cancelled orders on their way back, and what the sweep found, over REST."""

from __future__ import annotations

import pytest

from fulfillment.enums import DisagreementKind
from fulfillment.models import PickingTask
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.sweep import keep_disagreement, resolve_disagreement
from tests.api.conftest import Caller, codes
from tests.factories.fulfillment import ACTOR, order_for, person, picked
from tests.factories.inventory import ProductFactory, site, stocked
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def picker(db):
    return Caller(Role.PICKER)


def test_put_backs_of_one_walk(picker, manager):
    place, product = site(code="WALK", external_id="77"), ProductFactory(sku="PLUM")
    stocked(product, place.shelf, 10)
    order = order_for([(product, 5, place)])
    picked(PickingTask.objects.get(order=order), person(Role.PICKER))
    process_order_cancelled(order.source, order.external_id, "x", actor=ACTOR)

    walk = picker.post("put-backs/claim", {"warehouse": "WALK", "bench": place.bench.code, "limit": 5}, **{"Idempotency-Key": "walk-1"})
    (row,) = walk.json()
    assert (row["sku"], row["bench"], row["remaining"], row["worker"]) == ("PLUM", place.bench.code, "5.000", picker.user.username)
    assert picker.post("put-backs/claim", {"warehouse": "WALK", "bench": place.bench.code, "limit": 5}, **{"Idempotency-Key": "walk-1"}).json() == [
        row
    ]
    assert [found["id"] for found in manager.get("put-backs", worker=picker.user.username, bench=place.bench.code).json()["results"]] == [row["id"]]
    path = f"put-backs/{row['id']}"
    assert codes(picker.post(f"{path}/quarantine", {"quantity": "2", "reason": " "})) == (400, "validation_failed")
    assert codes(picker.post(f"{path}/quarantine", {"quantity": "2", "reason": "wet"}, **{"If-Match": '"1"'})) == (412, "stale_version")
    spoilt = picker.post(f"{path}/quarantine", {"quantity": "2", "reason": "wet"}, **{"If-Match": '"2"'}).json()
    assert (spoilt["quarantined_quantity"], spoilt["done_quantity"], spoilt["note"], spoilt["status"]) == ("2.000", "2.000", "wet", "pending")
    other = Caller(Role.RECEIVER)
    assert codes(other.post(f"{path}/complete", {"quantity": "3", "location_scan": place.shelf.code})) == (409, "conflict")
    assert picker.post("put-backs/lay-down", {"warehouse_id": "77"}).json() == {"laid_down": 1}
    assert other.post(f"{path}/complete", {"quantity": "3", "location_scan": place.shelf.code}).json()["status"] == "done"
    assert codes(picker.post("put-backs/claim", {})) == (400, "validation_failed")
    assert codes(picker.post("put-backs/claim", {"warehouse": "WALK", "limit": 21})) == (400, "validation_failed")


def test_what_the_sweep_found(manager):
    keep_disagreement("7", DisagreementKind.GONE_ALREADY, "shipped", "cancelled", "Take it back as a return.", actor=ACTOR)
    keep_disagreement("8", DisagreementKind.CANCELLED_HERE, "cancelled", "confirmed", "", actor=ACTOR)
    resolve_disagreement("8", actor=ACTOR)
    (row,) = manager.get("order-disagreements", open="true").json()["results"]
    assert (row["order_id"], row["kind"], row["ours"], row["theirs"], row["count"]) == ("7", "gone_already", "shipped", "cancelled", 1)
    assert [row["order_id"] for row in manager.get("order-disagreements", kind="cancelled_here").json()["results"]] == ["8"]
    assert codes(Caller(Role.PACKER).get("order-disagreements")) == (403, "permission_denied")
