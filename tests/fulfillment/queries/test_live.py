"""The live board's figures: exact, of one site or all, for the same number of statements however much there is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.models import Order, Pick, PickingTask, Shipment, WalkSettings
from fulfillment.queries.floor import picks_waiting
from fulfillment.queries.live import AtWork, Average, Queue, work_now
from fulfillment.queries.picking_batches import remaining_stops
from fulfillment.services.packing_tasks import start_packing_task
from fulfillment.services.picking_tasks import assign_picking_task
from fulfillment.services.wave_planning import plan_wave
from fulfillment.services.waves import release_wave
from tests.factories.fulfillment import begun, order_for, packed, person, pick, picked, reachable_site
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, Site, stocked
from tests.factories.quality import rule, to_check
from tests.fulfillment.batches import batch_of, goods_on, hall, pick_stop, task_for, walk
from warehouse.core.actor import Actor, Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
STATEMENTS = 6


@pytest.fixture
def house(db: None) -> Site:
    return reachable_site(code="MAIN", external_id="1")


@pytest.fixture
def picker(db: None) -> Actor:
    return person(Role.PICKER)


def goods(house: Site, quantity: int = 50):
    product = ProductFactory()
    stocked(product, house.shelf, quantity)
    return product


def statements(warehouse_id: int | None = None) -> int:
    with CaptureQueriesContext(connection) as queries:
        work_now(warehouse_id)
    return len(queries)


def test_nothing_to_do(house: Site) -> None:
    work = work_now()
    assert list(work.queues) == ["picking", "batches", "quality", "packing", "put_backs", "shipments"]
    assert not any(queue.states or queue.late for queue in work.queues.values())
    assert (work.speeds, work.due, work.late, work.near, work.people, work.people_count) == ([], [], 0, 0, [], 0)
    assert [(average.count, average.seconds) for average in work.averages] == [(0, None)] * 5
    assert statements() == STATEMENTS


def test_tasks_by_state_and_what_is_late(house: Site, picker: Actor) -> None:
    product, packer = goods(house), person(Role.PACKER)
    past = timezone.now() - timedelta(hours=1)
    order_for([(product, 1)])
    order_for([(product, 1)], ship_by=past)
    assign_picking_task(order_for([(product, 1)]).picking_tasks.get().pk, picker.user_id, actor=ACTOR)
    start_packing_task(picked(order_for([(product, 1)]).picking_tasks.get(), person(Role.PICKER)).pk, actor=packer)
    packed(picked(order_for([(product, 1)], ship_by=past).picking_tasks.get(), person(Role.PICKER)), person(Role.PACKER))
    failing = Shipment.objects.get()
    assert work_now().queues["shipments"].states == {"requested": 1}
    Shipment.objects.filter(pk=failing.pk).update(last_error="no such street")
    work = work_now()
    assert work.queues["picking"].states == {"pending": 2, "assigned": 1}
    assert (work.queues["picking"].late, work.queues["picking"].count(), work.queues["picking"].count("pending")) == (1, 3, 2)
    assert (work.queues["packing"].states, work.queues["packing"].late) == ({"in_progress": 1, "packed": 1}, 0)
    assert work.queues["shipments"].states == {"failing": 1}
    other = reachable_site(code="OTHER", external_id="2")
    assert not any(queue.states for queue in work_now(other.id).queues.values())
    assert work_now(house.id).queues == work.queues
    assert statements() == statements(house.id) == STATEMENTS


def test_who_works_where(house: Site, picker: Actor) -> None:
    shelves = [LocationFactory(warehouse=house.warehouse, code=f"S-{zone}", zone=zone, pick_sequence=number) for number, zone in enumerate("AB", 1)]
    products = ProductFactory.create_batch(2)
    for product, shelf in zip(products, shelves, strict=True):
        stocked(product, shelf, 9)
    task = begun(order_for([(product, 2) for product in products]).picking_tasks.get(), picker)
    idle = person(Role.PICKER)
    assign_picking_task(order_for([(goods(house), 1)]).picking_tasks.get().pk, idle.user_id, actor=ACTOR)
    walking, waiting = work_now().people
    assert (walking.worker, walking.kind, walking.number, walking.zone, walking.place) == (picker.name, "picking", task.number, "A", "S-A")
    assert (walking.done, walking.total, walking.warehouse, walking.last_at) == (0, 2, "MAIN", None)
    assert walking.since == task.started_at
    assert (waiting.worker, waiting.status, waiting.since) == (idle.name, "assigned", None)
    first, second = task.items.order_by("sequence")
    pick(first, picker)
    moved = work_now().people[0]
    assert (moved.zone, moved.done, moved.last_at) == ("B", 1, Pick.objects.get().picked_at)
    pick(second, picker)
    # Nothing is left: where the last scan was.
    assert work_now().people[0].zone == "B"
    assert work_now(reachable_site(code="OTHER", external_id="2").id).people == []


def test_who_walks_a_batch(picker: Actor) -> None:
    _, shelves = hall()
    first, second = (goods_on(shelves[code]) for code in ("K-01", "L-03"))
    batch = batch_of([task_for((second, 1)), task_for((first, 1))], picker)
    for code in [code for code, _ in walk(batch)]:
        [at_work] = work_now().people
        assert (at_work.worker, at_work.kind, at_work.pk, at_work.number) == (picker.name, "batch", batch.pk, batch.number)
        assert (at_work.zone, at_work.place, at_work.total) == ("Hall", code, 2)
        before = at_work.done
        pick_stop(remaining_stops(batch.pk)[0], picker)
        assert work_now().people[0].done == before + 1
    work = work_now()
    assert (work.queues["batches"].states, work.queues["picking"].states) == ({"in_progress": 1}, {"in_progress": 2})
    assert (work.people[0].place, work.people_count) == (code, 1)
    assert statements() == STATEMENTS


def test_what_waits_for_its_wave(picker: Actor) -> None:
    here, shelves = hall()
    task = task_for((goods_on(shelves["K-01"]), 1))
    wave = plan_wave(here.id, task_ids=[task.pk], actor=ACTOR)
    assert work_now().queues["picking"].states == {"held": 1}
    free = task_for((goods_on(shelves["K-02"]), 1), ship_by=timezone.now() - timedelta(hours=1))
    assert work_now(here.id).queues["picking"] == Queue({"held": 1, "pending": 1}, 1)
    WalkSettings.objects.update(waves_only=True)
    for queues in (work_now().queues, work_now(here.id).queues):
        assert queues["picking"] == Queue({"held": 2}, 1)
    assert picks_waiting(here.id) == 0
    release_wave(wave.pk, actor=ACTOR)
    assert work_now().queues["picking"].states == {"held": 1, "pending": 1}
    assert picks_waiting(here.id) == 1
    assert free.wave_id is None


def test_who_packs_and_checks_stands_at_the_bench(house: Site, picker: Actor) -> None:
    rule()
    packer = person(Role.PACKER)
    check = to_check([(goods(house), 2)], picker, packer)
    [person_at_work] = work_now().people
    assert isinstance(person_at_work, AtWork)
    assert (person_at_work.worker, person_at_work.kind, person_at_work.pk, person_at_work.place) == (
        packer.name,
        "quality",
        check.pk,
        house.bench.code,
    )
    assert work_now().queues["quality"].states == {"in_progress": 1}


def test_picks_an_hour_by_worker(house: Site, picker: Actor) -> None:
    products = [goods(house) for _ in range(4)]
    task = begun(order_for([(product, 1) for product in products]).picking_tasks.get(), picker)
    for item in task.items.all():
        pick(item, picker)
    newest, *others = Pick.objects.order_by("-pk").values_list("pk", flat=True)
    now = timezone.now()
    for pk, minutes in zip(others, (30, 59, 61), strict=True):
        Pick.objects.filter(pk=pk).update(picked_at=now - timedelta(minutes=minutes))
    [speed] = work_now().speeds
    assert (speed.worker, speed.picks, speed.now) == (picker.name, 3, 6)
    Pick.objects.filter(pk=newest).update(undone_at=now)
    assert [(speed.picks, speed.now) for speed in work_now().speeds] == [(2, 0)]


def test_averages_of_the_last_day(house: Site, picker: Actor) -> None:
    product = goods(house)
    now = timezone.now()
    for number, minutes in enumerate((10, 20, 300)):
        task = order_for([(product, 1)]).picking_tasks.get()
        picked(task, picker)
        end = now - timedelta(days=2 if number == 2 else 0)
        begin = end - timedelta(minutes=minutes)
        PickingTask.objects.filter(pk=task.pk).update(created_at=begin - timedelta(minutes=2), started_at=begin, completed_at=end)
    averages = {average.name: average for average in work_now().averages}
    assert averages["picking"] == Average("picking", 2, 900.0)
    assert averages["waiting for a picker"] == Average("waiting for a picker", 2, 120.0)
    assert averages["packing"] == Average("packing", 0, None)


def test_orders_that_are_late_or_near(house: Site, picker: Actor) -> None:
    product = goods(house)
    now = timezone.now()
    hours = {"late": -3, "later": -1, "near": 1, "far": 3}
    for name, distance in hours.items():
        order_for([(product, 1)], external_id=name, ship_by=now + timedelta(hours=distance))
    order_for([(product, 1)], external_id="whenever")
    shipped = order_for([(product, 1)], external_id="gone", ship_by=now - timedelta(hours=5))
    Order.objects.filter(pk=shipped.pk).update(status="shipped")
    work = work_now()
    assert ([order.name for order in work.due], work.late, work.near) == (["late", "later", "near"], 2, 1)
    assert work_now(reachable_site(code="OTHER", external_id="2").id).due == []
    for number in range(20):
        order_for([(product, 1)], external_id=f"more-{number}", ship_by=now - timedelta(hours=2))
    work = work_now()
    assert (len(work.due), work.late, work.near) == (10, 22, 1)
    assert statements() == STATEMENTS
