"""Several scanners at once: goods are picked once, and tasks are given once."""

from __future__ import annotations

import threading

import pytest
from django.db import connections

from fulfillment.models import PackingTask, Pick, PickingTask, PutBack
from fulfillment.services.picking_tasks import cancel_picking_task, claim_next_picking_task, complete_picking_task
from fulfillment.services.picks import pick_item
from inventory.models import BatchLocation
from tests.factories.fulfillment import order_for, person, pick, site, stocked
from tests.factories.inventory import ProductFactory
from tests.fulfillment.picking import one_item
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls):
    """Run the calls in threads that begin together; what each returned or raised."""
    barrier, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(index, call):
        try:
            barrier.wait(10)
            results[index] = call()
        except Exception as error:
            results[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index, call)) for index, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_one_picker_who_claims_at_four_scanners_at_once_gets_one_task():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 100)
    for _ in range(4):
        order_for([(product, 1)])
    picker = person(Role.PICKER)
    claimed = at_once(*[lambda: claim_next_picking_task(place.id, actor=picker)] * 4)
    assert len({task.pk for task in claimed}) == 1
    assert PickingTask.objects.filter(worker=picker.user_id).count() == 1


def test_two_pickers_who_claim_at_once_get_two_tasks():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 100)
    for _ in range(4):
        order_for([(product, 1)])
    pickers = [person(Role.PICKER) for _ in range(4)]
    claimed = at_once(*[lambda picker=picker: claim_next_picking_task(place.id, actor=picker) for picker in pickers])
    assert {task.pk for task in claimed} == set(PickingTask.objects.values_list("pk", flat=True))


def test_two_scans_of_the_last_goods_at_once_pick_them_once():
    _, item, _, place, _ = one_item(10)
    manager = person(Role.MANAGER)

    def scan():
        return pick_item(item.pk, 10, actor=manager, location_scan="A-01", product_scan="APPLE")

    results = at_once(scan, scan)

    assert sorted(type(result).__name__ for result in results) == ["PickingTaskItem", "TransitionRefused"]
    assert Pick.objects.get().quantity == 10
    assert BatchLocation.objects.get(location=place.bench).quantity == 10


def test_two_managers_who_complete_and_cancel_at_once():
    task, item, picker, _, _ = one_item(10)
    pick(item, picker)
    manager = person(Role.MANAGER)
    results = at_once(
        lambda: complete_picking_task(task.pk, actor=manager),
        lambda: complete_picking_task(task.pk, actor=manager),
        lambda: cancel_picking_task(task.pk, "stop", actor=manager),
    )
    assert sorted(type(result).__name__ for result in results) == ["PickingTask", "TransitionRefused", "TransitionRefused"]
    done = PickingTask.objects.get().status
    assert PackingTask.objects.count() == (done == "completed")
    assert PutBack.objects.count() == (done == "cancelled")
