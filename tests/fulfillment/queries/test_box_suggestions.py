"""Boxes for the goods of a task: by sizes that are known, within what box and carrier bear, for what is still to be packed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fulfillment.models import BoxType, DeliveryProvider, PackingTask, PickingTask
from fulfillment.queries.box_suggestions import MAX_KINDS, suggest_boxes
from fulfillment.services.packages import add_package, choose_box, pack_item
from fulfillment.services.packing_tasks import start_packing_task
from tests.factories.fulfillment import order_for, person, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory
from warehouse.core.actor import Actor, Role

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def packer() -> Actor:
    return person(Role.PACKER)


@pytest.fixture
def boxes(db: Any) -> dict[str, BoxType]:
    sizes = {"S": (20, 15, 10, 5), "M": (30, 20, 20, 15), "L": (60, 40, 40, 25)}
    return {
        code: BoxType.objects.create(code=code, name=code, length=length, width=width, height=height, max_weight=bears, own_weight=Decimal("0.5"))
        for code, (length, width, height, bears) in sizes.items()
    }


def packing(packer: Actor, *lines: tuple[dict[str, Any], Any]) -> PackingTask:
    place = reachable_site()
    wanted = []
    for fields, quantity in lines:
        product = ProductFactory(**fields)
        stocked(product, place.shelf, 500)
        wanted.append((product, quantity))
    order = order_for(wanted)
    return start_packing_task(picked(PickingTask.objects.get(order=order), person(Role.PICKER)).pk, actor=packer)


def cube(sku: str = "CUBE", **more: Any) -> dict[str, Any]:
    return {"sku": sku, "length": 10, "width": 10, "height": 10, **more}


def taken(task: PackingTask, *args: Any) -> list[tuple[str, dict[str, int]]]:
    task = PackingTask.objects.select_related("provider").get(pk=task.pk)
    return [(box.box_type.code, {item.product.sku: count for item, count in box.contents}) for box in suggest_boxes(task, *args).boxes]


def test_what_is_packed_needs_no_box_any_more(packer: Actor, boxes: dict[str, BoxType]) -> None:
    task = packing(packer, (cube(), 13))
    assert taken(task) == [("L", {"CUBE": 13})]
    first = choose_box(task.pk, boxes["M"].pk, actor=packer)
    pack_item(task.pk, "CUBE", 11, actor=packer)
    assert taken(task) == [("S", {"CUBE": 2})]
    # For the box at hand, what is in it counts too.
    assert taken(task, first) == [("L", {"CUBE": 13})]
    second = add_package(task.pk, actor=packer)
    assert taken(task, second) == [("S", {"CUBE": 2})]


def test_goods_without_sizes_are_named_and_not_guessed(packer: Actor, boxes: dict[str, BoxType]) -> None:
    task = packing(packer, (cube(), 1), ({"sku": "SHAPELESS", "length": 10, "width": 10}, 3), (cube("GIANT", length=100), 1))
    found = suggest_boxes(task)
    assert [box.box_type.code for box in found.boxes] == ["S"]
    assert [item.product.sku for item in found.unsized] == ["SHAPELESS"]
    assert [item.product.sku for item in found.too_big] == ["GIANT"]


def test_boxes_out_of_use_are_left_out(packer: Actor, boxes: dict[str, BoxType]) -> None:
    task = packing(packer, (cube(), 1))
    BoxType.objects.filter(code="S").update(is_active=False)
    assert taken(task) == [("M", {"CUBE": 1})]
    BoxType.objects.update(is_active=False)
    assert (taken(task), [item.product.sku for item in suggest_boxes(task).too_big]) == ([], ["CUBE"])


def test_a_package_stays_within_what_box_and_carrier_bear(packer: Actor, boxes: dict[str, BoxType]) -> None:
    task = packing(packer, (cube(weight=3), 3))
    assert taken(task) == [("M", {"CUBE": 3})]
    provider = DeliveryProvider.objects.create(code="weak", name="Weak", max_weight=Decimal("6.5"))
    PackingTask.objects.update(provider=provider)
    # Six kilograms and half a kilogram of box go; nine do not.
    assert taken(task) == [("M", {"CUBE": 2}), ("S", {"CUBE": 1})]


def test_a_begun_kilogram_counts_as_a_whole_one(packer: Actor, boxes: dict[str, BoxType]) -> None:
    task = packing(packer, (cube("HAM", base_unit="kg", quantity_step=Decimal("0.001")), "2.3"))
    assert taken(task) == [("M", {"HAM": 3})]


def test_an_order_like_a_lorry_gets_no_suggestion(packer: Actor, boxes: dict[str, BoxType]) -> None:
    task = packing(packer, *((cube(f"P{n}"), 1) for n in range(MAX_KINDS + 1)))
    found = suggest_boxes(task)
    assert (found.boxes, found.too_many) == ([], True)
