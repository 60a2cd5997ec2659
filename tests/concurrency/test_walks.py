"""Walks that begin, tasks that are given out and settings that change at the same moment."""

from __future__ import annotations

import pytest

from fulfillment.models import PickingTask, WalkSettings, Wave
from fulfillment.services.picking_tasks import assign_picking_task, claim_next_picking_task, start_picking_task
from fulfillment.services.walk_settings import change_walk_settings, create_walk_settings
from fulfillment.services.waves import add_to_wave
from tests.concurrency.threads import race
from tests.factories.fulfillment import ACTOR, order_for, person, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.fulfillment.walks import agrees, shelf, stops
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, StaleVersion, TransitionRefused

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_task_is_given_out_or_waits_for_a_wave_never_both(house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 100)
    for _ in range(8):
        task = PickingTask.objects.get(order=order_for([(product, 1)]))
        wave = Wave.objects.create(warehouse=house.warehouse)
        picker = person(Role.PICKER)
        claimed, added = race(
            [
                lambda picker=picker: claim_next_picking_task(house.id, actor=picker),  # type: ignore[misc]
                lambda wave=wave, task=task: add_to_wave(wave.pk, [task.pk], actor=ACTOR),  # type: ignore[misc]
            ]
        )
        task = PickingTask.objects.get(pk=task.pk)
        assert claimed.won
        assert (claimed.value is not None) == (task.status == "assigned") == (task.wave_id is None) == (not added.won)
        assert added.won or isinstance(added.error, Conflict)


def test_a_walk_begins_once(house: Site) -> None:
    products = [ProductFactory() for _ in range(3)]
    for number, (product, code) in enumerate(zip(products, ("C1", "A1", "B9"), strict=True)):
        stocked(product, shelf(house, code, number, aisle=code[0], bay=code[1]), 9)
    task = PickingTask.objects.get(order=order_for([(product, 1) for product in products]))
    picker = person(Role.PICKER)
    assert picker.user_id is not None
    assign_picking_task(task.pk, picker.user_id, actor=ACTOR)
    outcomes = race([lambda: start_picking_task(task.pk, actor=picker)] * 4)
    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {TransitionRefused}
    assert [code for _, code, *_ in stops(task)] == ["A1", "B9", "C1"]
    agrees()


def test_of_two_who_make_or_change_settings_one_wins(house: Site) -> None:
    made = race([lambda: create_walk_settings({"warehouse_id": house.id}, actor=ACTOR)] * 3)
    assert [outcome.won for outcome in made].count(True) == 1
    assert {type(outcome.error) for outcome in made if not outcome.won} == {Conflict}
    row = WalkSettings.objects.get()
    changed = race([lambda totes=totes: change_walk_settings(row.pk, {"totes": totes}, actor=ACTOR, expected_version=1) for totes in (3, 4, 5)])  # type: ignore[misc]
    assert [outcome.won for outcome in changed].count(True) == 1
    assert {type(outcome.error) for outcome in changed if not outcome.won} == {StaleVersion}
    row.refresh_from_db()
    assert row.version == 2
    assert row.totes == next(outcome.value.totes for outcome in changed if outcome.won)
