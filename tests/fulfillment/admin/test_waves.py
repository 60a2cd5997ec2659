"""Waves at the back office: planned on a page, released by a step, with what stays and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from fulfillment.models import DeliveryProvider, PickingBatch, PickingTask, Wave
from fulfillment.services.wave_planning import plan_wave
from fulfillment.services.waves import cancel_wave
from inventory.models import BatchLocation, Product
from tests.factories.fulfillment import ACTOR, order_for
from tests.factories.inventory import ProductFactory, Site, site, stocked
from tests.factories.office import dialog, listing, office, page, steps_offered, take
from warehouse.core.actor import Role
from warehouse.core.admin_steps import LISTED

pytestmark = pytest.mark.django_db

PLAN = reverse("admin:fulfillment_wave_add")


@pytest.fixture
def manager() -> Client:
    return office(Role.MANAGER)


@pytest.fixture
def house(db: None) -> Site:
    here = site(code="MAIN", external_id="1", time_zone="Europe/Belgrade")
    here.shelf.zone = "Dry"
    here.shelf.save()
    return here


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="MILK")
    stocked(product, house.shelf, 90, lot="L1")
    return product


def task(product: Product, quantity: int = 1, **more: Any) -> PickingTask:
    return PickingTask.objects.get(order=order_for([(product, quantity)], **more))


def now(wave: Wave) -> Wave:
    return Wave.objects.get(pk=wave.pk)


def asked(house: Site, **fields: Any) -> dict[str, Any]:
    return {"warehouse": house.id, "zone": "", "provider": "", "cut_off": "", "day": "today", "priority": "", "max_tasks": "", **fields}


def test_a_wave_is_looked_at_and_planned(manager: Client, house: Site, milk: Product) -> None:
    other = site(code="OTHER", external_id="2", priority=900)
    DeliveryProvider.objects.all().delete()
    DeliveryProvider.objects.create(code="dex", name="D Express", is_default=True)
    high, low = task(milk, priority="high", ship_by=timezone.now()), task(milk, priority="low")
    first = manager.get(PLAN)
    form = first.context["form"]
    assert (first.context["site"].pk, first.context["count"], Wave.objects.count()) == (house.id, 2, 0)
    assert form.fields["zone"].choices == [("", "any"), ("Dry", "Dry")]
    assert form.fields["provider"].choices == [("", "any"), ("dex", "D Express, and orders that name none")]
    assert "Europe/Belgrade" in first.content.decode()
    looked = manager.post(PLAN, asked(house, zone="Dry", priority="high", look="1"))
    assert ([row["task"].pk for row in looked.context["rows"]], looked.context["kept"], Wave.objects.count()) == ([high.pk], 0, 0)

    planned = manager.post(PLAN, asked(house, zone="Dry", provider="dex", priority="low", cut_off="23:59", day="tomorrow", max_tasks="5", plan="1"))

    wave = Wave.objects.get()
    assert planned["Location"] == page(wave)
    tomorrow = timezone.now().astimezone(ZoneInfo("Europe/Belgrade")).date() + timedelta(days=1)
    there = wave.cut_off and wave.cut_off.astimezone(ZoneInfo("Europe/Belgrade"))
    assert there
    assert (there.date(), there.hour, there.minute) == (tomorrow, 23, 59)
    assert (wave.zone, wave.priority, wave.provider and wave.provider.code, list(wave.tasks.all())) == ("Dry", "low", "dex", [high])
    shown = manager.get(page(wave)).content.decode()
    assert "zone Dry, D Express, leaves" in shown
    assert "at least low" in shown
    assert "23:59" in shown
    assert PickingTask.objects.get(pk=low.pk).wave_id is None
    nothing = manager.post(PLAN, asked(other, plan="1"))
    assert (nothing.status_code, nothing.context["error"].code) == (200, "conflict")
    wrong = manager.post(PLAN, asked(house, zone="Attic", max_tasks="0", plan="1"))
    assert set(wrong.context["form"].errors) == {"zone", "max_tasks"}
    assert manager.get(PLAN, {"warehouse": 999_999}).status_code == 404
    assert Wave.objects.count() == 1


def test_only_managers_plan(house: Site, milk: Product) -> None:
    wave = plan_wave(house.id, task_ids=[task(milk).pk], actor=ACTOR)
    viewer = office(Role.VIEWER)
    assert viewer.get(PLAN).status_code == 403
    assert viewer.post(PLAN, asked(house, plan="1")).status_code == 403
    assert viewer.get(page(wave)).status_code == viewer.get(listing(Wave)).status_code == 200
    assert steps_offered(viewer, wave) == []
    assert take(viewer, wave, "release").status_code == 403
    assert office(Role.PACKER).get(page(wave)).status_code == 403
    assert now(wave).status == "pending"


def test_it_is_released_as_far_as_it_goes(manager: Client, house: Site, milk: Product) -> None:
    bread = ProductFactory(sku="BREAD")
    place = stocked(bread, house.shelf, 9, lot="B1")
    good, held, asking = task(milk), task(bread), task(milk)
    wave = plan_wave(house.id, actor=ACTOR)
    BatchLocation.objects.filter(pk=place.pk).update(blocked_reason="held")
    asking.order.ask_attention()
    asking.order.save()
    assert steps_offered(manager, wave) == ["release", "release-in-batches", "add", "take", "cancel"]
    text = manager.get(page(wave)).content.decode()
    assert "1 of 3 can go." in text
    assert "1 × BREAD in A-01, lot B1: on hold" in text
    form = manager.get(dialog(wave, "release")).context["form"]
    assert form.tells()[0] == "1 of 3 tasks go."
    assert form.tells()[1].startswith(f"{held}, {held.order}, stays: 1 × BREAD")
    take(manager, wave, "release", attended="on")
    assert {t.pk for t in wave.tasks.exclude(released_at=None)} == {good.pk, asking.pk}
    assert "attended" not in manager.get(dialog(wave, "release")).context["form"].fields
    refused = take(manager, now(wave), "release")
    assert refused.context["error_data"][0].startswith(f"task: {held.pk}, number: {held}")
    BatchLocation.objects.filter(pk=place.pk).update(blocked_reason="")
    take(manager, now(wave), "release_in_batches", method="fcfs")
    assert PickingBatch.objects.get().tasks.get() == held
    assert steps_offered(manager, wave) == ["add", "take", "cancel"]


def test_tasks_come_and_go(manager: Client, house: Site, milk: Product) -> None:
    first, second = task(milk), task(milk)
    wave = plan_wave(house.id, task_ids=[first.pk], actor=ACTOR)
    choices = manager.get(dialog(wave, "add")).context["form"].fields["task_ids"].choices
    assert [pk for pk, _ in choices] == [second.pk]
    assert choices[0][1].startswith(f"{second.number} · ")
    take(manager, wave, "add", task_ids=[second.pk])
    assert wave.tasks.count() == 2
    take(manager, now(wave), "take", task_ids=[first.pk])
    assert list(wave.tasks.all()) == [second]
    assert take(manager, now(wave), "take", task_ids=[first.pk]).context["form"].errors
    take(manager, now(wave), "cancel", reason="another time")
    assert (now(wave).status, now(wave).cancellation_reason, wave.tasks.count()) == ("cancelled", "another time", 0)
    assert steps_offered(manager, wave) == []


def test_of_many_tasks_the_first_are_listed_and_what_is_true_of_all_is_said_once(
    manager: Client, house: Site, milk: Product, monkeypatch: Any
) -> None:
    monkeypatch.setattr("fulfillment.admin.wave_waiting.LISTED", 2)
    tasks = [task(milk) for _ in range(5)]
    wave = plan_wave(house.id, actor=ACTOR)
    Wave.objects.update(cut_off=timezone.now() - timedelta(hours=1))
    text = manager.get(page(wave)).content.decode()
    assert (text.count("cut-off has passed"), "<b>All.</b> The carrier" in text, "wave-table" in text) == (1, True, False)
    for held in tasks[1:4]:
        held.order.ask_attention()
        held.order.save()
    text = manager.get(page(wave)).content.decode()
    assert "2 of 5 can go." in text
    assert "<b>3 of 5 stay.</b> The order needs attention." in text
    assert (text.count("<b>Stays.</b>"), "and 1 more" in text, text.count("cut-off has passed")) == (2, True, 1)
    planned = manager.get(PLAN, {"warehouse": house.id})
    assert "No picking task waits" in planned.content.decode()


def test_what_is_not_offered_is_named(manager: Client, house: Site, milk: Product, monkeypatch: Any) -> None:
    tasks = [task(milk) for _ in range(4)]
    wave = plan_wave(house.id, task_ids=[tasks[0].pk], actor=ACTOR)
    assert "numbers" not in manager.get(dialog(wave, "add")).context["form"].fields
    monkeypatch.setattr("fulfillment.admin.wave_forms.OFFERED", 2)
    form = manager.get(dialog(wave, "add")).context["form"]
    assert (len(form.fields["task_ids"].choices), form.tells()) == (2, ["There are more than 2: the most urgent 2 can be ticked."])
    assert take(manager, wave, "add").context["form"].errors == {"task_ids": ["Choose a task."]}
    strange = take(manager, wave, "add", task_ids=[tasks[1].pk], numbers=f"{tasks[3].number} PCK-0 {tasks[0].number}").context["form"].errors
    assert strange["numbers"][0].endswith(", ".join(sorted(["PCK-0", tasks[0].number])))
    take(manager, wave, "add", task_ids=[tasks[1].pk], numbers=f"{tasks[3].number.lower()}, {tasks[2].number} {tasks[1].number}")
    assert wave.tasks.count() == 4
    assert len(manager.get(dialog(wave, "take")).context["form"].fields["task_ids"].choices) == 2
    take(manager, now(wave), "take", numbers=tasks[3].number)
    assert set(wave.tasks.all()) == set(tasks[:3])


def test_of_many_reasons_a_refusal_shows_the_first(manager: Client, house: Site, milk: Product) -> None:
    for _ in range(LISTED + 2):
        order = task(milk).order
        order.ask_attention()
        order.save()
    wave = plan_wave(house.id, actor=ACTOR)
    told = take(manager, wave, "release").context["error_data"]
    assert (len(told), told[-1]) == (LISTED + 1, "and 2 more")


def test_the_list_shows_how_far_each_is(manager: Client, house: Site, milk: Product) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            answer = manager.get(listing(Wave))
        assert "0 of 1 items done" in answer.content.decode()
        return len(queries)

    def open_page(wave: Wave) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(page(wave)).status_code == 200
        return len(queries)

    wave = plan_wave(house.id, task_ids=[task(milk).pk], actor=ACTOR)
    manager.get(listing(Wave))
    one, alone = cost(), open_page(wave)
    for _ in range(3):
        plan_wave(house.id, task_ids=[task(milk).pk], actor=ACTOR)
    crowd = plan_wave(house.id, task_ids=[task(milk).pk for _ in range(4)], actor=ACTOR)
    assert cost() == one <= 12
    assert "bg-red-100 text-red-700" not in manager.get(listing(Wave)).content.decode()
    PickingTask.objects.update(ship_by=timezone.now() - timedelta(hours=1))
    assert "bg-red-100 text-red-700" in manager.get(listing(Wave)).content.decode()
    assert open_page(crowd) == alone
    found = manager.get(listing(Wave), {"q": wave.number.lower()}).context["cl"].result_list
    assert [row.pk for row in found] == [wave.pk]


def test_the_live_board_shows_the_waves_that_are_open(manager: Client, house: Site, milk: Product) -> None:
    assert "Waves</h2>" not in manager.get(reverse("live"), {"part": ""}).content.decode()
    first, second = (plan_wave(house.id, task_ids=[task(milk).pk], actor=ACTOR) for _ in range(2))
    cancel_wave(second.pk, "x", actor=ACTOR)
    text = manager.get(reverse("live"), {"part": "", "warehouse": "MAIN"}).content.decode()
    assert f"{first}: 0 of 1 items done" in text
    assert "MAIN, 1 not released" in text
    assert second.number not in text
