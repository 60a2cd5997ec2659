"""Other goods for a promise."""

from __future__ import annotations

from decimal import Decimal

import pytest

from inventory.orchestrator import OrderedLine, promise_order
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ACTOR, ProductFactory, site, stocked
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


def test_another_lot_with_a_reason():
    here, milk, picker = site(code="A", external_id="1"), ProductFactory(sku="MILK"), Caller(Role.PICKER)
    stocked(milk, here.shelf, 10, lot="L1", expires_in_days=30)
    (made,) = promise_order("shop:1", [OrderedLine(milk.pk, Decimal(4))], actor=ACTOR)
    other = stocked(milk, here.shelf, 10, lot="L2", expires_in_days=60)
    path, item = f"reservations/{made.reservation_id}", made.items[0].id

    body = {"item": item, "batch_location": other.pk, "quantity": "1", "reason": "wet"}
    done = picker.post(f"{path}/reallocate", body, **{"Idempotency-Key": "x"})
    assert done.status_code == 200, done.content
    assert [(each["lot_number"], each["held"]) for each in done.json()["items"]] == [("L1", "3.000"), ("L2", "1.000")]
    assert picker.post(f"{path}/reallocate", body, **{"Idempotency-Key": "x"}).json() == done.json()
    rest = picker.post(f"{path}/reallocate", {"item": item, "location": "A-01", "lot_number": "L2", "reason": "wet"}).json()
    assert [(each["lot_number"], each["held"]) for each in rest["items"]] == [("L1", "0.000"), ("L2", "1.000"), ("L2", "3.000")]
    why = Caller(Role.VIEWER).get(f"{path}/explain").json()["lines"]
    assert [line.get("override") for line in why] == [None, "wet", "wet"]
    assert (why[1]["by"], why[1]["instead_of"]["lot"]) == (picker.user.username, "L1")
    for wrong, status, code in (
        ({"batch_location": other.pk}, 409, "conflict"),
        ({"item": 999_999, "batch_location": other.pk}, 404, "not_found"),
        ({"batch_location": 999_999}, 404, "not_found"),
        ({"location": "NOPE"}, 400, "validation_failed"),
        ({}, 400, "validation_failed"),
        ({"batch_location": other.pk, "quantity": "-1"}, 400, "validation_failed"),
        ({"batch_location": other.pk, "reason": ""}, 400, "validation_failed"),
    ):
        assert codes(picker.post(f"{path}/reallocate", {"item": item, "reason": "x"} | wrong)) == (status, code), wrong
    assert codes(picker.post("reservations/999999/reallocate", body)) == (404, "not_found")
    assert codes(Caller(Role.RECEIVER).post(f"{path}/reallocate", body)) == (403, "permission_denied")
