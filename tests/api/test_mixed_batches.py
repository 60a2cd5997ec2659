"""Mixed batches over HTTP."""

from __future__ import annotations

import pytest

from inventory.models import Batch, BatchLocation
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ProductFactory, site, stocked
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def places(db):
    here, product = site(code="MAIN"), ProductFactory(sku="APPLES")
    return [stocked(product, here.shelf, 5, lot=lot, expires_in_days=days) for lot, days in (("A", 9), ("B", 20))]


def mix(places, **more):
    sources = [{"batch_location": place.pk, "quantity": "2"} for place in places]
    return {"warehouse": "MAIN", "location": "A-01", "sources": sources} | more


def test_mixed_and_split(places):
    receiver = Caller(Role.RECEIVER)
    made = receiver.post("mixed-batches", mix(places), **{"Idempotency-Key": "m"})
    assert made.status_code == 201
    shown = made.json()
    assert (shown["sku"], shown["status"], shown["label_expires_on"]) == ("APPLES", "available", str(places[0].batch.label_expires_on))
    assert [(part["lot_number"], part["quantity"]) for part in shown["components"]] == [("A", "2.000"), ("B", "2.000")]
    assert receiver.post("mixed-batches", mix(places), **{"Idempotency-Key": "m"}).json() == shown
    path = f"mixed-batches/{shown['id']}"
    assert receiver.get(path).json() == shown
    assert [row["id"] for row in receiver.get("mixed-batches", component=places[1].batch_id).json()["results"]] == [shown["id"]]
    assert receiver.get("mixed-batches", component=shown["id"]).json()["results"] == []
    there = BatchLocation.objects.get(batch=shown["id"]).pk
    part = receiver.post(f"{path}/split", {"batch_location": there, "quantity": 1, "lot_number": "PART"})
    assert (part.status_code, part.json()["lot_number"], part.json()["parent"]) == (201, "PART", shown["id"])
    assert codes(receiver.post(f"{path}/split", {"batch_location": there, "quantity": 9})) == (409, "insufficient_stock")
    assert codes(receiver.post(f"mixed-batches/{places[0].batch_id}/split", {"batch_location": places[0].pk, "quantity": 1})) == (404, "not_found")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"location": "NOPE"}, (400, "validation_failed")),
        ({"location": "QUAR"}, (422, "place_not_allowed")),
        ({"sources": []}, (400, "validation_failed")),
        ({"sources": [{"batch_location": 999999, "quantity": 1}]}, (404, "not_found")),
        ({"lot_number": "A"}, (409, "conflict")),
        ({"lot_number": "x" * 61}, (400, "validation_failed")),
    ],
)
def test_what_is_not_mixed(manager, places, wrong, code):
    assert codes(manager.post("mixed-batches", mix(places) | wrong)) == code
    assert codes(manager.post("mixed-batches", mix(places[:1]))) == (400, "validation_failed")
    assert Batch.objects.count() == 2
