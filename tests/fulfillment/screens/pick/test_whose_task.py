"""Whose task the pick screen shows, and to whom."""

from __future__ import annotations

from typing import Any

from fulfillment.enums import PickingItemStatus, PickingStatus
from fulfillment.models import PickingTask, PickingTaskItem
from fulfillment.services.picking_tasks import assign_picking_task
from inventory.models import Location
from tests.factories.fulfillment import ACTOR, order_for
from tests.fulfillment.screens.conftest import Handheld
from tests.fulfillment.screens.picking import Make, begin, scan
from warehouse.core.actor import Role


def test_somebody_elses_task_shows_nothing_to_do(handheld: Make, place: Any, milk: Any, picker: Handheld) -> None:
    order_for([(milk, 1)])
    task = begin(picker)
    other = handheld(place, Role.PICKER)
    assert "This is not your task" in other.see(f"/floor/pick/{task.pk}")
    item = PickingTaskItem.objects.get()
    assert "Not yours to do" in other.send(f"/floor/pick/{task.pk}/give-up", item=item.pk, what="short")
    assert PickingTaskItem.objects.get().status == PickingItemStatus.PENDING


def test_a_task_that_a_manager_assigned_is_the_next_one(picker: Handheld, milk: Any) -> None:
    order_for([(milk, 1)])
    task = PickingTask.objects.get()
    assert picker.actor.user_id is not None
    assign_picking_task(task.pk, picker.actor.user_id, actor=ACTOR)
    page = picker.see("/floor/pick")
    assert "1 item to pick" in page
    assert "Scan the place" in picker.send(f"/floor/pick/{task.pk}/start")


def test_no_work_and_no_bench(handheld: Make, picker: Handheld, place: Any, milk: Any) -> None:
    assert "Nothing to pick now" in picker.send("/floor/pick/claim")
    Location.objects.filter(pk=place.bench.pk).update(is_active=False)
    order_for([(milk, 1)])
    page = picker.send("/floor/pick/claim")
    assert "Not found" in page
    assert "packing bench" in page
    assert ">Start<" in page  # it is assigned; once there is a bench it can begin


def test_whose_screen_it_is(handheld: Make, place: Any, milk: Any) -> None:
    order_for([(milk, 1)])
    task = PickingTask.objects.get()
    packer = handheld(place, Role.PACKER)
    assert packer.get("/floor/pick").status_code == 403
    assert packer.get(f"/floor/pick/{task.pk}").status_code == 403
    for path in ("claim", f"{task.pk}/scan", f"{task.pk}/give-up", f"{task.pk}/finish", f"{task.pk}/start"):
        token = packer.cookies["csrftoken"].value
        assert packer.post(f"/floor/pick/{path}", {"csrfmiddlewaretoken": token}).status_code == 403
    assert PickingTask.objects.get().status == PickingStatus.PENDING


def test_nothing_changes_by_get_and_without_a_token(picker: Handheld, milk: Any) -> None:
    order_for([(milk, 1)])
    task = PickingTask.objects.get()
    for path in ("claim", f"{task.pk}/scan", f"{task.pk}/give-up", f"{task.pk}/finish", f"{task.pk}/start"):
        assert picker.get(f"/floor/pick/{path}").status_code == 405
        assert picker.post(f"/floor/pick/{path}").status_code == 403
    assert picker.post("/floor/pick").status_code == 403
    assert PickingTask.objects.get().status == PickingStatus.PENDING


def test_an_unknown_task_is_not_found(picker: Handheld) -> None:
    assert picker.get("/floor/pick/999999").status_code == 404
    assert picker.get("/floor/pick/99999999999999999999999").status_code == 404


def test_a_manager_may_do_all_of_it(handheld: Make, place: Any, milk: Any) -> None:
    order_for([(milk, 1)])
    manager = handheld(place, Role.MANAGER)
    page = manager.see("/floor/")
    assert all(word in page for word in ("Pick", "Pack", "Put back"))
    task = begin(manager)
    assert "Right place" in scan(manager, task, place.shelf.code)
