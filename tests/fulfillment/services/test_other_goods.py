"""Picking another lot, or from another place, with a reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fulfillment.errors import Surplus, WrongScan
from fulfillment.models import PackingTask, Pick, PickingTaskItem
from fulfillment.services.other_goods import pick_other
from fulfillment.services.picking_tasks import complete_picking_task
from fulfillment.services.replanning import replan_picking
from fulfillment.services.undo import undo_pick
from inventory.models import Batch, BatchLocation, Product
from inventory.orchestrator import InsufficientStock, UnfitNow, explain_reservation
from tests.factories.fulfillment import ACTOR, order_for, person, pick, site, stocked
from tests.factories.inventory import BarcodeFactory, ProductFactory, Site
from tests.fulfillment.walks import Lots, agrees, counts, held, shelf, stops, three_lots, walk_for
from tests.inventory.events import heard
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, DomainError, PermissionDenied, StaleVersion, ValidationFailed

pytestmark = pytest.mark.django_db

WHY = "the box is squashed"


@pytest.fixture
def house(db: None) -> Site:
    return site(code="MAIN", external_id="1")


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="MILK")
    BarcodeFactory(product=product, code="4006381333931")
    return product


@pytest.fixture
def lots(milk: Product, house: Site) -> Lots:
    return three_lots(house, milk, 10, 10, 10)


@pytest.fixture
def picker(db: None) -> Actor:
    return person(Role.PICKER)


def other(
    item: PickingTaskItem, quantity: Any, actor: Actor, place: str = "B-10", goods: str = "B", reason: str = WHY, **more: Any
) -> PickingTaskItem:
    return pick_other(item.pk, quantity, actor=actor, location_scan=place, product_scan=goods, reason=reason, **more)


@pytest.mark.parametrize("goods", ["B", "milk", "4006381333931", "(01)04006381333931(10)B"])
def test_all_of_an_item_from_another_lot(milk: Product, lots: Lots, picker: Actor, goods: str) -> None:
    task = walk_for(picker, (milk, 4))

    with heard() as events:
        row = other(task.items.get(), 4, picker, goods=goods)

    assert (row.status, row.notes) == ("picked", WHY)
    assert stops(task) == [(1, "B-10", "B", 4, 4, "picked")]
    assert [held(lot) for lot in lots] == [(10, 0), (6, 0), (10, 0)]
    assert [(told["quantity"], told["from"]["lot"], told["to"]["lot"], told["reason"]) for told in events.of("stock.reallocated")] == [
        ("4", "A", "B", WHY)
    ]
    why = explain_reservation(task.reservation_id)["lines"][-1]
    assert (why["override"], why["by"], why["instead_of"]["lot"], why["taken"][0]["lot"]) == (WHY, picker.name, "A", "B")
    assert replan_picking([task.reservation_id], actor=ACTOR) == 0
    complete_picking_task(task.pk, actor=picker)
    assert PackingTask.objects.get().items.get().batch_id == lots.second.batch_id
    agrees()


def test_a_part_becomes_an_item_of_its_own(milk: Product, lots: Lots, picker: Actor) -> None:
    task = walk_for(picker, (milk, 6))
    pick(task.items.get(), picker, 1)
    other(task.items.get(), 2, picker)
    assert stops(task) == [(1, "M-50", "A", 4, 1, "pending"), (2, "B-10", "B", 2, 2, "picked")]
    agrees()
    other(task.items.get(status="pending"), 3, picker, place="Z-90", goods="C")
    assert stops(task) == [(1, "M-50", "A", 1, 1, "picked"), (2, "B-10", "B", 2, 2, "picked"), (3, "Z-90", "C", 3, 3, "picked")]
    assert counts(task) == (3, 3)
    complete_picking_task(task.pk, actor=picker)
    assert sorted(PackingTask.objects.get().items.values_list("batch__lot_number", "quantity")) == [("A", 1), ("B", 2), ("C", 3)]
    agrees()


def test_it_can_be_undone(milk: Product, lots: Lots, picker: Actor) -> None:
    task = walk_for(picker, (milk, 6))
    other(task.items.get(), 2, picker)
    undo_pick(task.pk, actor=picker)
    assert stops(task) == [(1, "M-50", "A", 4, 0, "pending"), (2, "B-10", "B", 2, 0, "pending")]
    assert Pick.objects.get().undone_at is not None
    agrees()


def test_another_lot_in_the_same_place(milk: Product, lots: Lots, house: Site, picker: Actor) -> None:
    beside = stocked(milk, lots.first.location, 5, lot="D", expires_in_days=70)
    task = walk_for(picker, (milk, 4))
    other(task.items.get(), 4, picker, place="M-50", goods="MILK")  # of two lots there one is asked for anyway
    assert held(beside) == (1, 0)
    agrees()


@pytest.mark.parametrize(
    ("place", "goods", "words"),
    [
        ("NOWHERE", "B", "scan the place"),
        ("", "B", "scan the place"),
        ("MILK", "B", "scan the place"),
        ("A-01", "B", "no MILK lies in A-01"),
        ("B-10", "C", "none of the lots"),
        ("B-10", "", "none of the lots"),
        ("B-10", "(01)04006381333931(10)C", "none of the lots"),
        ("B-10", "B-10", "none of the lots"),
        ("W-70", "MILK", "2 lots"),
        ("M-50", "A", "pick them as usual"),
    ],
)
def test_scans_that_name_no_other_goods(milk: Product, lots: Lots, house: Site, picker: Actor, place: str, goods: str, words: str) -> None:
    many = shelf(house, "W-70", 70)
    for lot in ("W1", "W2"):
        stocked(milk, many, 5, lot=lot, expires_in_days=100)
    task = walk_for(picker, (milk, 4))
    with pytest.raises((WrongScan, Conflict)) as refusal:
        other(task.items.get(), 4, picker, place=place, goods=goods)
    assert words in refusal.value.detail
    assert stops(task) == [(1, "M-50", "A", 4, 0, "pending")]
    assert not Pick.objects.exists()


def test_a_shelf_of_another_site(milk: Product, lots: Lots, picker: Actor) -> None:
    elsewhere = site(code="B2")
    stocked(milk, elsewhere.shelf, 5, lot="E", expires_in_days=50)
    task = walk_for(picker, (milk, 4))
    with pytest.raises(WrongScan):
        other(task.items.get(), 4, picker, place=elsewhere.shelf.barcode, goods="E")


def test_goods_that_are_promised_to_somebody_else(milk: Product, lots: Lots, house: Site, picker: Actor) -> None:
    task = walk_for(picker, (milk, 4))
    rival = order_for([(milk, 14)])  # the rest of A, and 8 of B
    with pytest.raises(InsufficientStock) as refusal:
        other(task.items.get(), 4, picker)
    (short,) = refusal.value.errors
    assert (short["asked"], short["available"]) == ("4.000", "2.000")
    assert short["skipped"] == [{"order_ref": rival.order_ref, "reserved": "8"}]
    other(task.items.get(), 2, picker)
    agrees()


def test_goods_that_may_not_leave(milk: Product, lots: Lots, picker: Actor) -> None:
    task = walk_for(picker, (milk, 4))
    Batch.objects.filter(lot_number="B").update(status="on_hold")
    BatchLocation.objects.filter(batch__lot_number="B").update(blocked_reason="held")
    with pytest.raises(UnfitNow):
        other(task.items.get(), 4, picker)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"reason": "  "}, ValidationFailed),
        ({"quantity": 5}, Surplus),
        ({"quantity": "0"}, ValidationFailed),
        ({"quantity": "1.5"}, ValidationFailed),
        ({"quantity": "NaN"}, ValidationFailed),
        ({"expected_version": 1}, StaleVersion),
    ],
)
def test_refusals(milk: Product, lots: Lots, picker: Actor, change: dict[str, Any], error: type[DomainError]) -> None:
    task = walk_for(picker, (milk, 4))
    with pytest.raises(error):
        other(task.items.get(), change.pop("quantity", 4), picker, **change)
    assert stops(task) == [(1, "M-50", "A", 4, 0, "pending")]


def test_somebody_elses_walk(milk: Product, lots: Lots, picker: Actor) -> None:
    task = walk_for(picker, (milk, 4))
    with pytest.raises(PermissionDenied):
        other(task.items.get(), 4, person(Role.PICKER))
    assert Decimal(0) == task.items.get().quantity_picked
