"""What goes wrong on a walk: not enough, later, taken back, other goods."""

from __future__ import annotations

from typing import Any

from fulfillment.enums import PickingStatus
from fulfillment.models import Pick, PickingTask, PickingTaskItem
from tests.factories.fulfillment import order_for, stocked
from tests.factories.inventory import LocationFactory, ProductFactory
from tests.fulfillment.screens.conftest import Handheld
from tests.fulfillment.screens.picking import Make, begin, other, scan
from warehouse.core.actor import Role


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
