"""Lots over HTTP: held, released, recalled, traced."""

from __future__ import annotations

from decimal import Decimal

import pytest

from inventory.models import Batch
from inventory.orchestrator import OrderedLine, consume_reservation, promise_order, reserve_for_order, split_batch
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ACTOR, ProductFactory, site, stocked
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def bad(db):
    """A lot of which some is sold, some promised, some split off."""
    here, product = site(code="MAIN"), ProductFactory(sku="MILK")
    place = stocked(product, here.shelf, 20, lot="BAD", expires_in_days=9)
    sold = reserve_for_order("shop:1", [OrderedLine(product.pk, Decimal(3))], warehouse_id=here.id, actor=ACTOR)
    consume_reservation(sold.reservation_id, actor=ACTOR)
    promise_order("shop:2", [OrderedLine(product.pk, Decimal(4))], actor=ACTOR)
    split_batch(place.pk, Decimal(5), actor=ACTOR)
    stocked(product, here.shelf, 3, lot="GOOD", expires_in_days=50)
    return place


def test_held_and_released(manager, bad):
    path = f"batches/{bad.batch_id}"
    held = Caller(Role.AUDITOR).post(f"{path}/hold", {"reason": "a smell"})
    assert held.status_code == 200
    body = held.json()
    assert (body["batch"]["status"], body["batch"]["status_reason"]) == ("on_hold", "a smell")
    assert {lot["lot_number"] for lot in body["lots"]} == {"BAD", "BAD/1"}
    assert [(entry["order_ref"], entry["quantity"]) for entry in body["reallocated"]] == [("shop:2", "3")]
    assert [(entry["order_ref"], entry["quantity"]) for entry in body["released"]] == [("shop:2", "1")]
    assert [(order["order_ref"], order["quantity"], order["warehouse"]) for order in body["shipped"]] == [("shop:1", "3.000", "MAIN")]
    assert manager.get("batches", status="on_hold").json()["results"] != []
    assert codes(Caller(Role.AUDITOR).post(f"{path}/release")) == (403, "permission_denied")
    released = manager.post(f"{path}/release", {"reason": "fine"})
    assert (released.status_code, released.json()["status"]) == (200, "available")
    assert codes(manager.post(f"{path}/release", {})) == (409, "transition_refused")


def test_recalled_and_traced(manager, bad):
    path = f"batches/{bad.batch_id}"
    done = manager.post(f"{path}/recall", {"reason": "glass"}, **{"Idempotency-Key": "r"})
    assert (done.status_code, done.json()["batch"]["status"]) == (200, "recalled")
    assert manager.post(f"{path}/recall", {"reason": "glass"}, **{"Idempotency-Key": "r"}).json() == done.json()
    assert codes(manager.post(f"{path}/hold", {"reason": "x"})) == (409, "transition_refused")
    assert codes(manager.post(f"{path}/recall", {})) == (400, "validation_failed")
    assert codes(manager.post("batches/999999/recall", {"reason": "x"})) == (404, "not_found")
    trace = manager.get(f"{path}/trace").json()
    assert (trace["lot"]["lot_number"], trace["lot"]["status_reason"]) == ("BAD", "glass")
    assert [(lot["lot_number"], lot["made_of"][0]["lot_number"]) for lot in trace["made_into"]] == [("BAD/1", "BAD")]
    assert [(step["type"], step["quantity"], step["document_number"][:3]) for step in trace["received"]] == [("receiving", "20.000", "RCV")]
    assert [(place["lot_number"], place["quantity"], place["blocked_reason"]) for place in trace["places"]] == [
        ("BAD", "12.000", "recalled"),
        ("BAD/1", "5.000", "recalled"),
    ]
    assert [(order["order_ref"], order["quantity"], order["returned"]) for order in trace["shipped"]] == [("shop:1", "3.000", "0.000")]
    assert trace["promised"] == []
    child = Batch.objects.get(lot_number="BAD/1")
    assert [lot["lot_number"] for lot in manager.get(f"batches/{child.pk}/trace").json()["made_of"]] == ["BAD"]
    assert codes(manager.get("batches/999999/trace")) == (404, "not_found")
