"""The screen of a batch as plain forms, and its answers to bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.enums import PickingStatus
from fulfillment.models import PackingTask, Pick, PickingBatch, PickingTask
from fulfillment.queries.picking_batches import next_stop
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_batches import assign_picking_batch, complete_picking_batch
from inventory.models import Movement
from tests.factories.fulfillment import ACTOR, person, stocked
from tests.fulfillment.batches import batch_of, goods_on, hall, pick_rest, pick_stop, settled, task_for, walk
from tests.fulfillment.screens.conftest import Handheld
from warehouse.core.actor import Role

Make = Callable[..., Handheld]


@pytest.fixture
def place(transactional_db: None) -> Any:
    return hall()


@pytest.fixture
def picker(place: Any, handheld: Make) -> Handheld:
    return handheld(place[0], Role.PICKER)


def begin(picker: Handheld) -> str:
    """Take the next walk; the address of its screen."""
    picker.send("/floor/pick/claim")
    batch = PickingBatch.objects.get(worker=picker.actor.user_id, status=PickingStatus.IN_PROGRESS)
    return f"/floor/pick/batch/{batch.pk}"


def scan(picker: Handheld, path: str, code: str = "", **more: Any) -> str:
    return picker.send(f"{path}/scan", code=code, **more)


def test_a_walk_with_plain_forms(picker: Handheld, place: Any) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"])
    first, second = task_for((milk, 3)), task_for((milk, 1))
    batch_of([first, second])
    assert "Take the next walk" in picker.see("/floor/pick")
    assert 'class="count">1<' in picker.see("/floor/")
    path = begin(picker)
    assert "Go to" in picker.see("/floor/pick")  # leads to the batch at hand
    assert "Go to" in picker.see(f"/floor/pick/{first.pk}")  # and so does each of its tasks
    assert "Right place" in scan(picker, path, "k-01")
    page = scan(picker, path, "SKU-K-01")
    assert 'value="3"' in page
    assert "Scan tote T1" in page
    assert "2 pcs in T1" in scan(picker, path, "BOX-1", quantity="2")
    page = scan(picker, path, "BOX-2", quantity="1")
    assert 'class="wrong-screen"' in page
    assert "T1 · BOX-1" in page
    assert "1 pcs in T1" in scan(picker, path, "t1", quantity="1")
    assert "All picked" in scan(picker, path, "BOX-2", quantity="1")
    assert list(Pick.objects.order_by("pk").values_list("item__task", "quantity")) == [(first.pk, 2), (first.pk, 1), (second.pk, 1)]
    page = picker.see(path)
    assert "Bring everything to" in page
    assert "BOX-2" in page
    assert PackingTask.objects.count() == 2
    settled()


@pytest.mark.parametrize("code", ["", "  ", "T1", "2", "K-01", "SKU-K-01", "LOT-K-01", "\x00", "x" * 500, "<script>alert(1)</script>\x07"])
def test_what_is_no_tote_changes_nothing(picker: Handheld, place: Any, code: str) -> None:
    _, shelves = place
    task = task_for((goods_on(shelves["K-01"]), 1))
    batch_of([task])
    path = begin(picker)
    scan(picker, path, "K-01")
    scan(picker, path, "SKU-K-01")
    page = scan(picker, path, code, quantity="1")
    if code.startswith("<script>"):
        assert "<script>alert" not in page
        return
    assert 'class="wrong-screen"' in page
    assert not Movement.objects.filter(type="pick").exists()
    assert PickingTask.objects.get().tote_code == ""


def test_bad_input_and_strange_ids(picker: Handheld, place: Any) -> None:
    _, shelves = place
    batch = batch_of([task_for((goods_on(shelves["K-01"]), 2))])
    path = begin(picker)
    scan(picker, path, "K-01")
    scan(picker, path, "SKU-K-01")
    for quantity in ("3", "-1", "0", "abc", "1e9"):
        assert 'class="wrong-screen"' in scan(picker, path, "BOX-1", quantity=quantity), quantity
    for step, data in (("give-up", {"item": "999"}), ("later", {"item": "x"}), ("undo", {"task": "0", "version": "1"}), ("off", {"task": "x"})):
        picker.send(f"{path}/{step}", **data)
    assert picker.get("/floor/pick/batch/99999").status_code == 404
    assert picker.get(f"{path}/scan").status_code == 405
    assert not Pick.objects.exists()
    assert walk(batch) == [("K-01", 1)]


def test_whose_walk_it_is(picker: Handheld, place: Any, handheld: Make) -> None:
    here, shelves = place
    batch = batch_of([task_for((goods_on(shelves["K-01"]), 1))], person(Role.PICKER))
    path = f"/floor/pick/batch/{batch.pk}"
    assert "This is not your task" in picker.see(path)
    scan(picker, path, "K-01")
    scan(picker, path, "SKU-K-01")
    assert 'class="wrong-screen"' in scan(picker, path, "BOX-1")
    assert handheld(here, Role.PACKER).get(path).status_code == 403
    assert not Pick.objects.exists()


def test_an_assigned_batch_is_begun(picker: Handheld, place: Any) -> None:
    _, shelves = place
    batch = batch_of([task_for((goods_on(shelves["K-01"]), 1))])
    assert picker.actor.user_id is not None
    assign_picking_batch(batch.pk, picker.actor.user_id, actor=ACTOR)
    assert "1 item to pick" in picker.see("/floor/pick")
    assert "Go to" in picker.send(f"/floor/pick/batch/{batch.pk}/start")


def test_put_off_not_enough_and_skipped(picker: Handheld, place: Any) -> None:
    _, shelves = place
    milk, tea = goods_on(shelves["K-01"]), goods_on(shelves["M-02"])
    first, second = task_for((milk, 1)), task_for((tea, 1))
    batch = batch_of([first, second])
    path = begin(picker)
    assert "Put off to the end" in picker.send(f"{path}/later", item=first.items.get().pk)
    assert walk(batch) == [("M-02", 2), ("K-01", 1)]
    assert "Skip this product?" in picker.see(f"{path}?ask=skip")
    assert "Skipped" in picker.send(f"{path}/give-up", item=second.items.get().pk, what="skip")
    assert "Not enough here?" in picker.see(f"{path}?ask=short")
    assert "All picked" in picker.send(f"{path}/give-up", item=first.items.get().pk, what="short")
    assert PickingBatch.objects.get().status == "completed"
    settled()


def test_the_last_scan_is_taken_back_whosever_it_was(picker: Handheld, place: Any) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"])
    first, second = task_for((milk, 1)), task_for((milk, 2))
    batch_of([first, second])
    path = begin(picker)
    pick_stop(first.items.get(), picker.actor)
    page = picker.see(f"{path}?ask=undo")
    assert "Take it out of" in page
    assert f"TOTE-{first.pk}" in page
    task = PickingTask.objects.get(pk=first.pk)
    assert 'class="wrong-screen"' in picker.send(f"{path}/undo", task=task.pk, version=task.version - 1)
    assert "Undone: 1 pcs" in picker.send(f"{path}/undo", task=task.pk, version=task.version)
    assert PickingTask.objects.get(pk=first.pk).tote_code == ""
    settled()


@pytest.mark.parametrize("label", ["", "1", "t01"])
def test_a_cancelled_order_is_taken_off_the_cart_first(picker: Handheld, place: Any, label: str) -> None:
    """Its tote's code says that it is off, or the label of its position."""
    _, shelves = place
    milk, tea = goods_on(shelves["K-01"]), goods_on(shelves["M-02"])
    first, second, third = task_for((milk, 1), (tea, 1)), task_for((tea, 1)), task_for((milk, 1))
    batch_of([first, second, third])
    path = begin(picker)
    pick_stop(first.items.get(product=milk), picker.actor)
    for task in (first, third):  # the third has no tote yet: nothing is to be taken off for it
        process_order_cancelled(task.order.source, task.order.external_id, "", actor=ACTOR)
    page = picker.see(path)
    assert "Take this tote off the cart" in page
    assert 'class="wrong-screen"' in scan(picker, path, "M-02")
    page = scan(picker, path, label or f"tote-{first.pk}")
    assert "Taken off" in page
    assert "Go to" in page
    assert "Take this tote off" not in picker.see(path)
    stop = next_stop(PickingBatch.objects.get().pk)
    assert stop is not None
    pick_stop(stop, picker.actor)
    assert "All items are done" in picker.see(path)
    assert "All picked" in picker.send(f"{path}/finish")
    assert "Order cancelled: put it back" in picker.see(path)
    settled()


