"""The pick screen as plain forms: a walk from the claim to the bench, and wrong scans on it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.enums import SOURCE_LISTINGS, PickingItemStatus, PickingStatus
from fulfillment.models import Pick, PickingTask, PickingTaskItem
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_tasks import cancel_picking_task
from fulfillment.services.replanning import replan_picking
from inventory.models import Batch, BatchLocation, Location, Movement
from inventory.orchestrator import WriteOffLine, remove_stock
from tests.factories.fulfillment import ACTOR, order_for, stocked
from tests.factories.inventory import LocationFactory, ProductFactory
from tests.fulfillment.screens.conftest import HTMX, Handheld
from tests.fulfillment.screens.picking import begin, scan


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


@pytest.mark.parametrize(("quantity", "words"), [("4", "Too much"), *((bad, "can&#x27;t be used") for bad in ("", "0", "-1", "NaN", "1.5", "x"))])
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
