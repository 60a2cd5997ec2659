"""Packing over REST: boxes kept, suggested and chosen; goods packed, moved, taken out, weighed; packages held against the scale."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import BoxType, PackingTask, PickingTask
from inventory.models import Product
from tests.api.conftest import Caller, codes
from tests.factories.fulfillment import order_for, person, picked, reachable_site
from tests.factories.inventory import ProductFactory, stocked
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db

SMALL = {"code": "S", "name": "Small", "length": "25", "width": "20", "height": "10", "wall": "0.3", "own_weight": "0.15", "max_weight": "5"}


@pytest.fixture
def packer(db: None) -> Caller:
    return Caller(Role.PACKER)


@pytest.fixture
def task(db: None) -> PackingTask:
    """Three milk of a kilogram, 300 g of ham, a bag without sizes."""
    place = reachable_site(code="A", external_id="1")
    milk = ProductFactory(sku="MILK", weight=1, length=7, width=7, height=20)
    ham = ProductFactory(sku="HAM", base_unit="kg", quantity_step=Decimal("0.001"), weight_tolerance=Decimal("0.05"), length=9, width=4, height=5)
    bag = ProductFactory(sku="BAG", weight=Decimal("0.05"))
    for product in (milk, ham, bag):
        stocked(product, place.shelf, 9)
    order = order_for([(milk, 3), (ham, "0.3"), (bag, 1)], external_id="77")
    return picked(PickingTask.objects.get(order=order), person(Role.PICKER))


def test_the_next_task_is_claimed(packer: Caller, task: PackingTask) -> None:
    assert codes(packer.post("packing-tasks/claim-next", {"warehouse": "NOPE"}))[1] == "unknown_warehouse"
    claimed = packer.post("packing-tasks/claim-next", {"warehouse_id": "1"}).json()["task"]
    assert (claimed["id"], claimed["status"], claimed["worker"]) == (task.pk, "in_progress", packer.user.username)
    assert packer.post("packing-tasks/claim-next", {"warehouse": "A"}).json()["task"]["id"] == task.pk
    assert Caller(Role.PACKER).post("packing-tasks/claim-next", {"warehouse": "A"}).json() == {"task": None}
    assert codes(Caller(Role.PICKER).post("packing-tasks/claim-next", {"warehouse": "A"})) == (403, "permission_denied")


def test_boxes_are_kept(manager: Caller, packer: Caller) -> None:
    made = manager.post("box-types", SMALL, **{"Idempotency-Key": "box-1"})
    again = manager.post("box-types", SMALL, **{"Idempotency-Key": "box-1"})
    assert (made.status_code, made.json()) == (201, again.json())
    box = made.json()
    assert (box["code"], box["packaging_type"], box["length"], box["max_weight"], box["is_active"]) == ("S", "box", "25.00", "5.000", True)
    assert codes(manager.post("box-types", SMALL)) == (409, "conflict")
    assert codes(packer.post("box-types", SMALL | {"code": "T"})) == (403, "permission_denied")
    for wrong in (
        {"length": "0"},
        {"own_weight": "-1"},
        {"packaging_type": "barrel"},
        {"max_weight": "0"},
        {"height": "x"},
        {"colour": "red"},
        {"code": ""},
    ):
        assert codes(manager.post("box-types", SMALL | {"code": "T"} | wrong)) == (400, "validation_failed"), wrong
    path = f"box-types/{box['id']}"
    assert codes(manager.patch(path, {"wall": "0.5"})) == (428, "version_required")
    changed = manager.patch(path, {"wall": "0.5", "max_weight": None}, **{"If-Match": made["ETag"]}).json()
    assert (changed["wall"], changed["max_weight"], changed["version"]) == ("0.50", None, 2)
    assert codes(manager.patch(path, {"wall": "0.6"}, **{"If-Match": made["ETag"]})) == (412, "stale_version")
    assert [row["code"] for row in packer.get("box-types", is_active=True, search="sma").json()["results"]] == ["S"]
    assert manager.delete(path).status_code == 204
    assert not BoxType.objects.exists()


def test_a_box_that_was_used_is_not_taken_out(manager: Caller, packer: Caller, task: PackingTask) -> None:
    box = manager.post("box-types", SMALL).json()
    packer.post(f"packing-tasks/{task.pk}/start")
    packer.post(f"packing-tasks/{task.pk}/box", {"box_type": "S"})
    assert codes(manager.delete(f"box-types/{box['id']}")) == (409, "conflict")


def test_an_order_is_packed_by_a_program(manager: Caller, packer: Caller, task: PackingTask) -> None:
    for box in (SMALL, SMALL | {"code": "XS", "length": "20", "width": "10", "height": "8", "own_weight": "0.1"}):
        manager.post("box-types", box)
    path = f"packing-tasks/{task.pk}"
    suggestion = packer.get(f"{path}/box-suggestion").json()
    assert suggestion == {
        "boxes": [
            {
                "box_type": "S",
                "name": "Small",
                "contents": [
                    {"item": task.items.get(product__sku="MILK").pk, "sku": "MILK", "quantity": 3},
                    {"item": task.items.get(product__sku="HAM").pk, "sku": "HAM", "quantity": 1},
                ],
            }
        ],
        "unsized": ["BAG"],
        "too_big": [],
        "too_many": False,
    }
    packer.post(f"{path}/start")
    boxed = packer.post(f"{path}/box", {"box_type": "S"}).json()
    (first,) = boxed["packages"]
    assert (first["box_type"], first["packaging_type"], first["length"], first["own_weight"]) == ("S", "box", "25.60", "0.150")
    assert codes(packer.post(f"{path}/box", {"box_type": "XXL"})) == (400, "validation_failed")
    packer.post(f"{path}/pack-item", {"scan": "MILK", "quantity": "3"})
    undone = packer.post(f"{path}/undo").json()
    assert [item["packed_quantity"] for item in undone["items"]] == ["0.000"] * 3
    assert codes(packer.post(f"{path}/undo")) == (409, "conflict")
    for scan, quantity in (("MILK", "3"), ("HAM", "0.3"), ("BAG", "1")):
        last = packer.post(f"{path}/pack-item", {"scan": scan, "quantity": quantity}).json()
    assert last["packed_items"] == last["total_items"] == 3
    items = {item["sku"]: item["id"] for item in last["items"]}

    weighed = packer.post(f"{path}/weigh-item", {"item": items["HAM"], "quantity": "0.280"}).json()
    assert {item["sku"]: item["actual_quantity"] for item in weighed["items"]} == {"MILK": None, "HAM": "0.280", "BAG": None}
    assert codes(packer.post(f"{path}/weigh-item", {"item": items["HAM"], "quantity": "0.36"})) == (400, "validation_failed")
    assert codes(packer.post(f"{path}/weigh-item", {"item": items["MILK"], "quantity": "1"})) == (400, "validation_failed")

    second = packer.post(f"{path}/packages", {"box_type": "XS", "weight": "1.15"}).json()["packages"][1]
    moved = packer.post(f"{path}/move", {"item": items["MILK"], "from_package": first["id"], "to_package": second["id"], "quantity": "1"}).json()
    assert [[(part["item"], part["quantity"]) for part in package["items"]] for package in moved["packages"]][1] == [(items["MILK"], "1.000")]
    refused = packer.post(f"{path}/move", {"item": items["MILK"], "from_package": first["id"], "to_package": second["id"], "quantity": "5"})
    assert codes(refused) == (409, "surplus")

    differs = packer.post(f"{path}/package-details", {"package": first["id"], "weight": "3.5"})
    assert codes(differs) == (409, "weight_differs")
    assert differs.json()["errors"] == [{"package": 1, "code": "weight_differs", "weight": "3.5", "least": "2.232", "most": "2.728"}]
    kept = packer.post(f"{path}/package-details", {"package": first["id"], "weight": "3.5", "weight_reason": "ice"}).json()["packages"][0]
    assert (kept["weight"], kept["weight_reason"], kept["height"]) == ("3.500", "ice", "10.60")
    done = packer.post(f"{path}/pack", **{"If-Match": f'"{PackingTask.objects.get().version}"'}).json()
    assert done["status"] == "packed"
    assert codes(packer.post(f"{path}/undo")) == (409, "transition_refused")


def test_a_packing_task_is_made_for_picked_goods_that_lack_one(manager: Caller, packer: Caller, task: PackingTask) -> None:
    body = {"picking_task": task.picking_task_id}
    known = manager.post("packing-tasks", body)
    assert (known.status_code, known.json()["id"]) == (201, task.pk)
    PackingTask.objects.all().delete()
    made = manager.post("packing-tasks", body).json()
    assert (made["status"], made["picking_task"], made["total_items"]) == ("pending", task.picking_task_id, 3)
    assert PackingTask.objects.count() == 1
    assert codes(packer.post("packing-tasks", body)) == (403, "permission_denied")
    assert codes(manager.post("packing-tasks", {"picking_task": 999999})) == (404, "not_found")
    assert codes(manager.post("packing-tasks", {})) == (400, "validation_failed")
    waiting = order_for([(Product.objects.get(sku="MILK"), 1)])
    assert codes(manager.post("packing-tasks", {"picking_task": waiting.picking_tasks.get().pk})) == (409, "transition_refused")


def test_a_suggestion_costs_the_same_for_one_line_and_for_many(packer: Caller, task: PackingTask) -> None:
    BoxType.objects.create(code="S", name="Small", length=25, width=20, height=10)

    def cost(pk: int) -> int:
        packer.get(f"packing-tasks/{pk}/box-suggestion")
        with CaptureQueriesContext(connection) as queries:
            assert packer.get(f"packing-tasks/{pk}/box-suggestion").status_code == 200
        return len(queries)

    milk: Any = task.items.get(product__sku="MILK").product
    one = picked(PickingTask.objects.get(order=order_for([(milk, 1)])), person(Role.PICKER))
    assert cost(one.pk) == cost(task.pk) <= 9
