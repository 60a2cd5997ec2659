"""Waves planned by what is asked for: zone, carrier, cut-off, urgency, or by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from fulfillment.models import DeliveryProvider, Wave
from fulfillment.queries.waves import MOST, Wanted, preview
from fulfillment.services.picking_batches import make_picking_batches
from fulfillment.services.wave_planning import plan_wave
from fulfillment.services.waves import add_to_wave, take_from_wave
from tests.factories.fulfillment import ACTOR, begun, stocked
from tests.factories.inventory import ProductFactory, site
from tests.fulfillment.batches import batch_of, goods_on, task_for
from tests.fulfillment.waves import ids, in_wave, nothing_written, now, settled, told
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_zone_takes_the_tasks_that_lie_in_it_with_all_that_is_to_be_picked(place: Any) -> None:
    here, shelves = place
    goods = {code: goods_on(shelf) for code, shelf in shelves.items()}
    both, left, right = (
        task_for((goods["K-01"], 1), (goods["M-01"], 1)),
        task_for((goods["K-02"], 1), (goods["K-04"], 1)),
        task_for((goods["M-02"], 1)),
    )
    wave = plan_wave(here.id, zone="Zone K", actor=ACTOR)
    assert (wave.number[:4], wave.status, wave.zone, wave.warehouse_id, in_wave(wave)) == ("WAV-", "pending", "Zone K", here.id, [left.pk])
    assert [now(task).wave_id for task in (both, right)] == [None, None]
    assert told("wave.planned") == [("wave.planned", {"wave_id": wave.pk, "number": wave.number, "warehouse_id": "1", "task_ids": [left.pk]})]
    settled()


def test_a_carrier_takes_what_names_it_and_the_default_one_what_names_none(place: Any) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    default = DeliveryProvider.objects.get(is_default=True).code
    by_default, by_bex, by_name = task_for((milk, 1)), task_for((milk, 1), provider_code="bex"), task_for((milk, 1), provider_code=default)
    assert in_wave(plan_wave(here.id, provider="bex", actor=ACTOR)) == [by_bex.pk]
    wave = plan_wave(here.id, provider=default, actor=ACTOR)
    assert (in_wave(wave), wave.provider.code if wave.provider else "") == ([by_default.pk, by_name.pk], default)
    with pytest.raises(NotFound):
        plan_wave(here.id, provider="nobody", actor=ACTOR)


def test_a_cut_off_takes_what_ships_by_then(place: Any) -> None:
    here, shelves = place
    milk, five = goods_on(shelves["K-01"]), timezone.now() + timedelta(hours=5)
    task_for((milk, 1))
    task_for((milk, 1), ship_by=five + timedelta(seconds=1))
    late, soon = task_for((milk, 1), ship_by=five), task_for((milk, 1), ship_by=five - timedelta(hours=8))
    wave = plan_wave(here.id, cut_off=five, actor=ACTOR)
    assert (in_wave(wave), wave.cut_off) == ([late.pk, soon.pk], five)


def test_at_least_so_urgent_and_the_best_first(place: Any) -> None:
    here, shelves = place
    milk, soon = goods_on(shelves["K-01"]), timezone.now() + timedelta(hours=1)
    tasks = {
        (priority, due): task_for((milk, 1), priority=priority, **({"ship_by": soon} if due else {}))
        for priority in ("low", "normal", "high", "urgent")
        for due in (False, True)
    }
    wanted = Wanted(here.id, priority="normal")
    order = [(priority, due) for priority in ("urgent", "high", "normal") for due in (True, False)]
    assert ids(preview(wanted)) == [tasks[key].pk for key in order]
    assert ids(preview(replace(wanted, max_tasks=3))) == [tasks[key].pk for key in order[:3]]
    wave = plan_wave(here.id, priority="normal", max_tasks=3, actor=ACTOR)
    assert (in_wave(wave), wave.priority) == (sorted(tasks[key].pk for key in order[:3]), "normal")
    assert in_wave(plan_wave(here.id, priority="high", actor=ACTOR)) == [tasks["high", False].pk]
    assert in_wave(plan_wave(here.id, actor=ACTOR)) == sorted(tasks[p, due].pk for p in ("low", "normal") for due in (True, False))


def test_when_nothing_fits_that_is_said_and_nothing_is_written(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"], 40)
    with pytest.raises(Conflict, match="No picking task waits in this warehouse"):
        plan_wave(here.id, actor=ACTOR)
    batch_of([task_for((milk, 1))])
    begun(task_for((milk, 1)), picker)
    plan_wave(here.id, task_ids=[task_for((milk, 1)).pk], actor=ACTOR)
    with pytest.raises(Conflict, match="No picking task waits in this warehouse"):
        plan_wave(here.id, zone="Zone K", actor=ACTOR)
    task_for((milk, 1))
    with (
        nothing_written(),
        pytest.raises(Conflict, match="None of the 1 picking tasks that wait in this warehouse is all in zone Zone M and at least urgent"),
    ):
        plan_wave(here.id, zone="Zone M", priority="urgent", actor=ACTOR)
    assert Wave.objects.count() == 1


def test_bad_questions_are_refused(place: Any, picker: Actor) -> None:
    here, shelves = place
    task = task_for((goods_on(shelves["K-01"]), 1))
    wrong: list[dict[str, Any]] = [
        {"zone": "Zone X"},
        {"priority": "asap"},
        {"max_tasks": 0},
        {"max_tasks": MOST + 1},
        {"cut_off": timezone.now().replace(tzinfo=None)},
        {"task_ids": [task.pk], "zone": "Zone K"},
        {"task_ids": range(1, MOST + 2)},
    ]
    with nothing_written():
        for asked in wrong:
            with pytest.raises(ValidationFailed):
                plan_wave(here.id, **asked, actor=ACTOR)
        with pytest.raises(ValidationFailed, match="Zone K, Zone L, Zone M"):
            plan_wave(here.id, zone="zone k", actor=ACTOR)
        with pytest.raises(PermissionDenied):
            plan_wave(here.id, actor=picker)


def test_more_than_a_wave_takes(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    tasks = [task_for((milk, 1)) for _ in range(3)]
    monkeypatch.setattr("fulfillment.queries.waves.MOST", 2)
    with pytest.raises(Conflict, match="Say how many"):
        plan_wave(here.id, actor=ACTOR)
    assert in_wave(plan_wave(here.id, max_tasks=2, actor=ACTOR)) == ids(tasks[:2])


def test_more_is_added_than_a_wave_takes(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    tasks = [task_for((milk, 1)) for _ in range(4)]
    wave = plan_wave(here.id, task_ids=[tasks[0].pk], actor=ACTOR)
    monkeypatch.setattr("fulfillment.services.waves.MOST", 2)
    with nothing_written(), pytest.raises(Conflict, match="a wave takes 2: plan another wave"):
        add_to_wave(wave.pk, ids(tasks[1:3]), actor=ACTOR)
    add_to_wave(wave.pk, ids(tasks[1:2]), actor=ACTOR)
    monkeypatch.setattr("fulfillment.services.chosen_tasks.MOST", 3)
    with nothing_written():
        for many in (lambda: take_from_wave(wave.pk, ids(tasks), actor=ACTOR), lambda: make_picking_batches(here.id, ids(tasks), actor=ACTOR)):
            with pytest.raises(ValidationFailed, match="name 1 to 3 tasks"):
                many()


def test_by_hand(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk, other = goods_on(shelves["K-01"], 40), site(code="ELSEWHERE", external_id="2")
    bread = ProductFactory()
    stocked(bread, other.shelf, 5)
    free, given, batched, taken, elsewhere = *(task_for((milk, 1)) for _ in range(4)), task_for((bread, 1))
    begun(given, picker)
    batch = batch_of([batched])
    former = plan_wave(here.id, task_ids=[taken.pk], actor=ACTOR)
    with nothing_written(), pytest.raises(Conflict) as refused:
        plan_wave(here.id, task_ids=[*ids([free, given, batched, taken, elsewhere]), 999_999], actor=ACTOR)
    assert [error["why"] for error in refused.value.errors] == [
        "it is in progress, not pending",
        f"it is in batch {batch}",
        f"it is in wave {former}",
        "it is of another warehouse, ELSEWHERE",
        "there is no such task",
    ]
    wave = plan_wave(here.id, task_ids=[free.pk, free.pk], actor=ACTOR)
    assert in_wave(wave) == [free.pk]
    settled()
