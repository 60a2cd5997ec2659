"""Waves that contradict their tasks: each is broken on purpose, and nothing else is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone

from fulfillment.models import PickingTask, QualityCheck, Wave
from fulfillment.queries.reconciliation import everything_that_contradicts
from fulfillment.services.quality_checks import start_quality_check
from fulfillment.services.quality_failures import fail_quality_check
from fulfillment.services.wave_planning import plan_wave
from fulfillment.services.waves import release_wave, settle_waves
from inventory.models import Product
from tests.factories.fulfillment import ACTOR, begun, order_for, person, site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.factories.quality import bad, rule, walked
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: None) -> Site:
    return site(code="ONE")


@pytest.fixture
def apple(house: Site) -> Product:
    product = ProductFactory(sku="APPLE")
    stocked(product, house.shelf, 40, lot="L-1")
    return product


@pytest.fixture
def wave(house: Site, apple: Product) -> Wave:
    for _ in range(2):
        order_for([(apple, 1)])
    return plan_wave(house.id, actor=ACTOR)


def released(wave: Wave) -> None:
    release_wave(wave.pk, batching=True, actor=ACTOR)


def nothing_is_left(wave: Wave) -> str:
    PickingTask.objects.update(wave=None)
    return f"{wave.number}: status of a wave of which nothing is to be picked is pending, should be completed or cancelled"


def released_before_the_wave(wave: Wave) -> str:
    task = PickingTask.objects.earliest("pk")
    PickingTask.objects.filter(pk=task.pk).update(released_at=timezone.now())
    return f"released in {wave.number} (pending) is yes, should be no"


def begun_before_it_was_released(wave: Wave) -> str:
    task = PickingTask.objects.earliest("pk")
    release_wave(wave.pk, actor=ACTOR)
    begun(task, person(Role.PICKER))
    PickingTask.objects.filter(pk=task.pk).update(released_at=None)
    return f"released in {wave.number} (in_progress) is no, should be yes"


def left_in_a_closed_wave(wave: Wave) -> str:
    Wave.objects.update(status="cancelled")
    PickingTask.objects.filter(pk=PickingTask.objects.latest("pk").pk).update(wave=None)
    return f"released in {wave.number} (cancelled) is no, should be in no wave"


def completed_too_early(wave: Wave) -> str:
    release_wave(wave.pk, actor=ACTOR)
    Wave.objects.update(status="completed")
    PickingTask.objects.filter(pk=PickingTask.objects.latest("pk").pk).update(wave=None, released_at=None)
    return f"status in {wave.number} (completed) is pending, should be closed"


def of_another_house(wave: Wave) -> str:
    other = site(code="TWO")
    Wave.objects.update(warehouse=other.warehouse)
    PickingTask.objects.filter(pk=PickingTask.objects.latest("pk").pk).update(wave=None)
    return f"should be {other.id}"


def released_by_no_wave(wave: Wave) -> str:
    PickingTask.objects.filter(pk=PickingTask.objects.latest("pk").pk).update(wave=None, released_at=timezone.now())
    return "released by a wave is yes, should be no: it is in none"


def in_the_batch_of_another_wave(wave: Wave) -> str:
    released(wave)
    PickingTask.objects.filter(pk=PickingTask.objects.latest("pk").pk).update(wave=None, released_at=None)
    return f"is none, should be {wave.number}"


@pytest.mark.parametrize(
    "broken",
    [
        nothing_is_left, released_before_the_wave, begun_before_it_was_released, left_in_a_closed_wave, completed_too_early, of_another_house,
        released_by_no_wave, in_the_batch_of_another_wave,
    ],
    ids=lambda way: way.__name__,
)  # fmt: skip
def test_what_is_broken_is_found(wave: Wave, broken: Callable[[Wave], str]) -> None:
    assert everything_that_contradicts() == []
    said = broken(wave)
    (found,) = everything_that_contradicts()
    assert found.check == "waves"
    assert said in str(found)


def test_goods_that_are_picked_anew_after_the_wave_contradict_nothing(house: Site, apple: Product) -> None:
    rule()
    order = order_for([(apple, 2)])
    wave = plan_wave(house.id, actor=ACTOR)
    release_wave(wave.pk, actor=ACTOR)
    picker, packer = person(Role.PICKER), person(Role.PACKER)
    task = walked(order.picking_tasks.get(), picker)
    check = QualityCheck.objects.get()
    settle_waves([task.pk], actor=ACTOR)
    start_quality_check(check.pk, actor=packer)
    bad(check.items.get(), packer, 1, decision="repick")
    fail_quality_check(check.pk, actor=packer)
    again = PickingTask.objects.get(pk=task.pk)
    assert (Wave.objects.get().status, again.status, again.wave_id, again.released_at is not None) == ("completed", "pending", wave.pk, True)
    assert everything_that_contradicts() == []
