"""Batches and what happens to them at the same moment: two who claim, orders cancelled, a tote that stands in two places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from fulfillment.errors import WrongScan
from fulfillment.models import Order, PackingTask, PickingBatch, PickingTask, WalkSettings
from fulfillment.queries.picking_batches import next_stop, remaining_stops
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_batches import (
    cancel_picking_batch,
    claim_next_picking_batch,
    claim_next_walk,
    complete_picking_batch,
    make_picking_batches,
    settle_picking_batches,
)
from fulfillment.services.picking_tasks import assign_picking_task
from fulfillment.services.replanning import replan_picking
from fulfillment.services.shorts import short_item
from inventory.models import Location, Product
from inventory.orchestrator import reallocate_item
from tests.concurrency.threads import Started, race, wait_for_waiter
from tests.factories.fulfillment import ACTOR, person, stocked
from tests.factories.inventory import Site
from tests.fulfillment.batches import batch_of, goods_on, hall, pick_rest, pick_stop, settled, task_for
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, TransitionRefused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(transactional_db: None) -> tuple[Site, dict[str, Location]]:
    return hall()


@pytest.fixture
def milk(place: tuple[Site, dict[str, Location]]) -> Product:
    return goods_on(place[1]["K-01"], 500)


def cancelled(task: PickingTask) -> Callable[[], Any]:
    order = Order.objects.get(pk=task.order_id)
    return lambda: process_order_cancelled(order.source, order.external_id, "", actor=ACTOR)


def test_pickers_who_claim_at_once_get_different_batches(place: Any, milk: Product) -> None:
    here, _ = place
    batches = [batch_of([task_for((milk, 1)), task_for((milk, 1))]) for _ in range(4)]
    pickers = [person(Role.PICKER) for _ in range(6)]
    outcomes = race([lambda p=picker: claim_next_picking_batch(here.id, actor=p) for picker in pickers])  # type: ignore[misc]
    assert [outcome.error for outcome in outcomes] == [None] * 6
    got = [outcome.value.pk for outcome in outcomes if outcome.value is not None]
    assert sorted(got) == [batch.pk for batch in batches]
    for batch in PickingBatch.objects.all():
        assert {task.worker_id for task in batch.tasks.all()} == {batch.worker_id}
    settled()


def test_two_scanners_of_one_person_get_one_batch(place: Any, milk: Product) -> None:
    here, _ = place
    for _ in range(3):
        batch_of([task_for((milk, 1))])
    picker = person(Role.PICKER)
    outcomes = race([lambda: claim_next_walk(here.id, actor=picker)] * 4)
    assert len({outcome.value.pk for outcome in outcomes}) == 1
    assert PickingBatch.objects.filter(worker=picker.user_id).count() == 1
    settled()


def test_a_claim_against_the_cancellation_of_its_orders(place: Any, milk: Product) -> None:
    here, _ = place
    for _ in range(6):
        tasks = [task_for((milk, 1)), task_for((milk, 1))]
        batch = batch_of(tasks)
        picker = person(Role.PICKER)
        claim, *gone = race([lambda p=picker: claim_next_picking_batch(here.id, actor=p), *(cancelled(task) for task in tasks)])  # type: ignore[misc]
        assert all(outcome.won for outcome in gone)
        assert claim.won or isinstance(claim.error, Conflict), claim.error
        settle_picking_batches([task.pk for task in tasks], actor=ACTOR)
        assert PickingBatch.objects.get(pk=batch.pk).status == "cancelled"
        settled()


def test_two_who_put_the_same_tasks_into_batches(place: Any, milk: Product) -> None:
    here, _ = place
    ids = [task_for((milk, 1)).pk for _ in range(6)]
    picker = person(Role.PICKER)
    outcomes = race(
        [
            lambda: make_picking_batches(here.id, ids, actor=ACTOR),
            lambda: make_picking_batches(here.id, ids[::-1], actor=ACTOR),
            lambda: assign_picking_task(ids[2], picker.user_id or 0, actor=picker),
        ]
    )
    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert all(isinstance(outcome.error, Conflict) for outcome in outcomes if not outcome.won)
    settled()


def test_batches_are_planned_anew_when_goods_are_promised_from_elsewhere_meanwhile(place: Any, milk: Product) -> None:
    """The tea lay beside the milk when the walks were planned, and lies beside the jam when its task is locked."""
    here, shelves = place
    WalkSettings.objects.update(totes=2)
    tea, jam = goods_on(shelves["K-02"], 5), goods_on(shelves["M-01"], 5)
    other = stocked(tea, shelves["M-02"], 9, lot="LATER", expires_in_days=90)
    tasks = [task_for((product, 1)) for product in (milk, tea, jam)]
    with transaction.atomic():
        item = tasks[1].items.get()
        reallocate_item.inside(item.reservation_item_id or 0, other.pk, reason="nearer", actor=ACTOR)
        replan_picking.inside([tasks[1].reservation_id], actor=ACTOR)
        planner = Started(lambda: make_picking_batches(here.id, [task.pk for task in tasks], actor=ACTOR))
        wait_for_waiter()
    outcome = planner.finish()
    assert outcome.error is None
    assert [list(batch.tasks.order_by("pk")) for batch in outcome.value] == [[tasks[0]], tasks[1:]]
    settled()


def test_two_scanners_in_one_batch(place: Any, milk: Product) -> None:
    """A manager and the picker walk one batch: every stop is picked once."""
    manager = person(Role.MANAGER)
    batch = batch_of([task_for((milk, 2)) for _ in range(4)], manager)

    def walk() -> int:
        done = 0
        while (stop := next_stop(batch.pk)) is not None:
            try:
                pick_stop(stop, manager, 1)
                done += 1
            except (TransitionRefused, Conflict):
                continue
        return done

    outcomes = race([walk, walk])
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert sum(outcome.value for outcome in outcomes) == 8
    complete_picking_batch(batch.pk, actor=manager)
    assert PackingTask.objects.count() == 4
    settled()


def test_one_tote_for_two_orders_at_once(place: Any, milk: Product) -> None:
    manager = person(Role.MANAGER)
    for number in range(6):
        first, second = task_for((milk, 1)), task_for((milk, 1))
        batch_of([first, second], manager)
        works = [lambda t=task, n=number: pick_stop(t.items.get(), manager, tote_scan=f"BOX-{n}") for task in (first, second)]  # type: ignore[misc]
        outcomes = race(works)
        assert [outcome.won for outcome in outcomes].count(True) == 1
        assert isinstance(next(outcome.error for outcome in outcomes if not outcome.won), WrongScan)
        assert PickingTask.objects.filter(tote_code=f"BOX-{number}").count() == 1
    settled()


def test_complete_against_cancel(place: Any, milk: Product) -> None:
    """The batch is closed, given up, and one of its orders cancelled at the same moment."""
    manager = person(Role.MANAGER)
    for _ in range(6):
        tasks = [task_for((milk, 1)), task_for((milk, 2))]
        batch = batch_of(tasks, manager)
        pick_rest(batch, manager)
        completed, given_up, gone = race(
            [
                lambda b=batch: complete_picking_batch(b.pk, actor=manager),  # type: ignore[misc]
                lambda b=batch: cancel_picking_batch(b.pk, "stop", actor=manager),  # type: ignore[misc]
                cancelled(tasks[0]),
            ]
        )
        assert gone.won
        assert [completed.won, given_up.won].count(True) == 1
        assert isinstance(completed.error or given_up.error, TransitionRefused)
        status = PickingTask.objects.get(pk=tasks[1].pk).status
        assert status == ("completed" if completed.won else "in_progress")
        settled()


def test_shorts_of_two_orders_and_a_cancellation_in_one_batch(place: Any, milk: Product) -> None:
    """Each writes its own order's stops only, so they never wait for more than the goods."""
    _, shelves = place
    manager = person(Role.MANAGER)
    for number in range(4):
        goods = goods_on(shelves[f"L-0{number + 1}"], 9)
        stocked(goods, shelves["M-04"], 100, lot="LATER", expires_in_days=90)
        tasks = [task_for((goods, 3)) for _ in range(3)]
        batch = batch_of(tasks, manager)
        works: list[Callable[[], Any]] = [lambda t=task: short_item(t.items.get().pk, actor=manager) for task in tasks[:2]]  # type: ignore[misc]
        outcomes = race([*works, cancelled(tasks[2])])
        assert [outcome.error for outcome in outcomes] == [None] * 3
        assert [stop.walk_position is not None for stop in remaining_stops(batch.pk)] == [True, True]
        pick_rest(batch, manager)
        complete_picking_batch(batch.pk, actor=manager)
        settled()
