"""Batches at the back office: put together from the list of tasks, given, walked, given up, printed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import Order, PickingBatch, PickingTask, WalkSettings
from fulfillment.queries.picking_batches import next_stop
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.priorities import change_picking_priority
from tests.factories.fulfillment import ACTOR, begun, person
from tests.factories.office import clerk, dialog, listing, office, page, steps_offered, take
from tests.fulfillment.batches import batch_of, goods_on, hall, pick_rest, pick_stop, settled, task_for
from warehouse.core.actor import Actor, Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def tasks(db: None) -> list[PickingTask]:
    _, shelves = hall()
    milk, tea = goods_on(shelves["K-01"]), goods_on(shelves["M-02"])
    return [task_for((milk, 2), (tea, 1)), task_for((milk, 1)), task_for((tea, 3))]


@pytest.fixture
def manager(db: None) -> Client:
    return office(Role.MANAGER)


def plan(client: Client, tasks: list[PickingTask], **more: Any) -> Any:
    chosen = {"action": "plan_batches", "_selected_action": [task.pk for task in tasks]}
    return client.post(listing(PickingTask), chosen | more, follow=True)


def test_tasks_are_put_into_batches_from_their_list(manager: Client, tasks: list[PickingTask]) -> None:
    begun(tasks[2], person(Role.PICKER))
    text = plan(manager, tasks).content.decode()
    assert "2 tasks: each is picked in one walk with others" in text
    assert f"{tasks[2].number} (in progress)" in text
    assert not PickingBatch.objects.exists()
    text = plan(manager, tasks[:2], confirmed="yes", method="fcfs").content.decode()
    batch = PickingBatch.objects.get()
    assert f"1 batches: {batch.number}" in text
    assert (batch.batching, batch.tasks.count()) == ("fcfs", 2)
    text = plan(manager, tasks, confirmed="yes").content.decode()
    assert f"{tasks[0].number} (in a batch)" in text
    assert "plan_batches" not in office(Role.PICKER).get(listing(PickingTask)).content.decode()
    assert PickingBatch.objects.count() == 1


def test_all_in_one_walk_only_as_the_cart_allows(manager: Client, tasks: list[PickingTask]) -> None:
    WalkSettings.objects.update(totes=2)
    text = plan(manager, tasks, confirmed="yes", method="together").content.decode()
    assert "3 orders are more than one cart takes, by totes" in text
    assert not PickingBatch.objects.exists()
    plan(manager, tasks, confirmed="yes", method="together", _selected_action=[task.pk for task in tasks[:2]])
    assert PickingBatch.objects.get().batching == ""


def test_a_batch_is_given_walked_and_closed(manager: Client, tasks: list[PickingTask]) -> None:
    user = clerk(Role.PICKER)
    picker = Actor.of_user(user)
    batch = batch_of(tasks)
    assert steps_offered(manager, batch) == ["assign", "cancel"]
    assert steps_offered(office(Role.VIEWER), batch) == []
    take(manager, batch, "assign", worker_id=user.pk)
    batch = PickingBatch.objects.get()
    assert batch.worker_id == user.pk
    take(manager, batch, "start")
    batch = PickingBatch.objects.get()
    process_order_cancelled(tasks[2].order.source, tasks[2].order.external_id, "", actor=ACTOR)
    stop = next_stop(batch.pk)
    assert stop is not None
    pick_stop(stop, picker)
    text = manager.get(page(batch)).content.decode()
    for told in ("0 of 2 done, 1 cancelled", "1 of 3, 33 %", "shortest walk:", "T1", f"TOTE-{tasks[0].pk}", tasks[1].number):
        assert told in text
    assert "items are not done" in take(manager, batch, "complete").content.decode()
    pick_rest(batch, picker)
    take(manager, batch, "complete")
    assert PickingBatch.objects.get().status == "completed"
    settled()


def test_the_tasks_of_a_batch_are_shown_in_words(manager: Client, tasks: list[PickingTask]) -> None:
    change_picking_priority(tasks[0].pk, "urgent", actor=ACTOR)
    WalkSettings.objects.update(method="s_shape")
    batch = batch_of(tasks, person(Role.PICKER))
    text = manager.get(page(batch)).content.decode()
    assert "in progress" in text
    assert "urgent" in text
    assert "(&#x27;" not in text
    assert f'class="text-link" href="{page(tasks[0])}"' in text
    PickingBatch.objects.update(route_length=110, shortest_length=100)
    PickingTask.objects.update(route_method="s_shape", route_length=110, shortest_length=100)
    told = "110.00 m, 10.0% longer than the shortest (100.00 m)"
    assert all(told in manager.get(page(row)).content.decode() for row in (batch, tasks[0]))


def test_a_batch_is_given_up(manager: Client, tasks: list[PickingTask]) -> None:
    batch = batch_of(tasks)
    assert "reason" in take(manager, batch, "cancel").context["form"].errors
    take(manager, batch, "cancel", reason="the cart is broken")
    assert PickingBatch.objects.get().cancellation_reason == "the cart is broken"
    assert {task.picking_batch_id for task in PickingTask.objects.all()} == {None}


def test_papers_of_a_batch(manager: Client, tasks: list[PickingTask]) -> None:
    batch = batch_of(tasks, person(Role.PICKER))
    labels = manager.get(dialog(batch, "cart_labels")).content.decode()
    assert [f'<div class="code">T{n}</div>' in labels for n in (1, 2, 3, 4)] == [True, True, True, False]
    walk = manager.get(dialog(batch, "walk_list")).content.decode()
    assert walk.index("K-01") < walk.index("M-02")
    assert "T3" in walk
    assert office(Role.PACKER).get(dialog(batch, "cart_labels")).status_code == 404


def test_the_list_finds_a_batch_by_its_orders_and_does_not_grow(manager: Client, tasks: list[PickingTask]) -> None:
    counts = []
    for task in tasks:
        batch_of([task])
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(listing(PickingBatch)).status_code == 200
        counts.append(len(queries))
    assert len(set(counts)) == 1
    assert counts[0] <= 12
    PickingTask.objects.filter(pk=tasks[1].pk).update(tote_code=(tote_code := "BOX-9"))
    batch = PickingTask.objects.get(pk=tasks[1].pk).picking_batch
    assert batch is not None
    Order.objects.filter(pk=tasks[1].order_id).update(order_number="Shop-7")
    for term in (batch.number, tasks[1].number.lower(), tasks[1].order.external_id, "shop-7", tote_code.lower()):
        found = manager.get(listing(PickingBatch), {"q": term}).context["cl"].result_list
        assert [row.pk for row in found] == [batch.pk], term
