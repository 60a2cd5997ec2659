"""`/waves`: planned, looked at, released and given up by programs and people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.models import PickingBatch, PickingTask, Wave
from inventory.models import BatchLocation, Product
from tests.api.conftest import Caller, codes
from tests.factories.fulfillment import order_for
from tests.factories.inventory import ProductFactory, Site, site, stocked
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: None) -> Site:
    here = site(code="MAIN", external_id="77")
    for place, zone in ((here.shelf, "Dry"), (here.cool, "Cold")):
        place.zone = zone
        place.save()
    return here


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="MILK")
    stocked(product, house.shelf, 90, lot="L1")
    return product


def task(product: Product, quantity: int = 1, **more: Any) -> PickingTask:
    return PickingTask.objects.select_related("order").get(order=order_for([(product, quantity)], **more))


def test_the_whole_way(milk: Product, manager: Caller) -> None:
    soon = timezone.now() + timedelta(hours=1)
    first, second, other = task(milk, 2, priority="high", ship_by=soon), task(milk, 3, ship_by=soon), task(milk)
    asked = {"warehouse": "MAIN", "zone": "Dry", "cut_off": (soon + timedelta(minutes=1)).isoformat()}

    seen = manager.get("waves/preview", **asked).json()
    assert ([row["id"] for row in seen["tasks"]], seen["items"], Wave.objects.count()) == ([first.pk, second.pk], 2, 0)
    assert [(row["task"], row["order_id"], row["obstacles"], row["warnings"]) for row in seen["waiting"]] == [
        (first.pk, first.order.external_id, [], []),
        (second.pk, second.order.external_id, [], []),
    ]

    made = manager.post("waves", asked, **{"Idempotency-Key": "plan"})
    body = made.json()
    assert (made.status_code, made["ETag"], body["status"], body["warehouse_id"], body["zone"], body["provider"]) == (
        201,
        '"1"',
        "pending",
        "77",
        "Dry",
        None,
    )
    assert [row["id"] for row in body["tasks"]] == [first.pk, second.pk]
    assert manager.post("waves", asked, **{"Idempotency-Key": "plan"}).json() == body
    assert Wave.objects.count() == 1
    path = f"waves/{body['id']}"

    more = manager.post(f"{path}/add", {"tasks": [other.pk]}, **{"If-Match": '"1"'}).json()
    assert (more["version"], more["progress"]["tasks"], more["progress"]["waiting"], more["progress"]["quantity"]) == (2, 3, 3, "6.000")
    assert codes(manager.post(f"{path}/take", {"tasks": [other.pk]}, **{"If-Match": '"1"'})) == (412, "stale_version")
    BatchLocation.objects.filter(product=milk).update(blocked_reason="held")
    stuck = manager.post(f"{path}/release")
    assert codes(stuck) == (409, "conflict")
    assert {error["code"] for error in stuck.json()["errors"]} == {"goods_unfit"}
    assert {reason["code"] for row in manager.get(path).json()["waiting"] for reason in row["obstacles"]} == {"goods_unfit"}
    BatchLocation.objects.filter(product=milk).update(blocked_reason="")

    released = manager.post(f"{path}/release", {"batching": True, "method": "fcfs"}, **{"If-Match": '"2"', "Idempotency-Key": "go"})
    assert released.status_code == 200, released.content
    assert (released.json()["status"], released.json()["progress"]["released"], released.json()["waiting"]) == ("in_progress", 3, [])
    assert {row["picking_batch"] for row in released.json()["tasks"]} == {PickingBatch.objects.get().pk}
    assert manager.get("picking-batches", wave=body["id"]).json()["results"][0]["wave"] == body["id"]
    assert codes(manager.post(f"{path}/release")) == (409, "conflict")
    assert codes(manager.post(f"{path}/cancel")) == (400, "validation_failed")
    done = manager.post(f"{path}/cancel", {"reason": "carrier broke down"}).json()
    assert (done["status"], done["cancellation_reason"], done["tasks"], done["progress"]["percent"]) == ("cancelled", "carrier broke down", [], 100)
    assert codes(manager.post(f"{path}/release")) == (409, "transition_refused")


def test_what_is_refused(milk: Product, manager: Caller) -> None:
    site(code="OTHER", external_id="78")
    mine = task(milk)
    for body in (
        {}, {"warehouse": "MAIN", "zone": "Attic"}, {"warehouse": "MAIN", "priority": "asap"}, {"warehouse": "MAIN", "max_tasks": 0},
        {"warehouse": "MAIN", "cut_off": "soon"}, {"warehouse": "MAIN", "tasks": []}, {"warehouse": "MAIN", "tasks": ["x"]},
        {"warehouse": "MAIN", "tasks": [mine.pk], "zone": "Dry"}, {"warehouse": "MAIN", "unknown": 1},
    ):  # fmt: skip
        assert codes(manager.post("waves", body)) == (400, "validation_failed"), body
    assert codes(manager.post("waves", {"warehouse": "NOWHERE"}))[0] == 422
    assert codes(manager.post("waves", {"warehouse": "MAIN", "provider": "nobody"})) == (404, "not_found")
    nothing = manager.post("waves", {"warehouse": "OTHER"})
    assert codes(nothing) == (409, "conflict")
    assert nothing.json()["detail"].startswith("No picking task waits in this warehouse")
    elsewhere = manager.post("waves", {"warehouse": "OTHER", "tasks": [mine.pk, 10**9]})
    assert [error["why"] for error in elsewhere.json()["errors"]] == ["it is of another warehouse, MAIN", "there is no such task"]
    assert codes(manager.get("waves/preview", warehouse="OTHER")) == (409, "conflict")
    assert codes(manager.get("waves/preview", warehouse="MAIN", zone="Attic")) == (400, "validation_failed")
    assert codes(manager.get("waves/preview", bogus=1)) == (400, "validation_failed")
    assert codes(manager.post("waves/1000000/release")) == (404, "not_found")
    assert Wave.objects.count() == 0


@pytest.mark.parametrize("role", list(Role))
def test_who_plans_and_who_reads(role: Role, milk: Product) -> None:
    caller, (mine, more) = Caller(role), (task(milk), task(milk))
    wave = Caller(Role.MANAGER).post("waves", {"warehouse": "MAIN", "tasks": [mine.pk]}).json()
    reads = role in (Role.MANAGER, Role.AUDITOR, Role.VIEWER, Role.PICKER, Role.INTEGRATION)
    for path in ("waves", f"waves/{wave['id']}", "waves/preview?warehouse=MAIN"):
        assert caller.client.get(f"/api/v1/{path}").status_code == (200 if reads else 403)
    for path, body in (
        ("waves", {"warehouse": "MAIN", "tasks": [more.pk]}),
        (f"waves/{wave['id']}/take", {"tasks": [mine.pk]}),
        (f"waves/{wave['id']}/add", {"tasks": [mine.pk]}),
        (f"waves/{wave['id']}/release", {}),
        (f"waves/{wave['id']}/cancel", {"reason": "x"}),
    ):
        assert (caller.post(path, body).status_code == 403) == (role != Role.MANAGER), path


def test_waves_are_found(milk: Product, manager: Caller) -> None:
    first = manager.post("waves", {"warehouse": "MAIN", "tasks": [task(milk).pk]}).json()
    second = manager.post("waves", {"warehouse": "MAIN", "zone": "Dry", "max_tasks": 1, "priority": "low"} if task(milk) else {}).json()
    manager.post(f"waves/{second['id']}/release")

    def found(**query: Any) -> list[int]:
        return [row["id"] for row in manager.get("waves", **query).json()["results"]]

    assert found() == [second["id"], first["id"]]
    assert found(status="pending") == [first["id"]]
    assert found(zone="Dry", priority="low", warehouse="MAIN", warehouse_id="77") == [second["id"]]
    assert found(search=first["number"]) == [first["id"]]
    assert found(provider="post") == []
    assert "tasks" not in manager.get("waves").json()["results"][0]
    (picked,) = manager.get("picking-tasks", wave=second["id"]).json()["results"]
    assert (picked["wave"], picked["released_at"]) == (second["id"], manager.get(f"waves/{second['id']}").json()["released_at"])


def test_statements_do_not_grow(house: Site, milk: Product, manager: Caller) -> None:
    def cost(path: str, **query: Any) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(path, **query).status_code == 200
        return len(queries)

    path = f"waves/{manager.post('waves', {'warehouse': 'MAIN', 'tasks': [task(milk).pk]}).json()['id']}"
    task(milk)
    asked = {"warehouse": "MAIN", "zone": "Dry"}
    manager.get("waves")
    one = [cost("waves"), cost(path), cost("waves/preview", **asked)]
    for _ in range(3):
        manager.post("waves", {"warehouse": "MAIN", "tasks": [task(milk).pk]})
        manager.post(f"{path}/add", {"tasks": [task(milk).pk]})
        task(milk)
    assert [cost("waves"), cost(path), cost("waves/preview", **asked)] == one
    assert max(one) <= 12, one
