"""The pick screen as plain forms, and its answers to bad input."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.enums import SOURCE_LISTINGS, PickingItemStatus, PickingStatus
from fulfillment.models import Pick, PickingTask, PickingTaskItem
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_tasks import assign_picking_task, cancel_picking_task
from fulfillment.services.replanning import replan_picking
from inventory.models import Batch, BatchLocation, Location, Movement
from inventory.orchestrator import WriteOffLine, remove_stock
from tests.factories.fulfillment import ACTOR, order_for, site, stocked
from tests.factories.inventory import BarcodeFactory, LocationFactory, ProductFactory
from tests.fulfillment.screens.conftest import HTMX, Handheld
from warehouse.core.actor import Role

Make = Callable[..., Handheld]


@pytest.fixture
def place(transactional_db: None) -> Any:
    return site()


@pytest.fixture
def milk(place: Any) -> Any:
    product = ProductFactory(name="Milk & <b>honey</b>")
    BarcodeFactory(code="8600000000011", product=product)
    stocked(product, place.shelf, 10, lot="L-1", expires_in_days=9)
    return product


@pytest.fixture
def picker(place: Any, handheld: Make) -> Handheld:
    return handheld(place, Role.PICKER)


def begin(picker: Handheld) -> PickingTask:
    picker.send("/floor/pick/claim")
    return PickingTask.objects.get(worker=picker.actor.user_id, status=PickingStatus.IN_PROGRESS)


def scan(picker: Handheld, task: PickingTask, code: str = "", **more: Any) -> str:
    return picker.send(f"/floor/pick/{task.pk}/scan", code=code, **more)


def test_a_walk_with_plain_forms(picker: Handheld, place: Any, milk: Any) -> None:
    order_for([(milk, 3)], order_number="S-1")
    assert "1" in picker.see("/floor/pick")
    task = begin(picker)
    page = picker.see("/floor/pick")  # leads to the task at hand
    assert "Go to" in page
    assert place.shelf.code in page
    assert "Milk &amp; &lt;b&gt;honey" in page
    assert "Right place" in scan(picker, task, place.shelf.code.lower())
    page = scan(picker, task, "8600000000011")
    assert "Right product" in page
    assert 'value="3"' in page
    assert "All picked" in scan(picker, task, confirm="1", quantity="3")
    task = PickingTask.objects.get()
    assert task.status == PickingStatus.COMPLETED
    assert Pick.objects.get().quantity == 3
    page = picker.see(f"/floor/pick/{task.pk}")
    assert "Bring everything to" in page
    assert place.bench.code in page
    assert "All picked" not in page  # said once


def test_goods_that_were_promised_from_another_place_meanwhile(picker: Handheld, place: Any, milk: Any) -> None:
    """The picker stands at the shelf when its goods are written off: first the refusal names the new place, then the screen does."""
    order_for([(milk, 1)])
    task = begin(picker)
    stocked(milk, LocationFactory(warehouse=place.warehouse, code="B-07"), 5, lot="L-2", expires_in_days=20)
    assert "Right place" in scan(picker, task, place.shelf.code)
    line = WriteOffLine(BatchLocation.objects.get(batch__lot_number="L-1").pk, Decimal(10), "damaged")
    remove_stock(warehouse_id=place.id, line=line, release_reservations=True, actor=ACTOR)
    page = scan(picker, task, "8600000000011")
    assert 'class="wrong-screen"' in page
    assert "1 in B-07 (lot L-2)" in page

    replan_picking([task.reservation_id], actor=ACTOR)

    page = picker.see(f"/floor/pick/{task.pk}")
    assert "Go to" in page
    assert "B-07" in page
    assert 'class="wrong-screen"' in scan(picker, task, "8600000000011")  # the place is asked anew
    assert "Right place" in scan(picker, task, "B-07")
    assert "All picked" in scan(picker, task, "8600000000011")
    assert Pick.objects.get().quantity == 1


@pytest.mark.parametrize("code", ["", "   ", "B-99", "8600000000011", "x" * 5000, "\x00", "'; DROP TABLE", "<script>alert(1)</script>"])
def test_a_wrong_place_changes_nothing(picker: Handheld, place: Any, milk: Any, code: str) -> None:
    order_for([(milk, 1)])
    task = begin(picker)
    page = scan(picker, task, code)
    assert 'class="wrong-screen"' in page
    assert "<script>alert" not in page
    assert "Scan the place" in page
    assert not Movement.objects.filter(type="pick").exists()


@pytest.mark.parametrize("code", ["", "A-01", "nothing", "L-2", "\x00"])
def test_wrong_goods_change_nothing(picker: Handheld, place: Any, milk: Any, code: str) -> None:
    order_for([(milk, 1)])
    task = begin(picker)
    scan(picker, task, place.shelf.code)
    page = scan(picker, task, code)
    assert 'class="wrong-screen"' in page
    assert "Scan the product" in page
    assert not Movement.objects.filter(type="pick").exists()


@pytest.mark.parametrize(("quantity", "words"), [("4", "Too much"), *((bad, "can&#x27;t be used") for bad in ("0", "-1", "NaN", "1.5", "x"))])
def test_a_wrong_quantity_changes_nothing(picker: Handheld, place: Any, milk: Any, quantity: str, words: str) -> None:
    order_for([(milk, 3)])
    task = begin(picker)
    scan(picker, task, place.shelf.code)
    scan(picker, task, milk.sku)
    page = scan(picker, task, confirm="1", quantity=quantity)
    assert words in page
    assert "Confirm" in page
    assert not Pick.objects.exists()
    assert "All picked" in scan(picker, task, confirm="1", quantity="3")


def test_confirming_without_the_scans_is_no_way_round_them(picker: Handheld, milk: Any) -> None:
    order_for([(milk, 3)])
    task = begin(picker)
    assert "Nothing was scanned" in scan(picker, task, confirm="1", quantity="3")
    assert not Pick.objects.exists()


def test_one_piece_needs_no_confirmation(picker: Handheld, place: Any, milk: Any) -> None:
    order_for([(milk, 1)])
    task = begin(picker)
    scan(picker, task, place.shelf.barcode)
    assert "All picked" in scan(picker, task, milk.sku)


def test_goods_that_became_unfit_are_refused_with_what_to_do(picker: Handheld, place: Any, milk: Any) -> None:
    order_for([(milk, 1)])
    task = begin(picker)
    scan(picker, task, place.shelf.code)
    Location.objects.filter(pk=place.shelf.pk).update(is_active=False)
    Batch.objects.update(status="on_hold")
    item = PickingTaskItem.objects.select_related("batch_location").get()
    item.batch_location.blocked_reason = "held"
    item.batch_location.save()
    page = scan(picker, task, milk.sku)
    assert "These goods may not leave" in page
    assert "Press “Not enough”" in page
    page = picker.send(f"/floor/pick/{task.pk}/give-up", item=item.pk, what="short")
    assert PickingTaskItem.objects.get().status == PickingItemStatus.SHORT
    assert "Scan the product" not in page


def test_an_order_cancelled_meanwhile_stops_the_picker(picker: Handheld, place: Any, milk: Any) -> None:
    order = order_for([(milk, 2)])
    task = begin(picker)
    process_order_cancelled(SOURCE_LISTINGS, order.external_id, "", actor=ACTOR)
    for page in (scan(picker, task, place.shelf.code), picker.send(f"/floor/pick/{task.pk}/finish"), picker.see(f"/floor/pick/{task.pk}")):
        assert "The order was cancelled" in page
    item = PickingTaskItem.objects.get()
    assert "The order was cancelled" in picker.send(f"/floor/pick/{task.pk}/give-up", item=item.pk, what="short")
    assert "Nothing was picked" in page


def test_a_task_cancelled_meanwhile_is_not_called_a_cancelled_order(picker: Handheld, place: Any, milk: Any) -> None:
    order_for([(milk, 2)])
    task = begin(picker)
    cancel_picking_task(task.pk, "wrong warehouse", actor=ACTOR)
    page = picker.see(f"/floor/pick/{task.pk}")
    assert "This task was cancelled. Stop picking." in page
    assert "The order was cancelled" not in page


def test_the_rest_of_a_partly_picked_item_can_only_be_short(picker: Handheld, place: Any, milk: Any) -> None:
    order_for([(milk, 3)])
    task = begin(picker)
    scan(picker, task, place.shelf.code)
    scan(picker, task, milk.sku)
    page = scan(picker, task, confirm="1", quantity="2")
    assert "already picked" in page
    assert ">Skip<" not in page
    page = picker.send(f"/floor/pick/{task.pk}/give-up", item=PickingTaskItem.objects.get().pk, what="skip")
    assert "Not possible now" in page
    picker.send(f"/floor/pick/{task.pk}/give-up", item=PickingTaskItem.objects.get().pk, what="short")
    item = PickingTaskItem.objects.get()
    assert (item.status, item.quantity_picked) == (PickingItemStatus.SHORT, Decimal(2))


def test_two_lots_in_one_place_need_its_scan_once(picker: Handheld, place: Any, milk: Any) -> None:
    stocked(milk, place.shelf, 1, lot="L-0", expires_in_days=3)
    order_for([(milk, 2)])
    task = begin(picker)
    scan(picker, task, place.shelf.code)
    page = scan(picker, task, milk.sku)
    assert "Picked: 1 pcs" in page
    assert "Scan the product" in page
    assert "All picked" in scan(picker, task, milk.sku)
    assert set(Pick.objects.values_list("item__batch__lot_number", flat=True)) == {"L-0", "L-1"}


def test_the_scans_of_one_item_do_not_count_for_another(picker: Handheld, place: Any, milk: Any) -> None:
    jar = ProductFactory()
    far = LocationFactory(warehouse=place.warehouse, pick_sequence=99999)
    stocked(jar, far, 2, lot="J")
    order_for([(milk, 1), (jar, 1)])
    task = begin(picker)
    scan(picker, task, place.shelf.code)
    scan(picker, task, milk.sku)
    assert "Wrong place" in scan(picker, task, jar.sku)


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


def test_htmx_gets_the_changed_part_and_is_sent_to_the_sign_in(picker: Handheld, place: Any, milk: Any) -> None:
    order_for([(milk, 1)])
    task = begin(picker)
    page = picker.send(f"/floor/pick/{task.pk}/scan", htmx=True, code=place.shelf.code)
    assert page.lstrip().startswith('<div id="screen"')
    assert 'data-feedback="right"' in page
    assert "<html" not in page
    token = picker.cookies["csrftoken"].value
    picker.logout()
    picker.cookies["csrftoken"] = token
    response = picker.post(
        f"/floor/pick/{task.pk}/scan",
        {"csrfmiddlewaretoken": token},
        headers={**HTMX, "HX-Current-URL": f"http://testserver/floor/pick/{task.pk}"},
    )
    assert response["HX-Redirect"] == f"/floor/login?next=/floor/pick/{task.pk}"


def test_statements_of_a_scan_do_not_grow_with_the_task(picker: Handheld, place: Any, milk: Any) -> None:
    counts = []
    for lines in (1, 12):
        goods = [ProductFactory() for _ in range(lines)]
        for product in goods:
            stocked(product, place.shelf, 1)
        order_for([(product, 1) for product in goods])
        task = begin(picker)
        with CaptureQueriesContext(connection) as queries:
            picker.send(f"/floor/pick/{task.pk}/scan", htmx=True, code=place.shelf.code)
        counts.append(len(queries))
        for product in PickingTaskItem.objects.filter(task=task).order_by("sequence").values_list("product__sku", flat=True):
            scan(picker, task, product)
        assert PickingTask.objects.get(pk=task.pk).status == PickingStatus.COMPLETED
    assert counts == [11, 11]


def test_a_manager_may_do_all_of_it(handheld: Make, place: Any, milk: Any) -> None:
    order_for([(milk, 1)])
    manager = handheld(place, Role.MANAGER)
    page = manager.see("/floor/")
    assert all(word in page for word in ("Pick", "Pack", "Put back"))
    task = begin(manager)
    assert "Right place" in scan(manager, task, place.shelf.code)


def test_of_two_confirmations_at_once_one_counts(picker: Handheld, place: Any, milk: Any) -> None:
    order_for([(milk, 3)])
    task = begin(picker)
    scan(picker, task, place.shelf.code)
    scan(picker, task, "8600000000011")
    as_it_was = dict(picker.session)

    scan(picker, task, confirm="1", quantity="1")
    session = picker.session  # the other request began before the first one had ended
    session.update(as_it_was)
    session.save()
    scan(picker, task, confirm="1", quantity="1")

    assert PickingTaskItem.objects.get(task=task).quantity_picked == 1


# --- what goes wrong on a walk ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def far(place: Any, milk: Any) -> Any:
    """A shelf at the end of the walk with a later lot."""
    shelf = LocationFactory(warehouse=place.warehouse, code="Z-09", pick_sequence=10**6)
    stocked(milk, shelf, 10, lot="L-2", expires_in_days=20)
    return shelf


def test_not_enough_leads_to_the_next_place(picker: Handheld, place: Any, milk: Any, far: Any) -> None:
    order_for([(milk, 3)])
    task = begin(picker)
    assert "looked for in other places" in picker.see(f"/floor/pick/{task.pk}?ask=short")
    page = picker.send(f"/floor/pick/{task.pk}/give-up", item=task.items.get().pk, what="short")
    assert "Noted: not enough" in page
    assert "The rest is fetched from Z-09." in page
    assert "1/2" in page
    assert "Right place" in scan(picker, task, "Z-09")
    scan(picker, task, milk.sku)
    assert "All picked" in scan(picker, task, confirm="1", quantity="3")


def test_not_enough_anywhere(picker: Handheld, place: Any, milk: Any) -> None:
    order_for([(milk, 3)])
    task = begin(picker)
    scan(picker, task, place.shelf.code)
    scan(picker, task, milk.sku)
    scan(picker, task, confirm="1", quantity="1")
    page = picker.send(f"/floor/pick/{task.pk}/give-up", item=task.items.get().pk, what="short")
    assert "All picked" in page
    assert "fetched" not in page


def test_later(picker: Handheld, place: Any, milk: Any) -> None:
    jar = ProductFactory(name="Jar")
    stocked(jar, LocationFactory(warehouse=place.warehouse, code="Z-09", pick_sequence=10**6), 2, lot="J")
    order_for([(milk, 1), (jar, 1)])
    task = begin(picker)
    first = task.items.get(product=milk)
    assert ">Later<" in picker.see(f"/floor/pick/{task.pk}")
    page = picker.send(f"/floor/pick/{task.pk}/later", item=first.pk)
    assert "Put off to the end" in page
    assert "Z-09" in page
    scan(picker, task, "Z-09")
    page = scan(picker, task, jar.sku)
    assert place.shelf.code in page
    assert ">Later<" not in page
    assert "Not possible now" in picker.send(f"/floor/pick/{task.pk}/later", item=first.pk)


def test_the_last_scan_is_taken_back(picker: Handheld, place: Any, milk: Any) -> None:
    order_for([(milk, 3)])
    task = begin(picker)
    assert "Undo last" not in picker.see(f"/floor/pick/{task.pk}")
    scan(picker, task, place.shelf.code)
    scan(picker, task, milk.sku)
    assert "Undo last" in scan(picker, task, confirm="1", quantity="2")
    page = picker.see(f"/floor/pick/{task.pk}?ask=undo")
    for words in ("Take back the last scan?", "2 pcs", "Put it back to", place.shelf.code):
        assert words in page
    version = PickingTask.objects.get().version
    page = picker.send(f"/floor/pick/{task.pk}/undo", version=version)
    assert "Undone: 2 pcs" in page
    assert f"Put it back to {place.shelf.code}." in page
    assert Pick.objects.get().undone_at is not None
    assert "Somebody was faster" in picker.send(f"/floor/pick/{task.pk}/undo", version=version)
    assert "Not possible now" in picker.send(f"/floor/pick/{task.pk}/undo", version=PickingTask.objects.get().version)
    assert "Take back" not in picker.see(f"/floor/pick/{task.pk}?ask=undo")  # there is nothing to ask about


def other(picker: Handheld, task: PickingTask, **data: Any) -> str:
    return picker.send(f"/floor/pick/{task.pk}/other/scan", **data)


def test_another_lot_from_another_place(picker: Handheld, place: Any, milk: Any, far: Any) -> None:
    order_for([(milk, 3)])
    task = begin(picker)
    page = picker.see(f"/floor/pick/{task.pk}/other")
    for words in ("Other batch", f"{place.shelf.code} · L-1", "Where do you take it from?", "Scan the place"):
        assert words in page
    assert "Wrong scan" in other(picker, task, code="nowhere")
    assert "Scan the lot on the goods" in other(picker, task, code="Z-09")
    assert "Wrong scan" in other(picker, task, code="L-1")
    page = other(picker, task, code="L-2")
    assert "Why do you take other goods?" in page
    assert not Pick.objects.exists()
    assert "Too much" in other(picker, task, reason="damaged", quantity="4")
    page = other(picker, task, reason="damaged", quantity="2")
    assert "Picked: 2 pcs" in page
    assert "Go to" in page
    picked = PickingTaskItem.objects.get(status="picked")
    assert (picked.batch.lot_number, picked.quantity_picked, picked.notes) == ("L-2", 2, "the goods asked for are damaged")
    other(picker, task, code="Z-09")
    other(picker, task, code="8600000000011")
    assert "All picked" in other(picker, task, reason="fresher", quantity="1")
    assert PickingTask.objects.get().status == PickingStatus.COMPLETED
    assert "Bring everything to" in picker.see(f"/floor/pick/{task.pk}/other")


def test_a_reason_alone_picks_nothing_and_scans_can_be_forgotten(picker: Handheld, place: Any, milk: Any, far: Any) -> None:
    order_for([(milk, 3)])
    task = begin(picker)
    assert "Nothing was scanned" in other(picker, task, reason="damaged", quantity="3")
    other(picker, task, code="Z-09")
    other(picker, task, code="L-2")
    assert "Right product" in other(picker, task, reason="made up", code="L-2")
    assert "Go to" in picker.send(f"/floor/pick/{task.pk}/other/leave")
    assert "Where do you take it from?" in picker.see(f"/floor/pick/{task.pk}/other")
    assert not Pick.objects.exists()


def test_other_goods_are_for_the_one_who_walks(handheld: Make, picker: Handheld, place: Any, milk: Any, far: Any) -> None:
    order_for([(milk, 3)])
    task = begin(picker)
    stranger = handheld(place, Role.PICKER)
    assert "This is not your task" in stranger.see(f"/floor/pick/{task.pk}/other")
    other(stranger, task, code="Z-09")
    other(stranger, task, code="L-2")
    assert "This is not your task" in other(stranger, task, reason="damaged", quantity="3")
    assert not Pick.objects.exists()
    packer = handheld(place, Role.PACKER)
    assert packer.get(f"/floor/pick/{task.pk}/other").status_code == 403
    for path in ("other/scan", "other/leave", "later", "undo"):
        assert packer.post(f"/floor/pick/{task.pk}/{path}", {"csrfmiddlewaretoken": packer.cookies["csrftoken"].value}).status_code == 403
        assert picker.get(f"/floor/pick/{task.pk}/{path}").status_code == 405
