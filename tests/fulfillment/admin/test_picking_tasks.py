"""A walk at the back office: a scan undone, closed short, made urgent."""

from __future__ import annotations

import pytest
from django.test import Client

from fulfillment.models import PackingTask, PickingTask
from tests.factories.fulfillment import begun, order_for, person, pick, site, stocked
from tests.factories.inventory import ProductFactory
from tests.factories.office import dialog, office, page, steps_offered, take
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> Client:
    return office(Role.MANAGER)


@pytest.fixture
def task(db: None) -> PickingTask:
    product, house = ProductFactory(sku="TEA"), site(code="MAIN", external_id="1")
    stocked(product, house.shelf, 9)
    order_for([(product, 4)])
    return PickingTask.objects.get()


def test_a_scan_is_undone_a_walk_closed_short_and_made_urgent(manager: Client, task: PickingTask) -> None:
    picker = person(Role.PICKER)
    task = begun(task, picker)
    pick(task.items.get(), picker, 3)
    task.refresh_from_db(fields=["version"])
    assert {"undo", "close-short", "priority"} <= set(steps_offered(manager, task))
    assert steps_offered(office(Role.VIEWER), task) == []
    take(manager, task, "undo")
    assert task.items.get().quantity_picked == 0
    assert "undone at" in manager.get(page(task)).content.decode()
    pick(task.items.get(), picker, 1)
    task.refresh_from_db(fields=["version"])
    take(manager, task, "priority", priority="urgent")
    task = PickingTask.objects.get()
    assert (task.priority, task.order.priority) == ("urgent", "urgent")
    text = manager.get(page(task)).content.decode()
    assert "0 of 1, 25 %" in text
    asked = manager.get(dialog(task, "close_short")).content.decode()
    assert "A-01: 3 of TEA are not picked" in asked
    assert "reason" in take(manager, task, "close_short").context["form"].errors
    take(manager, task, "close_short", reason="the lorry leaves")
    assert PickingTask.objects.get().status == "completed"
    assert PackingTask.objects.get().items.get().quantity == 1


def test_an_order_is_made_urgent_with_its_work(manager: Client, task: PickingTask) -> None:
    assert "priority" in steps_offered(manager, task.order)
    assert "priority" not in steps_offered(office(Role.PICKER), task.order)
    take(manager, task.order, "priority", priority="high")
    task = PickingTask.objects.get()
    assert (task.priority, task.order.priority) == ("high", "high")