def test_the_button_says_that_it_is_off_too(picker: Handheld, place: Any) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"])
    first, second = task_for((milk, 2)), task_for((milk, 1))
    batch_of([first, second])
    path = begin(picker)
    pick_stop(first.items.get(), picker.actor, 1)
    process_order_cancelled(first.order.source, first.order.external_id, "", actor=ACTOR)
    assert "Go to" in picker.send(f"{path}/off", task=first.pk)


def test_other_goods_go_into_the_tote_too(picker: Handheld, place: Any) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"], 5)
    stocked(milk, shelves["L-03"], 20, lot="LATER", expires_in_days=90)
    first, second = task_for((milk, 2)), task_for((milk, 1))
    batch_of([first, second])
    path, other = begin(picker), f"/floor/pick/{first.pk}/other"
    assert "Where do you take it from?" in picker.see(other)
    assert "Go to" in picker.see(f"/floor/pick/{second.pk}/other")  # not the stop at hand
    picker.send(f"{other}/scan", code="L-03")
    assert "Scan tote T1" in picker.send(f"{other}/scan", code="LATER")
    assert "Why do you take other goods?" in picker.send(f"{other}/scan", code="K-02")
    page = picker.send(f"{other}/scan", reason="damaged", quantity="2")
    assert 'class="wrong-screen"' in page
    assert "Scan tote T1" in picker.see(other)
    picker.send(f"{other}/scan", code="BOX-1")
    assert "Picked: 2 pcs" in picker.send(f"{other}/scan", reason="damaged", quantity="2")
    assert walk(PickingBatch.objects.get()) == [("K-01", 2)]
    assert "K-01" in picker.see(path)
    settled()


