"""An order through picking, packing, shipping and back to the shelf, over REST alone."""

from __future__ import annotations

import pytest

from fulfillment.models import Shipment
from inventory.models import BatchLocation, Stock
from tests.api.conftest import Caller, codes
from tests.factories.inventory import BarcodeFactory, ProductFactory, site, stocked
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return site(code="A", external_id="1", street="Main 1", postal_code="11000", contact_name="Ana", phone="+381 1")


@pytest.fixture
def picker(db):
    return Caller(Role.PICKER)


@pytest.fixture
def packer(db):
    return Caller(Role.PACKER)


def test_the_whole_way(integration, picker, packer, here):
    milk, bread = ProductFactory(sku="MILK"), ProductFactory(sku="BREAD")
    BarcodeFactory(code="4006381333931", product=milk)
    stocked(milk, here.shelf, 10, lot="L1")
    stocked(bread, here.shelf, 10)
    integration.post("orders", {"order_id": "9", "items": [{"sku": "MILK", "quantity": 3}, {"sku": "BREAD", "quantity": 2}]})
    assert picker.post("picking-tasks/claim-next", {"warehouse": "NOPE"}).json()["code"] == "unknown_warehouse"
    claimed = picker.post("picking-tasks/claim-next", {"warehouse_id": 1}).json()["task"]
    assert (claimed["order_id"], claimed["worker"], claimed["status"], claimed["total_items"]) == ("9", picker.user.username, "assigned", 2)
    assert Caller(Role.PICKER).post("picking-tasks/claim-next", {"warehouse": "A"}).json() == {"task": None}
    path = f"picking-tasks/{claimed['id']}"
    assert codes(Caller(Role.PICKER).post(f"{path}/start"))[0] in (403, 409)
    assert picker.post(f"{path}/start").json()["packing_location"] == "PACK"
    item = picker.get(f"{path}/next-item").json()["item"]
    assert (item["sku"], item["location"], item["remaining"]) == ("MILK", "A-01", "3.000")
    scan = {"item": item["id"], "quantity": "2", "location_scan": "A-01", "product_scan": "4006381333931"}
    wrong = picker.post(f"{path}/pick", scan | {"location_scan": "B-99"})
    assert codes(wrong) == (422, "wrong_scan")
    assert wrong.json()["data"]["expected"]["location"] == "A-01"
    assert codes(picker.post(f"{path}/pick", scan | {"quantity": "4"})) == (409, "surplus")
    assert codes(picker.post(f"{path}/pick", scan | {"item": 10**9})) == (404, "not_found")
    part = picker.post(f"{path}/pick", scan, **{"Idempotency-Key": "pick-1"})
    assert (part.json()["item"]["quantity_picked"], part.json()["picked_items"], part["ETag"]) == ("2.000", 0, f'"{part.json()["version"]}"')
    assert picker.post(f"{path}/pick", scan, **{"Idempotency-Key": "pick-1"}).json() == part.json()
    done = picker.post(f"{path}/pick", scan | {"quantity": "1"}).json()
    assert (done["item"]["status"], done["next_item"]["sku"], done["picked_items"]) == ("picked", "BREAD", 1)
    left = picker.post(f"{path}/complete")
    assert codes(left) == (409, "work_left")
    assert [error["sku"] for error in left.json()["errors"]] == ["BREAD"]
    short = picker.post(f"{path}/short", {"item": done["next_item"]["id"], "notes": "shelf is empty"}).json()
    assert (short["item"]["status"], short["item"]["notes"], short["next_item"]) == ("short", "shelf is empty", None)
    assert picker.post(f"{path}/complete").json()["status"] == "completed"
    assert codes(picker.post(f"{path}/cancel", {"reason": "x"})) == (403, "permission_denied")

    task = packer.get("packing-tasks", order_id="9").json()["results"][0]
    path = f"packing-tasks/{task['id']}"
    assert codes(packer.post(f"{path}/pack-item", {"scan": "MILK"})) == (409, "transition_refused")
    assert packer.post(f"{path}/start").json()["worker"] == packer.user.username
    assert codes(packer.post(f"{path}/pack-item", {"scan": "BREAD"})) == (422, "wrong_scan")
    assert codes(packer.post(f"{path}/pack-item", {"scan": "MILK", "quantity": 4})) == (409, "surplus")
    packed = packer.post(f"{path}/pack-item", {"scan": "L1"}).json()
    assert (packed["items"][0]["progress"], packed["packages"][0]["items"][0]["quantity"]) == ("33.3", "1.000")
    second = packer.post(f"{path}/packages", {"packaging_type": "bag"})
    assert (second.status_code, [p["sequence_number"] for p in second.json()["packages"]]) == (201, [1, 2])
    packages = [package["id"] for package in packer.get(f"{path}/packages").json()]
    packed = packer.post(f"{path}/pack-item", {"scan": "4006381333931", "quantity": "2", "package": packages[0]}).json()
    assert (packed["items"][0]["status"], packed["packed_items"]) == ("fully_packed", 1)
    assert packer.delete(f"{path}/packages/{packages[1]}").status_code == 204
    assert codes(packer.delete(f"{path}/packages/{packages[0]}")) == (409, "conflict")
    assert codes(packer.post(f"{path}/pack")) == (409, "work_left")
    size = {"weight": "2.4", "length": 40, "width": "30", "height": "20"}
    for bad in ({"weight": "0"}, {"weight": "-1"}, {"height": "NaN"}, {"length": "1e9"}, {"width": None}):
        assert codes(packer.post(f"{path}/package-details", size | bad)) == (400, "validation_failed"), bad
    measured = packer.post(f"{path}/package-details", size).json()
    assert (measured["weight"], measured["packaging_type"]) == ("2.400", "box")
    assert (measured["packages"][0]["volumetric_weight"], measured["packages"][0]["chargeable_weight"]) == ("4.800", "4.800")
    assert packer.post(f"{path}/pack").json()["status"] == "packed"
    assert codes(packer.post(f"{path}/ship")) == (409, "conflict")
    shipment = packer.get("shipments", packing_task=task["id"]).json()["results"][0]
    assert (shipment["status"], shipment["order_id"]) == ("requested", "9")
    assert packer.post(f"shipments/{shipment['id']}/retry").json()["version"] == 2
    Shipment.objects.filter(pk=shipment["id"]).update(status="created", tracking_number="TRK1")
    handed = packer.post(f"shipments/{shipment['id']}/hand-over", {}, **{"If-Match": '"2"'})
    assert (handed.status_code, handed.json()["status"]) == (200, "handed_over")
    assert packer.get(path).json()["status"] == "shipped"
    assert Stock.objects.get(product=milk).quantity == 7
    order = integration.get("orders", order_id="9").json()["results"][0]
    # The bread is still missing.
    assert order["status"] == "needs_attention"
    assert Caller(Role.MANAGER).post(f"orders/{order['id']}/accept-missing", {"reason": "no bread today"}).json()["status"] == "shipped"


