"""Waves, and what happens to their tasks at the same moment: a second planner, a second release, a cancellation, a picker who asks for work."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from fulfillment.locks import lock_picking_tasks_alone
from fulfillment.models import PickingBatch, PickingTask, Wave
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_batches import claim_next_picking_batch, settle_picking_batches
from fulfillment.services.picking_tasks import claim_next_picking_task, complete_picking_task, start_picking_task
from fulfillment.services.priorities import change_priority
from fulfillment.services.wave_planning import plan_wave
from fulfillment.services.waves import add_to_wave, cancel_wave, release_wave, settle_waves, take_from_wave
from inventory.models import Product
from tests.concurrency.threads import Started, race, wait_for_waiter
from tests.factories.fulfillment import ACTOR, order_for, person, pick
from tests.factories.inventory import ProductFactory, Site, stocked
from tests.fulfillment.walks import agrees
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, TransitionRefused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="MILK")
    stocked(product, house.shelf, 500, lot="A", expires_in_days=30)
    return product


def tasks_for(product: Product, count: int) -> list[PickingTask]:
    return [order_for([(product, 1)]).picking_tasks.select_related("order").get() for _ in range(count)]


def now(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def settled() -> None:
    settle_waves(list(PickingTask.objects.values_list("pk", flat=True)), actor=ACTOR)
    agrees()


def test_two_who_plan_at_once_share_the_tasks(house: Site, milk: Product) -> None:
    """Each gets the best that the other did not; nobody is told to try again."""
    tasks = tasks_for(milk, 10)
    outcomes = race([lambda: plan_wave(house.id, max_tasks=3, actor=ACTOR)] * 4)
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert sorted(outcome.value.tasks.count() for outcome in outcomes) == [1, 3, 3, 3]
    assert set(PickingTask.objects.values_list("wave", flat=True)) == {outcome.value.pk for outcome in outcomes}
    assert PickingTask.objects.filter(wave__isnull=False).count() == len(tasks)
    settled()


def test_two_who_want_everything(house: Site, milk: Product) -> None:
    tasks_for(milk, 5)
    outcomes = race([lambda: plan_wave(house.id, actor=ACTOR)] * 3)
    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {Conflict}
    assert Wave.objects.get().tasks.count() == 5


def test_two_who_name_the_same_task(house: Site, milk: Product) -> None:
    (task, other) = tasks_for(milk, 2)
    wave = plan_wave(house.id, task_ids=[other.pk], actor=ACTOR)
    for _ in range(4):
        by_hand, added = race([lambda: plan_wave(house.id, task_ids=[task.pk], actor=ACTOR), lambda: add_to_wave(wave.pk, [task.pk], actor=ACTOR)])
        assert [by_hand.won, added.won].count(True) == 1
        assert isinstance(by_hand.error or added.error, Conflict)
        mine = now(task).wave
        assert mine.pk == (by_hand.value.pk if by_hand.won else wave.pk)
        take_from_wave(mine.pk, [task.pk], actor=ACTOR)
    settled()


def test_who_waits_for_a_task_sees_the_wave_that_it_got_meanwhile(house: Site, milk: Product) -> None:
    (task, other) = tasks_for(milk, 2)
    wave = plan_wave(house.id, task_ids=[other.pk], actor=ACTOR)
    with transaction.atomic():
        lock_picking_tasks_alone([task.pk])
        second = Started(lambda: plan_wave(house.id, task_ids=[task.pk], actor=ACTOR))
        wait_for_waiter()
        PickingTask.objects.filter(pk=task.pk).update(wave=wave)
    outcome = second.finish()
    assert isinstance(outcome.error, Conflict)
    assert f"it is in wave {wave}" in outcome.error.detail
    assert now(task).wave_id == wave.pk


def test_who_plans_waits_for_who_plans_already(house: Site, milk: Product) -> None:
    """Without the lock of planning both would choose the same tasks, and the second would get none of them."""
    tasks = tasks_for(milk, 6)
    with transaction.atomic():
        first = plan_wave.inside(house.id, max_tasks=3, actor=ACTOR)
        second = Started(lambda: plan_wave(house.id, max_tasks=3, actor=ACTOR))
        wait_for_waiter()
    outcome = second.finish()
    assert outcome.error is None
    assert [sorted(wave.tasks.values_list("pk", flat=True)) for wave in (first, outcome.value)] == [
        [task.pk for task in tasks[:3]],
        [task.pk for task in tasks[3:]],
    ]
    settled()


def test_a_release_begins_anew_when_a_task_joins_whose_order_it_has_not_locked(house: Site, milk: Product) -> None:
    first, second = tasks_for(milk, 2)
    wave = plan_wave(house.id, task_ids=[first.pk], actor=ACTOR)
    with transaction.atomic():
        add_to_wave.inside(wave.pk, [second.pk], actor=ACTOR)
        release = Started(lambda: release_wave(wave.pk, actor=ACTOR))
        wait_for_waiter()
    assert release.finish().error is None
    assert [now(task).released_at is not None for task in (first, second)] == [True, True]
    settled()


def test_a_release_into_batches_plans_anew_when_its_tasks_change_meanwhile(house: Site, milk: Product) -> None:
    """It has planned all of them into walks when it waits for the order that is just being cancelled."""
    tasks = tasks_for(milk, 3)
    wave = plan_wave(house.id, actor=ACTOR)
    with transaction.atomic():
        process_order_cancelled.inside(tasks[1].order.source, tasks[1].order.external_id, "not wanted", actor=ACTOR)
        release = Started(lambda: release_wave(wave.pk, batching=True, actor=ACTOR))
        wait_for_waiter()
    assert release.finish().error is None
    assert list(PickingBatch.objects.get().tasks.order_by("pk")) == [tasks[0], tasks[2]]
    settled()


def test_two_releases_let_each_task_go_once(house: Site, milk: Product) -> None:
    for _ in range(3):
        tasks_for(milk, 6)
        wave = plan_wave(house.id, actor=ACTOR)
        outcomes = race([lambda pk=wave.pk: release_wave(pk, batching=True, actor=ACTOR)] * 3)  # type: ignore[misc]
        assert [outcome.won for outcome in outcomes].count(True) == 1
        assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {Conflict}
        assert wave.tasks.filter(released_at=None).count() == 0
        assert PickingBatch.objects.filter(wave=wave).count() == 1
    settled()


def test_a_release_against_cancelled_orders(house: Site, milk: Product) -> None:
    """Whoever comes second sees what the first did; no cancelled task is let go into a batch, and nothing deadlocks."""
    for _ in range(4):
        tasks = tasks_for(milk, 6)
        wave = plan_wave(house.id, actor=ACTOR)
        gone = tasks[::2]

        def cancel_all(gone: list[PickingTask] = gone) -> None:
            for task in reversed(gone):
                process_order_cancelled(task.order.source, task.order.external_id, "not wanted", actor=ACTOR)

        release, cancelled = race([lambda pk=wave.pk: release_wave(pk, batching=True, actor=ACTOR), cancel_all])  # type: ignore[misc]
        assert (release.error, cancelled.error) == (None, None)
        assert {now(task).status for task in gone} == {"cancelled"}
        assert all(now(task).released_at for task in tasks[1::2])
        assert {now(task).picking_batch_id is not None for task in tasks[1::2]} == {True}
        cancel_wave(wave.pk, "done with it", actor=ACTOR)
        for task in tasks[1::2]:
            process_order_cancelled(task.order.source, task.order.external_id, "not wanted", actor=ACTOR)
    settled()


def test_a_release_against_a_task_that_joins(house: Site, milk: Product) -> None:
    for _ in range(4):
        first, second = tasks_for(milk, 2)
        wave = plan_wave(house.id, task_ids=[first.pk], actor=ACTOR)
        release, added = race(
            [lambda pk=wave.pk: release_wave(pk, actor=ACTOR), lambda pk=wave.pk, t=second.pk: add_to_wave(pk, [t], actor=ACTOR)]  # type: ignore[misc]
        )
        assert (release.error, added.error) == (None, None)
        assert now(first).released_at is not None
        assert now(second).wave_id == wave.pk


def test_a_wave_is_given_up_while_its_work_is_taken(house: Site, milk: Product) -> None:
    """What somebody took of the wave is finished; the rest is out of it, and may be taken as a task of no wave."""
    for batching in (False, True) * 3:
        tasks = tasks_for(milk, 3)
        wave = plan_wave(house.id, task_ids=[task.pk for task in tasks], actor=ACTOR)
        release_wave(wave.pk, batching=batching, actor=ACTOR)
        picker = person(Role.PICKER)
        claim = claim_next_picking_batch if batching else claim_next_picking_task
        cancelled, taken = race(
            [lambda pk=wave.pk: cancel_wave(pk, "x", actor=ACTOR), lambda c=claim, p=picker: c(house.id, actor=p)]  # type: ignore[misc]
        )
        assert (cancelled.error, taken.error) == (None, None)
        for task in map(now, tasks):
            held = task.status == "assigned" and (batching or taken.value.wave_id is not None)
            assert (task.wave_id is not None, task.released_at is not None) == (held, held)
            assert not (task.picking_batch_id is not None and not held)
        for task in tasks:
            process_order_cancelled(task.order.source, task.order.external_id, "done", actor=ACTOR)
    settle_picking_batches(list(PickingTask.objects.values_list("pk", flat=True)), actor=ACTOR)
    settled()


def test_the_last_task_is_picked_while_one_is_taken_out(house: Site, milk: Product) -> None:
    for _ in range(4):
        last, spare = tasks_for(milk, 2)
        wave = plan_wave(house.id, task_ids=[last.pk, spare.pk], actor=ACTOR)
        picker = person(Role.PICKER)
        release_wave(wave.pk, actor=ACTOR)
        claimed = claim_next_picking_task(house.id, actor=picker)
        assert claimed is not None
        start_picking_task(claimed.pk, actor=picker)
        pick(claimed.items.get(), picker)
        (rest,) = {last.pk, spare.pk} - {claimed.pk}

        def finish(pk: int = claimed.pk, picker: Any = picker) -> int:
            complete_picking_task(pk, actor=picker)
            return settle_waves([pk], actor=ACTOR)

        done, taken = race([finish, lambda pk=wave.pk, t=rest: take_from_wave(pk, [t], actor=ACTOR)])  # type: ignore[misc]
        assert (done.error, taken.error) == (None, None)
        assert now(wave).status == "completed"
        assert PickingTask.objects.get(pk=rest).wave_id is None
        process_order_cancelled("listings", PickingTask.objects.select_related("order").get(pk=rest).order.external_id, "done", actor=ACTOR)
    settled()


def test_everything_at_once(house: Site, milk: Product) -> None:
    """Planners, releases, priorities, cancellations and pickers over the same tasks: no deadlock that was not mended, nothing contradicts."""
    tasks = tasks_for(milk, 24)
    waves = [plan_wave(house.id, max_tasks=8, actor=ACTOR) for _ in range(3)]
    pickers = [person(Role.PICKER) for _ in range(3)]
    works: list[Any] = [lambda w=wave: release_wave(w.pk, batching=bool(w.pk % 2), actor=ACTOR) for wave in waves]
    works += [lambda p=picker: claim_next_picking_task(house.id, actor=p) for picker in pickers]
    works += [lambda t=task: change_priority(t.order_id, "urgent", actor=ACTOR) for task in tasks[::5]]
    works += [lambda t=task: process_order_cancelled(t.order.source, t.order.external_id, "x", actor=ACTOR) for task in tasks[1::6]]
    works += [lambda: take_from_wave(waves[1].pk, [now(tasks[0]).pk], actor=ACTOR), lambda: cancel_wave(waves[2].pk, "x", actor=ACTOR)]
    outcomes = race(works)
    unexpected = [outcome.error for outcome in outcomes if outcome.error and not isinstance(outcome.error, (Conflict, TransitionRefused))]
    assert unexpected == []
    assert not [outcome.error for outcome in outcomes if outcome.error and "concurrently" in str(outcome.error)]
    settle_picking_batches(list(PickingTask.objects.values_list("pk", flat=True)), actor=ACTOR, order_ids=[task.order_id for task in tasks])
    settled()
