"""Two at one packing task: no piece is packed twice, no undo reaches behind a closed box, no weight is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fulfillment.errors import Surplus, WorkLeft
from fulfillment.models import PackageItem, PackingTask, PackScan, PickingTask, Shipment
from fulfillment.services.pack_scans import move_packed, undo_pack_scan
from fulfillment.services.packages import add_package, pack_item, set_package_details
from fulfillment.services.packing_tasks import claim_next_packing_task, complete_packing_task, create_packing_task, start_packing_task
from fulfillment.services.weighing import weigh_item
from inventory.models import BatchLocation
from tests.concurrency.threads import race
from tests.factories.fulfillment import ACTOR, order_for, person, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import StaleVersion, TransitionRefused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def packer() -> Actor:
    return person(Role.PACKER)


def packing(packer: Actor, quantity: Any = 6, **product: Any) -> PackingTask:
    place, goods = reachable_site(), ProductFactory(sku="TEA", **product)
    stocked(goods, place.shelf, 20)
    order = order_for([(goods, quantity)])
    return start_packing_task(picked(PickingTask.objects.get(order=order), person(Role.PICKER)).pk, actor=packer)


def books_agree(task: PackingTask) -> Decimal:
    """What is packed: the same by item, by package and by scan."""
    item = task.items.get()
    inside = sum(PackageItem.objects.filter(item=item).values_list("quantity", flat=True), Decimal(0))
    scanned = sum(PackScan.objects.filter(item=item, undone_at=None).values_list("quantity", flat=True), Decimal(0))
    assert item.packed_quantity == inside == scanned
    assert (item.status == "fully_packed") == (item.packed_quantity == item.quantity)
    assert PackingTask.objects.get().packed_items == (item.status == "fully_packed")
    return inside


def test_two_packers_scan_the_last_pieces(packer: Actor) -> None:
    task = packing(packer, 6)
    outcomes = race([lambda: pack_item(task.pk, "TEA", 2, actor=packer) for _ in range(6)])
    assert [outcome.won for outcome in outcomes].count(True) == 3
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {Surplus}
    assert books_agree(task) == 6
    assert task.packages.count() == 1


def test_two_taps_of_one_number_count_once(packer: Actor) -> None:
    task = packing(packer, 6)
    outcomes = race([lambda: pack_item(task.pk, "TEA", 2, actor=packer, expected_version=task.version) for _ in range(2)])
    assert sorted(type(outcome.error) for outcome in outcomes if not outcome.won) == [StaleVersion]
    assert books_agree(task) == 2


def test_two_begin_the_same_task() -> None:
    packers = [person(Role.PACKER) for _ in range(4)]
    place, goods = reachable_site(), ProductFactory()
    stocked(goods, place.shelf, 5)
    task = picked(PickingTask.objects.get(order=order_for([(goods, 1)])), person(Role.PICKER))
    outcomes = race([lambda actor=actor: start_packing_task(task.pk, actor=actor) for actor in packers])
    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {TransitionRefused}


@pytest.mark.parametrize("_", range(5))
def test_an_undo_and_the_closing_do_not_mix(packer: Actor, _: int) -> None:
    """Either the goods come out and the task stays open, or it is closed with them."""
    task = packing(packer, 6)
    pack_item(task.pk, "TEA", 6, actor=packer)
    set_package_details(task.pk, 1, 10, 10, 10, actor=packer)
    undone, closed = race([lambda: undo_pack_scan(task.pk, actor=packer), lambda: complete_packing_task(task.pk, actor=packer)])
    assert undone.won != closed.won
    if undone.won:
        assert isinstance(closed.error, WorkLeft)
        assert (books_agree(task), Shipment.objects.count()) == (0, 0)
    else:
        assert isinstance(undone.error, TransitionRefused)
        assert (books_agree(task), Shipment.objects.count()) == (6, 1)


def test_goods_that_move_while_their_scan_is_undone(packer: Actor) -> None:
    task = packing(packer, 6)
    first, second = add_package(task.pk, actor=packer), add_package(task.pk, actor=packer)
    for _ in range(3):
        pack_item(task.pk, "TEA", 2, actor=packer, package_id=first.pk)
    item = task.items.get()
    works = [lambda: move_packed(task.pk, first.pk, item.pk, 1, actor=packer, to_package_id=second.pk) for _ in range(3)]
    outcomes = race([*works, lambda: undo_pack_scan(task.pk, actor=packer), lambda: undo_pack_scan(task.pk, actor=packer)])
    assert all(outcome.won for outcome in outcomes[3:])
    assert books_agree(task) == 2


def test_a_packing_task_is_made_once(packer: Actor) -> None:
    task = packing(packer, 1)
    walk = task.picking_task
    assert walk is not None
    PackingTask.objects.all().delete()
    outcomes = race([lambda: create_packing_task(walk.pk, actor=ACTOR) for _ in range(4)])
    assert {outcome.value.pk for outcome in outcomes} == {PackingTask.objects.get().pk}


def test_a_weight_and_a_new_order_for_the_last_grams(packer: Actor) -> None:
    """What lies on the scale beyond the promise, or the promise to somebody else: not both."""
    task = packing(packer, "19.95", base_unit="kg", quantity_step=Decimal("0.001"), weight_tolerance=Decimal("0.05"))
    item, goods = task.items.get(), task.items.get().product
    weighed, ordered = race([lambda: weigh_item(task.pk, item.pk, "20", actor=packer), lambda: order_for([(goods, "0.05")])])
    assert ordered.won
    rejected = ordered.value.status == "rejected"
    assert weighed.won == rejected
    places = BatchLocation.objects.filter(product=goods)
    assert sum(places.values_list("quantity", flat=True)) == 20
    assert sum(places.values_list("reserved", flat=True)) == (Decimal("19.95") if rejected else 20)
    assert_books_balance()


def test_those_who_claim_at_once_get_different_tasks_and_one_person_one(packer: Actor) -> None:
    """More of them than there are tasks in the first rows of the list; two taps of one person are one claim."""
    place, goods = reachable_site(), ProductFactory(sku="TEA")
    stocked(goods, place.shelf, 20)
    for _ in range(4):
        picked(PickingTask.objects.get(order=order_for([(goods, 1)])), person(Role.PICKER))

    def claim(actor: Actor) -> Any:
        return lambda: claim_next_packing_task(place.id, actor=actor)

    outcomes = race([claim(packer), claim(packer), *(claim(person(Role.PACKER)) for _ in range(4))])
    assert all(outcome.won for outcome in outcomes)
    mine, again, *others = [outcome.value and outcome.value.pk for outcome in outcomes]
    assert mine == again
    got = [pk for pk in [mine, *others] if pk is not None]
    assert (len(got), len(set(got))) == (4, 4)
    assert sorted(PackingTask.objects.values_list("status", flat=True)) == ["in_progress"] * 4
