"""The pack screen as plain forms: finding a task, scanning, boxes, measures, the waybill, the hand-over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment import flows
from fulfillment.enums import SOURCE_LISTINGS, PackingStatus, ShipmentStatus
from fulfillment.models import BoxType, Package, PackageItem, PackingTask, PickingTask, Shipment
from fulfillment.queries import floor
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.packages import pack_item
from fulfillment.services.packing_tasks import cancel_packing_task, start_packing_task
from inventory.models import Movement
from tests.factories.fulfillment import ACTOR, order_for, person, picked, reachable_site, stocked
from tests.factories.inventory import BarcodeFactory, ProductFactory
from tests.fulfillment.screens.conftest import HTMX, Handheld
from warehouse.core.actor import Role

Make = Callable[..., Handheld]


@pytest.fixture
def place(transactional_db: None) -> Any:
    return reachable_site()


@pytest.fixture
def goods(place: Any) -> Any:
    milk, tea = ProductFactory(name="Milk"), ProductFactory(name="Tea")
    BarcodeFactory(code="8600000000011", product=milk)
    BarcodeFactory(code="18600000000018", product=milk, pack_quantity=6)
    stocked(milk, place.shelf, 50, lot="M-1", expires_in_days=9)
    stocked(tea, place.shelf, 50, lot="T-1")
    return milk, tea


@pytest.fixture
def packer(place: Any, handheld: Make) -> Handheld:
    return handheld(place, Role.PACKER)


def on_the_bench(lines: Any, **order: Any) -> PackingTask:
    taken = order_for(lines, **order)
    return picked(PickingTask.objects.get(order=taken), person(Role.PICKER))


def scan(packer: Handheld, task: PackingTask, code: str = "", **more: Any) -> str:
    return packer.send(f"/floor/pack/{task.pk}/scan", code=code, **more)


def measure(packer: Handheld, task: PackingTask, package: Package, **changes: str) -> str:
    values = {"weight": "2.5", "length": "30", "width": "20", "height": "10", "packaging_type": "box"} | changes
    return packer.send(f"/floor/pack/{task.pk}/measure/{package.pk}/save", **values)


def ready(packer: Handheld, task: PackingTask) -> None:
    packer.send(f"/floor/pack/{task.pk}/start")
    for item in task.items.select_related("product"):
        scan(packer, task, item.product.sku)
        if item.quantity > 1:
            scan(packer, task, rest="1")
    measure(packer, task, Package.objects.get(packing_task=task))


def test_an_order_is_packed_with_plain_forms(packer: Handheld, place: Any, goods: Any, delivery: Any, order_system: Any) -> None:
    milk, tea = goods
    task = on_the_bench([(milk, 2), (tea, 1)], order_number="S-1")
    page = packer.see("/floor/pack")
    assert "S-1" in page
    assert "order waits on the benches" in page
    page = packer.send("/floor/pack/claim")
    assert "Scan an item" in page
    assert "0/2" in page
    assert "Packed: 1 pcs" in scan(packer, task, "8600000000011")
    assert "Packed: 1 pcs" in scan(packer, task, "M-1")  # the lot names it too
    page = scan(packer, task, milk.sku)
    assert "All of these are packed already" in page
    page = scan(packer, task, tea.sku)
    assert "Weigh and measure" in page
    package = Package.objects.get()
    assert f"/floor/pack/{task.pk}/measure/{package.pk}" in page
    assert "Weight" in packer.see(f"/floor/pack/{task.pk}/measure/{package.pk}")
    assert "Measured" in measure(packer, task, package, weight="1,250")
    package.refresh_from_db()
    assert (package.weight, package.length) == (Decimal("1.250"), 30)
    page = packer.send(f"/floor/pack/{task.pk}/finish")
    assert "Waiting for the waybill" in page
    assert "Hand over" not in page
    shipment = Shipment.objects.get()
    flows.request_shipment(shipment.pk)
    shipment = Shipment.objects.get()
    part = packer.get(f"/floor/pack/{task.pk}/shipments", headers=HTMX).content.decode()
    assert shipment.tracking_number in part
    assert shipment.label_url in part
    assert "every 2s" not in part  # nothing more to ask
    assert "Hand over to the carrier" in part
    assert "The carrier has it." in packer.send(f"/floor/pack/{task.pk}/ship")
    assert PackingTask.objects.get().status == PackingStatus.SHIPPED


def test_a_scan_of_a_case_packs_the_case(packer: Handheld, goods: Any) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 8)])
    packer.send(f"/floor/pack/{task.pk}/start")
    assert "Packed: 6 pcs" in scan(packer, task, "18600000000018")
    page = scan(packer, task, "18600000000018")  # only two are left
    assert "Too much" in page
    assert PackageItem.objects.get().quantity == 6
    page = scan(packer, task, milk.sku)
    assert "Packed: 1 pcs" in page
    scan(packer, task, milk.sku)
    assert PackageItem.objects.get().quantity == 8


def test_weighed_goods_are_packed_whole(packer: Handheld, place: Any) -> None:
    ham = ProductFactory(base_unit="kg", quantity_step=Decimal("0.001"))
    stocked(ham, place.shelf, "5")
    task = on_the_bench([(ham, "2.85")])
    packer.send(f"/floor/pack/{task.pk}/start")
    assert "Packed: 2.85 kg" in scan(packer, task, ham.sku)


@pytest.mark.parametrize("code", ["", " ", "no such code", "A-01", "\x00", "x" * 5000])
def test_what_does_not_belong_is_refused_loudly(packer: Handheld, goods: Any, code: str) -> None:
    milk, tea = goods
    task = on_the_bench([(milk, 1)])
    packer.send(f"/floor/pack/{task.pk}/start")
    for wrong in (code, tea.sku):
        assert 'class="wrong-screen"' in scan(packer, task, wrong)
    assert "Nothing was scanned" in scan(packer, task, rest="1")
    assert not PackageItem.objects.exists()


def test_a_task_is_found_by_whatever_is_at_hand(packer: Handheld, place: Any, goods: Any) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 1)], order_number="S-77", external_id="9077")
    packer.send(f"/floor/pack/{task.pk}/start")
    scan(packer, task, milk.sku)
    package = Package.objects.get()
    for code in (task.number, task.number.lower(), task.picking_task.number, package.barcode, "S-77", "9077"):
        assert "S-77" in packer.send("/floor/pack/find", code=code), code
    assert packer.send("/floor/pack/find", htmx=True, code="S-77") == ""  # htmx is sent there
    for code in ("S-78", "", "\x00", milk.sku):
        page = packer.send("/floor/pack/find", code=code, htmx=True)
        assert 'class="wrong-screen"' in page, code


def test_a_bench_names_its_most_urgent_task(packer: Handheld, place: Any, goods: Any) -> None:
    milk, _tea = goods
    on_the_bench([(milk, 1)], order_number="S-LATER")
    on_the_bench([(milk, 1)], order_number="S-URGENT", priority="urgent")
    page = packer.send("/floor/pack/find", code=place.bench.barcode)
    assert "S-URGENT" in page
    assert PackingTask.objects.get(order__order_number="S-URGENT").worker_id == packer.actor.user_id


def test_the_next_task_skips_one_that_somebody_else_took(packer: Handheld, place: Any, goods: Any, handheld: Make) -> None:
    milk, _tea = goods
    first, second = on_the_bench([(milk, 1)]), on_the_bench([(milk, 1)])
    start_packing_task(first.pk, actor=person(Role.PACKER))
    packer.send("/floor/pack/claim")
    assert PackingTask.objects.get(pk=second.pk).worker_id == packer.actor.user_id
    other = handheld(place, Role.PACKER)
    assert "Nothing to pack now" in other.send("/floor/pack/claim")
    assert "This is not your task" in other.see(f"/floor/pack/{second.pk}")
    assert "Not yours to do" in scan(other, second, milk.sku)


def test_several_boxes(packer: Handheld, goods: Any) -> None:
    milk, tea = goods
    task = on_the_bench([(milk, 1), (tea, 3)])
    packer.send(f"/floor/pack/{task.pk}/start")
    scan(packer, task, milk.sku)
    assert "Box 2" in packer.send(f"/floor/pack/{task.pk}/box", new="1")
    scan(packer, task, tea.sku)
    first, second = Package.objects.order_by("sequence_number")
    packer.send(f"/floor/pack/{task.pk}/box", package=first.pk)
    scan(packer, task, tea.sku)
    packer.send(f"/floor/pack/{task.pk}/box", new="1")
    scan(packer, task, tea.sku, htmx=True)
    third = Package.objects.order_by("sequence_number").last()
    assert third is not None
    inside = PackageItem.objects.order_by("package", "pk").values_list("package", "quantity")
    assert sorted(inside) == sorted([(first.pk, 1), (first.pk, 1), (second.pk, 1), (third.pk, 1)])
    packer.send(f"/floor/pack/{task.pk}/box", package="nonsense")  # then the last one is filled, as before
    assert "Box 1" in packer.see(f"/floor/pack/{task.pk}")


def test_an_empty_box_is_taken_away_before_closing(packer: Handheld, goods: Any) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 1)])
    packer.send(f"/floor/pack/{task.pk}/start")
    scan(packer, task, milk.sku, htmx=True)
    packer.send(f"/floor/pack/{task.pk}/box", new="1")
    full, empty = Package.objects.order_by("sequence_number")
    measure(packer, task, full)
    page = packer.send(f"/floor/pack/{task.pk}/finish")
    assert "Not finished yet" in page
    assert "Take away the empty box 2" in page
    assert "Not possible now" in packer.send(f"/floor/pack/{task.pk}/box", remove=full.pk)
    packer.send(f"/floor/pack/{task.pk}/box", remove=empty.pk)
    assert "Waiting for the waybill" in packer.send(f"/floor/pack/{task.pk}/finish")


@pytest.mark.parametrize(
    "bad", [{"weight": ""}, {"weight": "0"}, {"length": "-1"}, {"width": "NaN"}, {"height": "1e30"}, {"packaging_type": "coffin"}]
)
def test_bad_measures_are_refused_and_stay_to_be_corrected(packer: Handheld, goods: Any, bad: dict[str, str]) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 1)])
    packer.send(f"/floor/pack/{task.pk}/start")
    scan(packer, task, milk.sku)
    package = Package.objects.get()
    page = measure(packer, task, package, **bad)
    assert "can&#x27;t be used" in page
    assert 'name="weight"' in page
    assert all(f'value="{value}"' in page for name, value in bad.items() if value and name != "packaging_type")
    package.refresh_from_db()
    assert package.weight is None


def test_statements_of_a_scan_do_not_grow_with_the_task(packer: Handheld, place: Any) -> None:
    counts = []
    for lines in (1, 12):
        goods = [ProductFactory() for _ in range(lines)]
        for product in goods:
            stocked(product, place.shelf, 5)
        task = on_the_bench([(product, 5) for product in goods])
        packer.send(f"/floor/pack/{task.pk}/start")
        scan(packer, task, goods[0].sku)
        with CaptureQueriesContext(connection) as queries:
            packer.send(f"/floor/pack/{task.pk}/scan", htmx=True, code=goods[0].sku)
        counts.append(len(queries))
        for product in goods:
            scan(packer, task, product.sku, htmx=True)
            scan(packer, task, rest="1", htmx=True)
        page = packer.see(f"/floor/pack/{task.pk}")
        assert "Weigh and measure" in page
    assert counts[0] == counts[1] <= 29


def test_what_is_open_stands_before_what_is_packed(packer: Handheld, goods: Any) -> None:
    milk, tea = goods
    task = on_the_bench([(milk, 1), (tea, 1)])
    packer.send(f"/floor/pack/{task.pk}/start")
    page = scan(packer, task, milk.sku, htmx=True)
    listed = page[page.index('class="rows items"') :]
    assert listed.index("Tea") < listed.index("Milk")


def test_a_carrier_that_refuses_is_shown_with_what_to_do(packer: Handheld, goods: Any) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 1)])
    ready(packer, task)
    packer.send(f"/floor/pack/{task.pk}/finish")
    Shipment.objects.update(next_attempt_at=None, last_error="422: no such street", attempts=1)
    page = packer.see(f"/floor/pack/{task.pk}")
    assert "The carrier refused." in page
    assert "no such street" in page
    Shipment.objects.update(next_attempt_at=timezone.now() + timedelta(minutes=1), last_error="timeout")
    page = packer.see(f"/floor/pack/{task.pk}")
    assert "does not answer yet" in page
    page = packer.send(f"/floor/pack/{task.pk}/ship")
    assert "Not possible now" in page
    assert Shipment.objects.get().status == ShipmentStatus.REQUESTED
    assert not Movement.objects.filter(type="sale").exists()


def test_a_cancelled_order_stops_the_packer(packer: Handheld, goods: Any) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 2)])
    packer.send(f"/floor/pack/{task.pk}/start")
    process_order_cancelled(SOURCE_LISTINGS, task.order.external_id, "", actor=ACTOR)
    for page in (scan(packer, task, milk.sku), packer.send(f"/floor/pack/{task.pk}/finish"), packer.send(f"/floor/pack/{task.pk}/box", new="1")):
        assert "The order was cancelled. Stop packing." in page
    assert not PackageItem.objects.exists()


def test_a_cancelled_task_of_a_living_order_says_so(packer: Handheld, goods: Any) -> None:
    task = on_the_bench([(goods[0], 2)])
    packer.send(f"/floor/pack/{task.pk}/start")
    cancel_packing_task(task.pk, "the box got wet", actor=ACTOR)
    page = packer.see(f"/floor/pack/{task.pk}")
    assert "This task was cancelled. Stop packing." in page
    assert "The order was cancelled" not in page


def test_of_several_tasks_the_one_to_work_on_is_found(packer: Handheld, place: Any, goods: Any) -> None:
    """Whatever the states are called: what is being packed, then what waits, then what is packed."""
    task = on_the_bench([(goods[0], 1)], order_number="S-9")
    others = [on_the_bench([(goods[0], 1)], order_number="S-9") for _ in range(3)]
    for row, status in zip([task, *others], ("shipped", "packed", "pending", "in_progress"), strict=True):
        PackingTask.objects.filter(pk=row.pk).update(status=status)
    for row in reversed(others):
        found = floor.packing_task_by_scan(place.warehouse.pk, "S-9", None)
        assert found is not None
        assert found.pk == row.pk
        PackingTask.objects.filter(pk=row.pk).update(status="cancelled")
    assert getattr(floor.packing_task_by_scan(place.warehouse.pk, "S-9", None), "pk", None) == task.pk


def test_nothing_changes_by_get_without_a_token_or_without_the_role(handheld: Make, place: Any, packer: Handheld, goods: Any) -> None:
    task = on_the_bench([(goods[0], 1)])
    picker = handheld(place, Role.PICKER)
    for path in ("claim", "find", *(f"{task.pk}/{step}" for step in ("start", "scan", "box", "finish", "ship", "measure/1/save"))):
        assert packer.get(f"/floor/pack/{path}").status_code == 405
        assert packer.post(f"/floor/pack/{path}").status_code == 403
        assert picker.post(f"/floor/pack/{path}", {"csrfmiddlewaretoken": picker.cookies["csrftoken"].value}).status_code == 403
    for path in ("", f"/{task.pk}", f"/{task.pk}/shipments", f"/{task.pk}/measure/1"):
        assert picker.get(f"/floor/pack{path}").status_code == 403
    assert packer.get("/floor/pack/99999").status_code == packer.get(f"/floor/pack/{task.pk}/measure/99999").status_code == 404
    assert PackingTask.objects.get().status == PackingStatus.PENDING


def test_a_code_is_looked_up_in_indexes_one_after_another(place: Any, goods: Any) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 1)], order_number="S-77", external_id="9077")

    def looked_up(code: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            floor.packing_task_by_scan(place.id, code, None)
        assert not any(" OR " in query["sql"] for query in queries)
        return len(queries)

    # Its number: the first look. An unknown code: three numbers, a tote, and the orders of that id or number.
    assert (looked_up(task.number.lower()), looked_up("nothing")) == (1, 6)
    assert floor.packing_task_by_scan(place.id, "s-77", None) == task


def test_a_number_from_the_pad_packs_many_at_once(packer: Handheld, goods: Any) -> None:
    milk, tea = goods
    task = on_the_bench([(milk, 30), (tea, 1)])
    packer.send(f"/floor/pack/{task.pk}/start")
    scan(packer, task, milk.sku)
    assert "still to pack" in scan(packer, task, pad="1")
    # What can't be is refused, and asked for again.
    for wrong in ("", "0", "x", "1.5", "30"):
        page = scan(packer, task, confirm="1", quantity=wrong)
        assert 'class="wrong-screen"' in page, wrong
        assert "still to pack" in page, wrong
    assert "Packed: 28 pcs" in scan(packer, task, confirm="1", quantity="28")
    # The pad is gone: a second tap of its button changes nothing.
    scan(packer, task, confirm="1", quantity="1")
    assert PackageItem.objects.get().quantity == 29
    scan(packer, task, pad="1")
    assert "Scan an item" in scan(packer, task, leave="1")
    scan(packer, task, pad="1")
    assert "Packed: 1 pcs" in scan(packer, task, tea.sku)  # a scan says more than the number that was asked for
    assert "still to pack" not in packer.see(f"/floor/pack/{task.pk}")


def test_a_number_of_before_somebody_else_packed_is_refused(packer: Handheld, goods: Any) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 9)])
    packer.send(f"/floor/pack/{task.pk}/start")
    scan(packer, task, milk.sku)
    scan(packer, task, pad="1")
    pack_item(task.pk, milk.sku, 1, actor=packer.actor)
    assert "Somebody was faster" in scan(packer, task, confirm="1", quantity="7")
    assert PackageItem.objects.get().quantity == 2


def test_the_last_scan_is_undone_once(packer: Handheld, goods: Any) -> None:
    milk, tea = goods
    task = on_the_bench([(milk, 3), (tea, 1)])
    packer.send(f"/floor/pack/{task.pk}/start")
    assert "↶" not in scan(packer, task, "nonsense")
    scan(packer, task, tea.sku)
    assert "↶ Undo" in scan(packer, task, milk.sku)
    version = PackingTask.objects.get().version
    page = packer.send(f"/floor/pack/{task.pk}/undo", version=version)
    assert "Taken out: 1 pcs" in page
    assert "0/2" not in page
    assert "Somebody was faster" in packer.send(f"/floor/pack/{task.pk}/undo", version=version)
    assert PackageItem.objects.get().item.product == tea
    packer.send(f"/floor/pack/{task.pk}/undo", htmx=True, version=version + 1)
    assert not PackageItem.objects.exists()


def test_the_suggested_box_is_one_tap(packer: Handheld, place: Any) -> None:
    small = BoxType.objects.create(code="S", name="Small", length=20, width=15, height=10, wall=Decimal("0.5"), own_weight=Decimal("0.1"))
    large = BoxType.objects.create(code="L", name="Large", length=40, width=30, height=30)
    cup, pipe = ProductFactory(name="Cup", length=8, width=8, height=9), ProductFactory(name="Pipe", length=90, width=5, height=5)
    nut = ProductFactory(name="Nut")
    for product in (cup, pipe, nut):
        stocked(product, place.shelf, 9)
    task = on_the_bench([(cup, 2), (pipe, 1), (nut, 1)])
    page = packer.send(f"/floor/pack/{task.pk}/start")
    assert "Take S Small" in page
    assert "Fits into no box: Pipe" in page
    assert "Not counted in, no sizes are known: Nut" in page
    page = packer.send(f"/floor/pack/{task.pk}/box", type=small.pk)
    assert "Take S Small" not in page
    package = Package.objects.get()
    assert (package.box_type, package.length) == (small, 21)
    # Another kind for the same box, from inside.
    inside = packer.see(f"/floor/pack/{task.pk}/box/{package.pk}")
    assert "The box is empty." in inside
    assert "40 × 30 × 30" in inside
    packer.send(f"/floor/pack/{task.pk}/box", package=package.pk, type=large.pk)
    assert Package.objects.get().box_type == large
    assert 'class="wrong-screen"' in packer.send(f"/floor/pack/{task.pk}/box", type="nonsense")


def test_goods_are_laid_into_another_box(packer: Handheld, goods: Any) -> None:
    milk, tea = goods
    task = on_the_bench([(milk, 3), (tea, 1)])
    packer.send(f"/floor/pack/{task.pk}/start")
    for code in (milk.sku, tea.sku):
        scan(packer, task, code)
        scan(packer, task, rest="1")
    packer.send(f"/floor/pack/{task.pk}/box", new="1")
    first, second = Package.objects.order_by("sequence_number")
    path = f"/floor/pack/{task.pk}/box/{first.pk}"
    page = packer.see(path)
    assert page.count("All to box 2") == 2
    assert page.count("One to box 2") == 1
    item = task.items.get(product=milk)
    version = PackingTask.objects.get().version
    page = packer.send(f"{path}/move", item=item.pk, to=second.pk, one="1", version=version)
    assert "Moved to box 2" in page
    assert "Somebody was faster" in packer.send(f"{path}/move", item=item.pk, to=second.pk, one="1", version=version)
    packer.send(f"{path}/move", htmx=True, item=item.pk, to=second.pk, version=version + 1)
    assert sorted(PackageItem.objects.values_list("package", "item__product__name", "quantity")) == [(first.pk, "Tea", 1), (second.pk, "Milk", 3)]
    assert 'class="wrong-screen"' in packer.send(f"{path}/move", item="x", to="y", version=version + 2)
    assert packer.get(f"/floor/pack/{task.pk}/box/99999").status_code == 404


def test_weighed_goods_go_onto_the_scale(packer: Handheld, place: Any) -> None:
    ham = ProductFactory(name="Ham", base_unit="kg", quantity_step=Decimal("0.001"), weight_tolerance=Decimal("0.05"))
    stocked(ham, place.shelf, "5")
    task = on_the_bench([(ham, "0.5")])
    item = task.items.get()
    packer.send(f"/floor/pack/{task.pk}/start")
    assert "Weigh Ham" in scan(packer, task, ham.sku)
    assert "On the scale" in scan(packer, task, weigh=item.pk)
    assert "can&#x27;t be used" in scan(packer, task, confirm="1", quantity="5")
    page = scan(packer, task, confirm="1", quantity="0,52")
    assert "Weighed: 0.52 kg" in page
    assert task.items.get().actual_quantity == Decimal("0.52")
    assert "On the scale" not in scan(packer, task, weigh="99999")


def test_a_box_of_the_wrong_weight_is_looked_into(packer: Handheld, place: Any) -> None:
    jar = ProductFactory(name="Jar", weight=1)
    stocked(jar, place.shelf, 9)
    task = on_the_bench([(jar, 2)])
    packer.send(f"/floor/pack/{task.pk}/start")
    scan(packer, task, jar.sku)
    scan(packer, task, rest="1")
    package = Package.objects.get()
    page = measure(packer, task, package, weight="1.1")
    assert "The weight does not fit" in page
    assert "It should weigh at least 1.8 kg" in page
    assert 'value="1.1"' in page
    assert "The weight does not fit" in measure(packer, task, package, weight="1.1", reason="because")
    assert Package.objects.get().weight is None
    assert "Measured" in measure(packer, task, package, weight="1.1", reason="another box")
    # Its contents change: it has to be looked into again.
    version = PackingTask.objects.get().version
    packer.send(f"/floor/pack/{task.pk}/undo", version=version)
    scan(packer, task, jar.sku)
    page = packer.see(f"/floor/pack/{task.pk}")
    assert "Measure box 1" in page
    assert "Not finished yet" in packer.send(f"/floor/pack/{task.pk}/finish")
    measure(packer, task, package, weight="2.1")
    assert "Waiting for the waybill" in packer.send(f"/floor/pack/{task.pk}/finish")


def test_no_change_of_boxes_by_get_or_without_the_role(handheld: Make, place: Any, packer: Handheld, goods: Any) -> None:
    task = on_the_bench([(goods[0], 1)])
    picker = handheld(place, Role.PICKER)
    for path in (f"{task.pk}/undo", f"{task.pk}/box/1/move"):
        assert packer.get(f"/floor/pack/{path}").status_code == 405
        assert picker.post(f"/floor/pack/{path}", {"csrfmiddlewaretoken": picker.cookies["csrftoken"].value}).status_code == 403
    assert picker.get(f"/floor/pack/{task.pk}/box/1").status_code == 403
