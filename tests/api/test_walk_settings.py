"""`/walk-settings`, and what a picking task tells of its walk."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import PickingTask, WalkSettings
from fulfillment.services.picking_tasks import assign_picking_task, start_picking_task
from inventory.enums import LocationKind
from tests.api.conftest import Caller
from tests.factories.fulfillment import ACTOR, order_for, person, site, stocked
from tests.factories.inventory import LocationFactory, ProductFactory, Site
from tests.fulfillment.walks import shelf
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: None) -> Site:
    return site(code="MAIN", external_id="77")


def codes(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_settings_are_made_changed_and_given_up(house: Site, manager: Caller, django_capture_on_commit_callbacks: Any, caplog: Any) -> None:
    gate = LocationFactory(warehouse=house.warehouse, code="GATE", kind=LocationKind.SHIPPING)
    with caplog.at_level(logging.INFO), django_capture_on_commit_callbacks(execute=True):
        made = manager.post("walk-settings", {"warehouse": "MAIN", "method": "s_shape", "depot": "GATE", "middle_cross_aisle": "7.5"})
    body = made.json()
    assert made.status_code == 201, body
    assert (body["warehouse"], body["warehouse_id"], body["method"], body["depot"], body["middle_cross_aisle"]) == (
        "MAIN",
        "77",
        "s_shape",
        "GATE",
        "7.50",
    )
    assert (body["cold_last"], body["batching"], body["totes"], body["max_items"], body["waves_only"]) == (True, "savings", 8, None, False)
    noted = next(record for record in caplog.records if record.getMessage() == "walk settings made")
    assert noted.__dict__["actor"] == manager.actor.name
    assert noted.__dict__["changed"]["depot_id"] == str(gate.pk)

    path = f"walk-settings/{body['id']}"
    assert manager.get(path).headers["ETag"] == '"1"'
    assert codes(manager.patch(path, {"totes": 4}))[0] == 428
    changed = manager.patch(path, {"totes": 4, "depot": None, "max_volume": "120"}, **{"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["totes"], changed.json()["depot"], changed.json()["version"]) == (200, 4, None, 2)
    assert codes(manager.patch(path, {"totes": 5}, **{"If-Match": '"1"'})) == (412, "stale_version")
    assert [row["id"] for row in manager.get("walk-settings", warehouse="MAIN").json()["results"]] == [body["id"]]
    assert manager.get("walk-settings", warehouse_id="78").json()["results"] == []
    assert manager.delete(path).status_code == 204
    assert WalkSettings.objects.count() == 0


def test_what_is_refused_leaves_nothing(house: Site, manager: Caller, caller: Any) -> None:
    other = site(code="OTHER", external_id="78")
    assert codes(caller(Role.PICKER).post("walk-settings", {"warehouse": "MAIN"})) == (403, "permission_denied")
    for wrong in (
        {"method": "zigzag"}, {"aisle_spacing": "0"}, {"bay_length": "-1"}, {"totes": 0}, {"max_items": 0}, {"max_weight": "0"}, {"depot": "NOWHERE"},
        {"depot": other.bench.barcode}, {"unknown": 1},
    ):  # fmt: skip
        assert codes(manager.post("walk-settings", {"warehouse": "MAIN", **wrong})) == (400, "validation_failed"), wrong
    assert codes(manager.post("walk-settings", {})) == (400, "validation_failed")
    assert WalkSettings.objects.count() == 0
    made = manager.post("walk-settings", {"warehouse": "MAIN"}).json()
    assert codes(manager.post("walk-settings", {"warehouse_id": "77"})) == (409, "conflict")
    assert codes(manager.patch(f"walk-settings/{made['id']}", {"warehouse": "OTHER"}, **{"If-Match": '"1"'})) == (400, "validation_failed")
    assert WalkSettings.objects.get().version == 1


def test_settings_are_read_in_the_same_number_of_statements(house: Site, manager: Caller) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert manager.get("walk-settings").status_code == 200
        return len(queries)

    manager.post("walk-settings", {"warehouse": "MAIN"})
    manager.get("walk-settings")
    one = statements()
    for number in range(3):
        manager.post("walk-settings", {"warehouse": site(code=f"W{number}").warehouse.code})
    assert statements() == one


def test_a_picking_task_tells_how_long_its_walk_is(house: Site, manager: Caller) -> None:
    product, other = ProductFactory(), ProductFactory()
    stocked(product, shelf(house, "A-05", 1, aisle="A", bay="5"), 5)
    stocked(other, shelf(house, "B-01", 2, aisle="B", bay="1"), 5)
    WalkSettings.objects.create(warehouse=house.warehouse, method="return", bay_length=Decimal(2), aisle_spacing=Decimal(4))
    task = PickingTask.objects.get(order=order_for([(product, 1), (other, 1)]))
    path = f"picking-tasks/{task.pk}"
    before = manager.get(path).json()
    assert (before["route_method"], before["route_length"], before["shortest_length"], before["route_gap"]) == ("", None, None, None)
    picker = person(Role.PICKER)
    assert picker.user_id is not None
    assign_picking_task(task.pk, picker.user_id, actor=ACTOR)
    start_picking_task(task.pk, actor=picker)
    body = manager.get(path).json()
    # The front cross aisle lies at 1 m: 9 m up A and down, 4 m over, 1 m up B and down, 4 m back.
    assert (body["route_method"], body["route_length"], body["shortest_length"], body["route_gap"]) == ("return", "28.00", "28.00", "0.0000")
    PickingTask.objects.update(route_length=Decimal(35))
    assert manager.get(path).json()["route_gap"] == "0.2500"
