"""The boxes of the pack screen: several, empty, suggested, measured and weighed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fulfillment.models import BoxType, Package, PackageItem, PackingTask
from tests.factories.fulfillment import stocked
from tests.factories.inventory import ProductFactory
from tests.fulfillment.screens.conftest import Handheld
from tests.fulfillment.screens.packing import Make, measure, on_the_bench, scan
from warehouse.core.actor import Role


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
