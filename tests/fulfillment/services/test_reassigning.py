"""Work that is begun changes hands: a manager gives it to another one, who goes on where the first one stopped."""

from __future__ import annotations

from typing import Any

import pytest

from fulfillment.models import PackingTask, PickingBatch, PickingTask, QualityCheck
from fulfillment.services.packages import pack_item
from fulfillment.services.packing_tasks import start_packing_task
from fulfillment.services.picking_batches import assign_picking_batch, reassign_picking_batch, start_picking_batch
from fulfillment.services.quality_checks import pass_quality_check
from fulfillment.services.reassigning import reassign_packing_task, reassign_picking_task, reassign_quality_check
from tests.api.conftest import Caller
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, picked, reachable_site
from tests.factories.inventory import ProductFactory, Site, stocked
from tests.factories.quality import good, rule, to_check
from tests.fulfillment.batches import batch_of
from tests.fulfillment.walks import agrees
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, TransitionRefused
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)


def name_of(actor: Actor) -> str:
    return actor.name.removeprefix("user:")


def told(type: str) -> list[Any]:
    return [row.payload.get("worker_id") for row in OutboxEvent.objects.filter(type=type).order_by("sequence")]


@pytest.fixture
def house() -> Site:
    return reachable_site()


@pytest.fixture
def walk(house: Site) -> PickingTask:
    milk, tea = ProductFactory(sku="MILK"), ProductFactory(sku="TEA")
    stocked(milk, house.shelf, 9)
    stocked(tea, house.shelf, 9)
    return PickingTask.objects.get(order=order_for([(milk, 4), (tea, 1)]))


def test_another_one_walks_on(walk: PickingTask) -> None:
    first, second, manager = person(Role.PICKER), person(Role.PICKER), person(Role.MANAGER)
    with pytest.raises(TransitionRefused):
        reassign_picking_task(walk.pk, second.user_id, actor=manager)  # type: ignore[arg-type]
    begun(walk, first)
    milk, tea = walk.items.order_by("sequence")
    pick(milk, first, 1)
    for refused in (first, second):
        with pytest.raises(PermissionDenied):
            reassign_picking_task(walk.pk, second.user_id, actor=refused)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        reassign_picking_task(walk.pk, 0, actor=manager)
    version = PickingTask.objects.get().version
    with pytest.raises(StaleVersion):
        reassign_picking_task(walk.pk, second.user_id, actor=manager, expected_version=version - 1)  # type: ignore[arg-type]

    task = reassign_picking_task(walk.pk, second.user_id, actor=manager, expected_version=version)  # type: ignore[arg-type]

    assert (task.status, task.worker_id, task.version) == ("in_progress", second.user_id, version + 1)
    assert told("picking.assigned") == [first.user_id, second.user_id]
    with pytest.raises(PermissionDenied):
        pick(tea, first)
    pick(milk, second)
    pick(tea, second)
    assert list(PickingTask.objects.values_list("picked_items", "total_items")) == [(2, 2)]
    agrees()


def test_another_one_packs_on(walk: PickingTask) -> None:
    first, second = person(Role.PACKER), person(Role.PACKER)
    task = picked(walk, person(Role.PICKER))
    with pytest.raises(TransitionRefused):
        reassign_packing_task(task.pk, second.user_id, actor=ACTOR)  # type: ignore[arg-type]
    start_packing_task(task.pk, actor=first)
    pack_item(task.pk, "MILK", 1, actor=first)
    with pytest.raises(PermissionDenied):
        reassign_packing_task(task.pk, second.user_id, actor=second)  # type: ignore[arg-type]
    reassign_packing_task(task.pk, second.user_id, actor=ACTOR)  # type: ignore[arg-type]
    assert told("packing.assigned") == [second.user_id]
    with pytest.raises(PermissionDenied):
        pack_item(task.pk, "MILK", 1, actor=first)
    assert pack_item(task.pk, "MILK", 3, actor=second).status == "fully_packed"
    agrees()


def test_another_one_looks_on(house: Site) -> None:
    rule()
    milk = ProductFactory(sku="MILK")
    stocked(milk, house.shelf, 9)
    first, second = person(Role.PACKER), person(Role.PACKER)
    check = to_check([(milk, 2)], person(Role.PICKER), first)
    good(check.items.get(), first)
    reassign_quality_check(check.pk, second.user_id, actor=ACTOR)  # type: ignore[arg-type]
    assert told("quality.assigned") == [second.user_id]
    with pytest.raises(PermissionDenied):
        pass_quality_check(check.pk, actor=first)
    assert pass_quality_check(check.pk, actor=second).status == "passed"
    with pytest.raises(TransitionRefused):
        reassign_quality_check(check.pk, first.user_id, actor=ACTOR)  # type: ignore[arg-type]


def test_by_the_api(walk: PickingTask) -> None:
    first, second = person(Role.PICKER, Role.PACKER), person(Role.PICKER, Role.PACKER)
    rule(share=100)
    begun(walk, first)
    manager, picker = Caller(Role.MANAGER), Caller(Role.PICKER)
    body = {"worker": name_of(second)}
    assert picker.post(f"picking-tasks/{walk.pk}/reassign", body).status_code == 403
    assert manager.post(f"picking-tasks/{walk.pk}/reassign", {"worker": "nobody"}).status_code == 400
    assert manager.post(f"picking-tasks/{walk.pk}/reassign", body).json()["worker"] == name_of(second)
    assert manager.post(f"quality-checks/{10**9}/reassign", body).status_code == 404
    assert (PackingTask.objects.count(), QualityCheck.objects.count()) == (0, 0)


def test_another_one_walks_on_with_a_whole_batch(house: Site) -> None:
    milk = ProductFactory(sku="MILK")
    stocked(milk, house.shelf, 9)
    batch = batch_of([PickingTask.objects.get(order=order_for([(milk, 1)])) for _ in range(2)])
    first, second, manager = person(Role.PICKER), person(Role.PICKER), person(Role.MANAGER)
    assert first.user_id is not None
    assert second.user_id is not None
    with pytest.raises(TransitionRefused):
        reassign_picking_batch(batch.pk, second.user_id, actor=manager)
    assign_picking_batch(batch.pk, first.user_id, actor=manager)
    start_picking_batch(batch.pk, actor=first)
    tasks = PickingTask.objects.filter(picking_batch=batch)
    with pytest.raises(Conflict, match="picked with others"):
        reassign_picking_task(tasks[0].pk, second.user_id, actor=manager)
    with pytest.raises(PermissionDenied):
        reassign_picking_batch(batch.pk, second.user_id, actor=first)
    reassign_picking_batch(batch.pk, second.user_id, actor=manager)
    assert {task.worker_id for task in tasks.all()} == {PickingBatch.objects.get().worker_id} == {second.user_id}
    assert told("picking.batch_assigned") == [first.user_id, second.user_id]
    assert sorted(told("picking.assigned")) == sorted([first.user_id] * 2 + [second.user_id] * 2)
    agrees()
