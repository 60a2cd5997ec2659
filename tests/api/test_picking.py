"""A walk over REST with everything that can go wrong on it; all ten calls of the picking service."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.models import BatchLocation, Stock
from tests.api.conftest import Caller, codes
from tests.factories.inventory import LocationFactory, ProductFactory, Site, site, stocked
from tests.fulfillment.walks import agrees
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def here(db: None) -> Site:
    return site(code="A", external_id="1")


@pytest.fixture
def picker(db: None) -> Caller:
    return Caller(Role.PICKER)


@pytest.fixture
def goods(here: Site) -> None:
    """MILK in two lots on two shelves, and BREAD."""
    milk, bread = ProductFactory(sku="MILK"), ProductFactory(sku="BREAD")
    for walk, (code, lot, zone) in enumerate((("S-1", "L1", "Hall"), ("S-2", "L2", "Hall"), ("S-3", "L3", "Cellar")), start=1):
        shelf = LocationFactory(warehouse=here.warehouse, code=code, zone=zone, pick_sequence=walk)
        stocked(bread if lot == "L2" else milk, shelf, 10, lot=lot, expires_in_days=30 + walk)


def walking(integration: Caller, picker: Caller, milk: int = 5, bread: int = 2) -> tuple[str, dict[str, int]]:
    """An order taken in, its task claimed and begun: its address, and its items by SKU."""
    integration.post("orders", {"order_id": "9", "items": [{"sku": "MILK", "quantity": milk}, {"sku": "BREAD", "quantity": bread}]})
    task = picker.post("picking-tasks/claim-next", {"warehouse_id": 1}).json()["task"]
    picker.post(f"picking-tasks/{task['id']}/start")
    return f"picking-tasks/{task['id']}", {item["sku"]: item["id"] for item in task["items"]}


def scan(item: int, quantity: Any, place: str, code: str) -> dict[str, Any]:
    return {"item": item, "quantity": quantity, "location_scan": place, "product_scan": code}


def test_short_deferred_undone_and_closed(integration: Caller, picker: Caller, here: Site, goods: None) -> None:
    path, items = walking(integration, picker)
    task = picker.get(path).json()
    assert task["progress"] == {
        "items": 2, "done": 0, "picked": "0.000", "remaining": "7.000", "percent": 0,
        "zones": [{"zone": "Hall", "items": 2, "quantity": "7.000"}],
    }  # fmt: skip
    later = picker.post(f"{path}/defer", {"item": items["MILK"]})
    assert (later.json()["next_item"]["sku"], later.json()["item"]["deferred_at"] is not None) == ("BREAD", True)
    picked = picker.post(f"{path}/pick", scan(items["BREAD"], 2, "S-2", "BREAD"), **{"If-Match": later["ETag"]}).json()
    assert (picked["picked_items"], picked["next_item"]["sku"]) == (1, "MILK")
    undone = picker.post(f"{path}/undo", {}, **{"Idempotency-Key": "u-1"})
    assert (undone.json()["item"]["sku"], undone.json()["item"]["status"], undone.json()["picked_items"]) == ("BREAD", "pending", 0)
    assert picker.post(f"{path}/undo", {}, **{"Idempotency-Key": "u-1"}).json() == undone.json()
    assert codes(picker.post(f"{path}/undo")) == (409, "conflict")
    picker.post(f"{path}/pick", scan(items["MILK"], 1, "S-1", "L1"))

    short = picker.post(f"{path}/short", {"item": items["MILK"], "notes": "empty"}).json()

    assert (short["item"]["status"], short["total_items"], short["picked_items"]) == ("short", 3, 1)
    assert (short["next_item"]["sku"], short["next_item"]["location"]) == ("BREAD", "S-2")
    fresh = picker.get(path).json()["items"][-1]
    assert (fresh["sku"], fresh["location"], fresh["quantity_required"], fresh["notes"]) == ("MILK", "S-3", "4.000", "instead of S-1")
    assert picker.get(path).json()["progress"]["zones"] == [
        {"zone": "Hall", "items": 1, "quantity": "2.000"}, {"zone": "Cellar", "items": 1, "quantity": "4.000"},
    ]  # fmt: skip
    asked = picker.get("count-requests", open="true").json()["results"]
    assert [(row["location"], row["sku"], row["closed_at"]) for row in asked] == [("S-1", "MILK", None)]
    assert codes(picker.post(f"{path}/complete")) == (409, "work_left")
    assert codes(picker.post(f"{path}/complete", {"short_rest": True})) == (400, "validation_failed")
    closed = picker.post(f"{path}/complete", {"short_rest": True, "reason": "the lorry leaves"}).json()
    assert (closed["status"], closed["picked_items"], closed["progress"]["percent"]) == ("completed", 3, 100)
    assert Stock.objects.get(product__sku="MILK").reserved == 1
    agrees()


def test_another_lot_with_a_reason(integration: Caller, picker: Caller, here: Site, goods: None) -> None:
    path, items = walking(integration, picker)
    body = scan(items["MILK"], 2, "S-3", "L3")
    assert codes(picker.post(f"{path}/pick-other", body)) == (400, "validation_failed")
    assert codes(picker.post(f"{path}/pick-other", body | {"reason": "torn", "location_scan": "S-2"})) == (422, "wrong_scan")
    assert codes(picker.post(f"{path}/pick-other", body | {"reason": "torn", "quantity": 6})) == (409, "surplus")
    assert codes(picker.post(f"{path}/pick-other", body | {"reason": "torn", "item": 10**9})) == (404, "not_found")
    other = picker.post(f"{path}/pick-other", body | {"reason": "torn"}).json()
    assert (other["item"]["lot_number"], other["item"]["status"], other["item"]["notes"]) == ("L3", "picked", "torn")
    assert (other["total_items"], other["picked_items"], other["next_item"]["remaining"]) == (3, 1, "3.000")
    assert BatchLocation.objects.get(batch__lot_number="L3", location__code="S-3").quantity == 8
    agrees()


def test_priority(integration: Caller, picker: Caller, manager: Caller, here: Site, goods: None) -> None:
    path, _ = walking(integration, picker)
    assert codes(picker.post(f"{path}/priority", {"priority": "urgent"})) == (403, "permission_denied")
    assert codes(manager.post(f"{path}/priority", {"priority": "now"})) == (400, "validation_failed")
    changed = manager.post(f"{path}/priority", {"priority": "urgent"}, **{"If-Match": picker.get(path)["ETag"]})
    assert (changed.status_code, changed.json()["priority"]) == (200, "urgent")
    assert codes(manager.post(f"{path}/priority", {"priority": "low"}, **{"If-Match": '"1"'})) == (412, "stale_version")
    order = integration.get("orders", order_id="9").json()["results"][0]
    assert order["priority"] == "urgent"
    assert codes(integration.post(f"orders/{order['id']}/priority", {"priority": "low"})) == (403, "permission_denied")
    assert manager.post(f"orders/{order['id']}/priority", {"priority": "low"}).json()["priority"] == "low"
    assert picker.get(path).json()["priority"] == "low"


def test_count_requests(here: Site, goods: None, picker: Caller, manager: Caller) -> None:
    auditor = Caller(Role.AUDITOR)
    body = {"warehouse": "A", "location": "S-1", "sku": "milk", "reason": "two are missing"}
    made = picker.post("count-requests", body)
    assert (made.status_code, made.json()["requested_by"], made.json()["warehouse"]) == (201, picker.user.username, "A")
    assert picker.post("count-requests", body | {"reason": "all of it"}).json()["id"] == made.json()["id"]
    for bad in ({"sku": "NONE"}, {"location": "NONE"}, {"reason": ""}, {"warehouse": "NONE"}):
        assert picker.post("count-requests", body | bad).status_code in (400, 422), bad
    assert [row["location"] for row in auditor.get("count-requests", sku="MILK", location="S-1", warehouse="A").json()["results"]] == ["S-1"]
    assert auditor.get("stock/cycle-counts", warehouse="A", limit=1).json()[0]["asked"] == 1
    assert codes(picker.post("count-requests/count", {"warehouse": "A"})) == (403, "permission_denied")
    audit = auditor.post("count-requests/count", {"warehouse": "A"})
    assert (audit.status_code, audit.json()["status"], audit.json()["locations"]) == (201, "in_progress", ["S-1"])
    assert codes(auditor.post("count-requests/count", {"warehouse": "A"})) == (409, "conflict")
    path = f"count-requests/{made.json()['id']}"
    assert codes(auditor.post(f"{path}/dismiss", {"reason": ""})) == (400, "validation_failed")
    closed = auditor.post(f"{path}/dismiss", {"reason": "found"}).json()
    assert (closed["closing_note"], closed["closed_at"] is not None) == ("found", True)
    assert codes(auditor.post(f"{path}/dismiss", {"reason": "found"})) == (409, "transition_refused")
    assert picker.get("count-requests", open="true").json()["results"] == []
