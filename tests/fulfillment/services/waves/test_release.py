"""Waves released as far as they go: what stays behind, why, and what is made into batches."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from fulfillment.models import PickingBatch, WalkSettings
from fulfillment.queries.wave_obstacles import obstacles
from fulfillment.services.picking_batches import cancel_picking_batch, claim_next_picking_batch, make_picking_batches
from fulfillment.services.picking_tasks import assign_picking_task, cancel_picking_task, claim_next_picking_task, create_picking_task
from fulfillment.services.replanning import replan_picking
from fulfillment.services.wave_planning import plan_wave
from fulfillment.services.waves import cancel_wave, release_wave, take_from_wave
from inventory.models import BatchLocation
from inventory.orchestrator import hold_batch, reallocate_item, request_count
from inventory.services.locations import change_location
from tests.factories.fulfillment import ACTOR, stocked
from tests.fulfillment.batches import goods_on, task_for
from tests.fulfillment.waves import ids, in_wave, nothing_written, now, settled, told
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_not_released_is_given_to_nobody(place: Any, picker: Actor) -> None:
    here, shelves = place
    task = task_for((goods_on(shelves["K-01"]), 1))
    wave = plan_wave(here.id, actor=ACTOR)
    assert claim_next_picking_task(here.id, actor=picker) is None
    with nothing_written():
        with pytest.raises(Conflict, match="release its wave first"):
            assign_picking_task(task.pk, picker.user_id or 0, actor=ACTOR)
        with pytest.raises(Conflict, match="its wave has not released it"):
            make_picking_batches(here.id, [task.pk], actor=ACTOR)
    released = release_wave(wave.pk, actor=ACTOR)
    assert (released.status, released.released_at is not None, now(task).released_at) == ("in_progress", True, released.released_at)
    claimed = claim_next_picking_task(here.id, actor=picker)
    assert (claimed.pk if claimed else None) == task.pk
    assert told("wave.released") == [
        (
            "wave.released",
            {"wave_id": wave.pk, "number": wave.number, "warehouse_id": "1", "task_ids": [task.pk], "waiting": 0, "picking_batch_ids": []},
        )
    ]
    with pytest.raises(Conflict, match="nothing in it waits to be released"):
        release_wave(wave.pk, actor=ACTOR)
    settled()


def test_in_a_house_that_works_by_waves_only(place: Any, picker: Actor) -> None:
    here, shelves = place
    WalkSettings.objects.update(waves_only=True)
    task = task_for((goods_on(shelves["K-01"]), 1))
    assert claim_next_picking_task(here.id, actor=picker) is None
    with pytest.raises(Conflict, match="works by waves only"):
        assign_picking_task(task.pk, picker.user_id or 0, actor=ACTOR)
    wave = plan_wave(here.id, actor=ACTOR)
    release_wave(wave.pk, actor=ACTOR)
    cancel_wave(wave.pk, "another time", actor=ACTOR)
    assert claim_next_picking_task(here.id, actor=picker) is None
    release_wave(plan_wave(here.id, actor=ACTOR).pk, actor=ACTOR)
    assert claim_next_picking_task(here.id, actor=picker) is not None
    settled()


def test_what_can_go_goes_and_the_rest_stays_with_its_reasons(place: Any) -> None:
    here, shelves = place
    goods = {code: goods_on(shelf) for code, shelf in shelves.items()}
    good, held, closed, short = (task_for((goods[code], 2)) for code in ("K-01", "K-02", "K-03", "K-04"))
    lot = BatchLocation.objects.filter(product=goods["K-02"])
    wave = plan_wave(here.id, actor=ACTOR)
    assert [(each.task.pk, each.obstacles, each.warnings) for each in obstacles(wave)] == [(task.pk, (), ()) for task in (good, held, closed, short)]
    lot.update(blocked_reason="held")
    BatchLocation.objects.filter(product=goods["K-03"]).update(effective_expires_at=timezone.now() - timedelta(minutes=1))
    order = short.order
    order.ask_attention()
    order.save()
    request_count(shelves["K-01"].pk, goods["K-01"].pk, reason="one missed", actor=ACTOR)

    release_wave(wave.pk, actor=ACTOR)

    assert [now(task).released_at is not None for task in (good, held, closed, short)] == [True, False, False, False]
    left = obstacles(wave)
    assert [(each.task.pk, [reason.code for reason in each.obstacles]) for each in left] == [
        (held.pk, ["goods_unfit"]),
        (closed.pk, ["goods_unfit"]),
        (short.pk, ["order_needs_attention"]),
    ]
    assert left[0].obstacles[0].text == "2 × SKU-K-02 in K-02, lot LOT-K-02: on hold. Free them, or have others promised instead."
    assert "too early" in left[1].obstacles[0].text
    with nothing_written(), pytest.raises(Conflict) as refused:
        release_wave(wave.pk, actor=ACTOR)
    assert [error["code"] for error in refused.value.errors] == ["goods_unfit", "goods_unfit", "order_needs_attention"]

    lot.update(blocked_reason="")
    release_wave(wave.pk, attended=True, actor=ACTOR)
    assert [now(task).released_at is not None for task in (good, held, closed, short)] == [True, True, False, True]
    assert [payload["waiting"] for _, payload in told("wave.released")] == [3, 1]


def test_a_place_that_was_closed_and_a_promise_that_moved(place: Any) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    other = stocked(milk, shelves["L-01"], 10, lot="OTHER", expires_in_days=90)
    task = task_for((milk, 2))
    wave = plan_wave(here.id, actor=ACTOR)
    reallocate_item(task.items.get().reservation_item_id or 0, other.pk, reason="nearer", actor=ACTOR)
    (judged,) = obstacles(wave)
    assert [reason.code for reason in judged.obstacles] == ["promise_gone"]
    assert judged.obstacles[0].text.startswith("2 × SKU-K-01 in K-01: promised")

    replan_picking([task.reservation_id], actor=ACTOR)
    assert obstacles(wave)[0].obstacles == ()
    BatchLocation.objects.filter(pk=other.pk).update(blocked_reason="place")
    assert [(reason.code, "its place is not for picking" in reason.text) for reason in obstacles(wave)[0].obstacles] == [("goods_unfit", True)]


def test_a_house_without_a_bench_and_what_only_warns(place: Any) -> None:
    here, shelves = place
    milk, past = goods_on(shelves["K-01"]), timezone.now() - timedelta(minutes=5)
    task = task_for((milk, 1), ship_by=past)
    request_count(shelves["K-01"].pk, milk.pk, reason="one missed", actor=ACTOR)
    by_cut_off = plan_wave(here.id, cut_off=past + timedelta(minutes=1), actor=ACTOR)
    (judged,) = obstacles(by_cut_off)
    assert (judged.obstacles, [reason.code for reason in judged.warnings]) == ((), ["cut_off_passed", "count_asked"])
    cancel_wave(by_cut_off.pk, "other", actor=ACTOR)
    wave = plan_wave(here.id, actor=ACTOR)
    change_location(here.bench.pk, {"is_active": False}, actor=ACTOR)
    (judged,) = obstacles(wave)
    assert ([reason.code for reason in judged.obstacles], [reason.code for reason in judged.warnings]) == (
        ["no_packing_bench"],
        ["late", "count_asked"],
    )
    with pytest.raises(Conflict, match="packing bench"):
        release_wave(wave.pk, actor=ACTOR)
    change_location(here.bench.pk, {"is_active": True}, actor=ACTOR)
    release_wave(wave.pk, actor=ACTOR)
    assert now(task).released_at is not None


def test_released_into_batches(place: Any, picker: Actor) -> None:
    here, shelves = place
    WalkSettings.objects.update(totes=2)
    goods = {code: goods_on(shelf) for code, shelf in shelves.items()}
    tasks = [task_for((goods[code], 1)) for code in ("K-01", "M-01", "K-02", "M-02")]
    wave = plan_wave(here.id, actor=ACTOR)
    with nothing_written():
        for wrong in ({"method": "savings"}, {"batching": True, "method": "best"}):
            with pytest.raises(ValidationFailed):
                release_wave(wave.pk, **wrong, actor=ACTOR)
    release_wave(wave.pk, batching=True, actor=ACTOR)
    batches = list(PickingBatch.objects.order_by("pk"))
    assert [(batch.wave_id, batch.batching, sorted(ids(batch.tasks.all()))) for batch in batches] == [
        (wave.pk, "savings", sorted([tasks[0].pk, tasks[2].pk])),
        (wave.pk, "savings", sorted([tasks[1].pk, tasks[3].pk])),
    ]
    assert told("wave.released")[0][1]["picking_batch_ids"] == ids(batches)
    with pytest.raises(Conflict, match="cancel that first"):
        take_from_wave(wave.pk, [tasks[0].pk], actor=ACTOR)
    claimed = claim_next_picking_batch(here.id, actor=picker)
    assert claimed is not None
    cancel_picking_batch(claimed.pk, "cart broke", actor=ACTOR)
    back = in_wave(wave)
    assert back == ids(tasks)
    assert all(now(task).released_at for task in tasks)
    settled()


def test_a_method_of_batching_may_be_said(place: Any) -> None:
    here, shelves = place
    task_for((goods_on(shelves["K-01"]), 1))
    release_wave(plan_wave(here.id, actor=ACTOR).pk, batching=True, method="fcfs", actor=ACTOR)
    assert PickingBatch.objects.get().batching == "fcfs"


def test_goods_on_hold_are_no_longer_promised(place: Any) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    task_for((milk, 2))
    wave = plan_wave(here.id, actor=ACTOR)
    hold_batch(BatchLocation.objects.get(product=milk).batch_id, reason="looked at", actor=ACTOR)
    with pytest.raises(Conflict) as refused:
        release_wave(wave.pk, actor=ACTOR)
    assert [error["code"] for error in refused.value.errors] == ["promise_gone"]


def test_an_order_that_needs_attention_gets_its_second_task_by_a_wave(place: Any) -> None:
    """It is sent for a part of what is missing: for the rest the order still waits for a person."""
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    task = task_for((milk, 2))
    cancel_picking_task(task.pk, "torn paper", actor=ACTOR)
    again = create_picking_task(task.order_id, here.id, [{"sku": milk.sku, "quantity": 1}], actor=ACTOR)
    wave = plan_wave(here.id, actor=ACTOR)
    with pytest.raises(Conflict, match="needs attention"):
        release_wave(wave.pk, actor=ACTOR)
    release_wave(wave.pk, attended=True, actor=ACTOR)
    assert now(again).released_at is not None
    settled()