def test_the_tote_of_other_goods_may_be_named_by_its_position(picker: Handheld, place: Any) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"], 5)
    stocked(milk, shelves["L-03"], 20, lot="LATER", expires_in_days=90)
    first = task_for((milk, 2))
    batch_of([first])
    begin(picker)
    pick_stop(first.items.get(), picker.actor, 1)
    other = f"/floor/pick/{first.pk}/other"
    for code in ("L-03", "LATER"):
        picker.send(f"{other}/scan", code=code)
    assert "Wrong tote" in picker.send(f"{other}/scan", code="2")
    assert "Why do you take other goods?" in picker.send(f"{other}/scan", code="T01")
    assert "All picked" in picker.send(f"{other}/scan", reason="damaged", quantity="1")
    settled()


def test_a_packer_finds_the_order_by_its_tote(picker: Handheld, place: Any, handheld: Make) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    tasks = [task_for((milk, 1), order_number=f"S-{n}") for n in (1, 2)]
    batch = batch_of(tasks, picker.actor)
    pick_rest(batch, picker.actor)
    complete_picking_batch(batch.pk, actor=picker.actor)
    page = handheld(here, Role.PACKER).send("/floor/pack/find", code=f"tote-{tasks[1].pk}")
    assert "S-2" in page
    assert PackingTask.objects.get(status="in_progress").picking_task_id == tasks[1].pk


def test_a_tote_that_is_looked_up_leads_to_its_order(picker: Handheld, place: Any, handheld: Make) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    task = task_for((milk, 2), order_number="S-1")
    batch, packer = batch_of([task], picker.actor), handheld(here, Role.PACKER)
    assert "Unknown code" in picker.send("/floor/lookup/find", code="BOX-1")
    pick_stop(task.items.get(), picker.actor, 1, tote_scan="BOX-1")
    assert "Go to" in picker.send("/floor/lookup/find", code="box-1")
    assert "Unknown code" in packer.send("/floor/lookup/find", code="BOX-1")
    pick_stop(task.items.get(), picker.actor, 1, tote_scan="BOX-1")
    complete_picking_batch(batch.pk, actor=picker.actor)
    assert "S-1" in packer.send("/floor/lookup/find", code="box-1")
    assert "Unknown code" in picker.send("/floor/lookup/find", code="BOX-1")


def test_the_screen_costs_the_same_for_many_orders(picker: Handheld, place: Any) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"], 100)
    counts = []
    for orders in (1, 6):
        batch = batch_of([task_for((milk, 1)) for _ in range(orders)])
        path = begin(picker)
        with CaptureQueriesContext(connection) as queries:
            picker.see(path)
        counts.append(len(queries))
        pick_rest(batch, picker.actor)
        complete_picking_batch(batch.pk, actor=picker.actor)
    assert counts[0] == counts[1]
    assert counts[0] <= 16
