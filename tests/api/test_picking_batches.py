"""A walk for three orders over REST."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import PickingBatch, PickingTask, WalkSettings
from tests.api.conftest import Caller, codes
from tests.fulfillment.batches import goods_on, hall, settled, task_for
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def picker(db: None) -> Caller:
    return Caller(Role.PICKER)


@pytest.fixture
def tasks(db: None) -> list[PickingTask]:
    """Orders for milk and tea, milk, tea."""
    _, shelves = hall()
    milk, tea = goods_on(shelves["K-01"]), goods_on(shelves["M-02"])
    return [task_for((milk, 2), (tea, 1)), task_for((milk, 1)), task_for((tea, 3))]


def scans(stop: dict[str, Any], tote: str) -> dict[str, Any]:
    goods = {"location_scan": stop["location"], "product_scan": stop["sku"], "tote_scan": tote}
    return {"item": stop["id"], "quantity": stop["remaining"], **goods}


def test_a_walk_for_three_orders(manager: Caller, picker: Caller, tasks: list[PickingTask]) -> None:
    ids = [task.pk for task in tasks]
    planned = manager.post("picking-batches/plan", {"warehouse_id": "1", "tasks": ids, "method": "seed"}, **{"Idempotency-Key": "p-1"})
    assert planned.status_code == 201
    assert (
        manager.post("picking-batches/plan", {"warehouse_id": "1", "tasks": ids, "method": "seed"}, **{"Idempotency-Key": "p-1"}).json()
        == planned.json()
    )
    (batch,) = planned.json()["picking_batches"]
    assert (batch["status"], batch["batching"], batch["progress"]["items"]) == ("pending", "seed", 4)
    assert [(task["id"], task["tote"]) for task in batch["tasks"]] == [(pk, position) for position, pk in enumerate(ids, start=1)]
    path = f"picking-batches/{batch['id']}"
    assert picker.get("picking-tasks", status="pending").json()["results"][0]["picking_batch"] == batch["id"]
    assert picker.post("picking-tasks/claim-next", {"warehouse_id": "1"}).json() == {"task": None}
    assert codes(picker.post(f"picking-tasks/{ids[0]}/assign")) == (409, "conflict")

    claimed = picker.post("picking-batches/claim-next", {"warehouse_id": "1"}).json()["picking_batch"]
    assert (claimed["id"], claimed["status"], claimed["worker"]) == (batch["id"], "assigned", picker.user.username)
    assert Caller(Role.PICKER).post("picking-batches/claim-next", {"warehouse": "HALL"}).json() == {"picking_batch": None}
    assert codes(picker.post(f"{path}/start", {}, **{"If-Match": '"1"'})) == (412, "stale_version")
    started = picker.post(f"{path}/start", {}, **{"If-Match": f'"{claimed["version"]}"'}).json()
    assert (started["status"], started["route_method"], started["route_gap"]) == ("in_progress", "exact", "0.0000")
    assert codes(picker.post(f"{path}/complete")) == (409, "work_left")

    seen = []
    while (stop := picker.get(f"{path}/next-item").json()["item"]) is not None:
        seen.append((stop["location"], stop["tote"], stop["tote_code"]))
        wrong = picker.post(f"picking-tasks/{stop['task']}/pick", scans(stop, "T9"))
        assert codes(wrong) == (422, "wrong_scan")
        assert wrong.json()["data"]["expected"] == {"position": f"T{stop['tote']}", "tote": stop["tote_code"]}
        picked = picker.post(f"picking-tasks/{stop['task']}/pick", scans(stop, f"BOX-{stop['tote']}"), **{"If-Match": f'"{stop["task_version"]}"'})
        assert picked.json()["item"]["status"] == "picked"
    assert seen == [("K-01", 1, ""), ("K-01", 2, ""), ("M-02", 1, "BOX-1"), ("M-02", 3, "")]
    done = picker.post(f"{path}/complete").json()
    assert (done["status"], done["progress"]) == ("completed", {"tasks": 3, "tasks_done": 3, "items": 4, "done": 4, "percent": 100})
    assert [task["tote_code"] for task in done["tasks"]] == ["BOX-1", "BOX-2", "BOX-3"]
    settled()


def test_by_hand_and_given_up(manager: Caller, picker: Caller, tasks: list[PickingTask]) -> None:
    WalkSettings.objects.update(totes=2)
    ids = [task.pk for task in tasks]
    refused = manager.post("picking-batches", {"warehouse": "HALL", "tasks": ids})
    assert codes(refused) == (409, "cart_too_small")
    assert refused.json()["errors"] == [{"limit": "totes", "asked": "3", "takes": "2"}]
    made = manager.post("picking-batches", {"warehouse": "HALL", "tasks": ids[:2]})
    assert made.status_code == 201
    path = f"picking-batches/{made.json()['id']}"
    again = manager.post("picking-batches", {"warehouse": "HALL", "tasks": ids[1:]})
    assert (codes(again), again.json()["errors"][0]["why"]) == ((409, "conflict"), f"it is in batch {made.json()['number']}")
    assert codes(manager.post("picking-batches", {"warehouse": "HALL", "tasks": []})) == (400, "validation_failed")
    assigned = manager.post(f"{path}/assign", {"worker": picker.user.username}).json()
    assert (assigned["worker"], {task["status"] for task in assigned["tasks"]}) == (picker.user.username, {"assigned"})
    assert codes(manager.post(f"{path}/cancel", {})) == (400, "validation_failed")
    gone = manager.post(f"{path}/cancel", {"reason": "too heavy"}).json()
    assert (gone["status"], gone["cancellation_reason"], gone["tasks"]) == ("cancelled", "too heavy", [])
    assert codes(manager.post(f"{path}/cancel", {"reason": "too heavy"})) == (409, "transition_refused")
    settled()


def test_lists_and_pages_do_not_grow(manager: Caller, tasks: list[PickingTask]) -> None:
    counts = []
    for number, task in enumerate(tasks, start=1):
        manager.post("picking-batches", {"warehouse": "HALL", "tasks": [task.pk]})
        with CaptureQueriesContext(connection) as queries:
            assert len(manager.get("picking-batches", status="pending", warehouse_id="1").json()["results"]) == number
        with CaptureQueriesContext(connection) as one:
            manager.get(f"picking-batches/{PickingBatch.objects.latest('pk').pk}")
        counts.append((len(queries), len(one)))
    assert len(set(counts)) == 1
    assert max(counts[0]) <= 8