def test_back_to_the_shelf(integration, picker, manager, here):
    milk = ProductFactory(sku="MILK")
    stocked(milk, here.shelf, 10)
    integration.post("orders", {"order_id": "9", "items": [{"sku": "MILK", "quantity": 3}]})
    task = picker.post("picking-tasks/claim-next", {"warehouse": "A"}).json()["task"]
    path = f"picking-tasks/{task['id']}"
    picker.post(f"{path}/start")
    picker.post(f"{path}/pick", {"item": task["items"][0]["id"], "quantity": 2, "location_scan": "A-01", "product_scan": "MILK"})
    assert codes(picker.post(f"{path}/skip", {"item": task["items"][0]["id"]})) == (409, "conflict")
    assert manager.post(f"{path}/cancel", {"reason": "fire"}).json()["cancellation_reason"] == "fire"
    back = picker.get("put-backs", status="pending").json()["results"][0]
    assert (back["bench"], back["suggested_location"], back["remaining"]) == ("PACK", "A-01", "2.000")
    path = f"put-backs/{back['id']}/complete"
    assert codes(picker.post(path, {"quantity": 3, "location_scan": "A-01"})) == (409, "surplus")
    assert codes(picker.post(path, {"quantity": 1, "location_scan": "MILK"})) == (422, "wrong_scan")
    assert codes(picker.post(path, {"quantity": 1, "location_scan": "F-01"})) == (422, "place_not_allowed")
    assert picker.post(path, {"quantity": 1, "location_scan": "A-01"}).json()["remaining"] == "1.000"
    done = picker.post(path, {"quantity": "1", "location_scan": "LOC-A-A-01"}, **{"If-Match": '"2"'}).json()
    assert (done["status"], done["remaining"]) == ("done", "0.000")
    assert BatchLocation.objects.get(location=here.shelf).quantity == 10
    again = manager.post("picking-tasks", {"order_id": "9", "warehouse_id": "1", "items": [{"sku": "MILK", "quantity": 3}], "priority": "urgent"})
    assert (again.status_code, again.json()["priority"], again.json()["status"]) == (201, "urgent", "pending")
    assert codes(manager.post("picking-tasks", {"order_id": "404", "warehouse": "A", "items": [{"sku": "MILK", "quantity": 1}]})) == (
        404,
        "not_found",
    )
    tasks = integration.get("picking-tasks/by-order/9").json()
    assert [row["status"] for row in tasks] == ["cancelled", "pending"]
    assert integration.get("picking-tasks/by-order/9", source="other").json() == []
    assigned = manager.post(f"picking-tasks/{tasks[1]['id']}/assign", {"worker": picker.user.username}).json()
    assert assigned["worker"] == picker.user.username
    assert codes(manager.post(f"picking-tasks/{tasks[1]['id']}/assign", {"worker": "nobody"})) == (400, "validation_failed")
