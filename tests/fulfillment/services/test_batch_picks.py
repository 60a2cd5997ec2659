"""Picking in a batch: the right tote, and what goes wrong with one order without touching the others."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from fulfillment.errors import WrongScan
from fulfillment.models import Order, PackingTask, PickingTask, PickingTaskItem, PutBack, WalkSettings
from fulfillment.queries.floor import packing_task_by_scan
from fulfillment.queries.picking_batches import last_pick_of_batch, next_stop, remaining_stops
from fulfillment.queries.reconciliation import everything_that_contradicts
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.other_goods import pick_other
from fulfillment.services.picking_batches import complete_picking_batch
from fulfillment.services.picks import defer_item, pick_item
from fulfillment.services.put_backs import complete_put_back
from fulfillment.services.replanning import replan_picking
from fulfillment.services.shorts import short_item
from fulfillment.services.totes import is_tote_of
from fulfillment.services.undo import undo_pick
from inventory.models import BatchLocation
from inventory.orchestrator import WriteOffLine, remove_stock
from tests.factories.fulfillment import ACTOR, begun, packed, person, pick, stocked
from tests.factories.inventory import BarcodeFactory, ProductFactory
from tests.factories.quality import rule
from tests.fulfillment.batches import batch_of, goods_on, hall, pick_rest, pick_stop, settled, task_for, tote, walk
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(transactional_db: None) -> Any:
    return hall()


@pytest.fixture
def picker(transactional_db: None) -> Actor:
    return person(Role.PICKER)


def rows_of_others(task: PickingTask) -> list[tuple[Any, ...]]:
    """All that other orders' rows say."""
    items = PickingTaskItem.objects.exclude(task=task).order_by("pk").values_list()
    return [*items, *PickingTask.objects.exclude(pk=task.pk).order_by("pk").values_list()]


def refused(item: PickingTaskItem, picker: Actor, scan: str) -> tuple[str, str, str]:
    """What a scan of a tote is refused with: the position and tote that are right, and why."""
    with pytest.raises(WrongScan) as error:
        pick_stop(item, picker, 1, tote_scan=scan)
    data = error.value.data
    return data["expected"]["position"], data["expected"]["tote"], data["why"]


def test_the_first_scan_binds_the_tote_and_later_ones_must_match(place: Any, picker: Actor) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"])
    first, second = task_for((milk, 4)), task_for((milk, 2))
    batch_of([first, second], picker)
    item = first.items.get()
    pick_stop(item, picker, 1, tote_scan=" box-7 ")
    assert PickingTask.objects.get(pk=first.pk).tote_code == "BOX-7"
    pick_stop(item, picker, 1, tote_scan="Box-7")
    pick_stop(item, picker, 1, tote_scan="1")
    assert refused(item, picker, "T2") == ("T1", "BOX-7", "other_tote")
    assert refused(item, picker, "BOX-8") == ("T1", "BOX-7", "other_tote")
    assert refused(item, picker, "") == ("T1", "BOX-7", "other_tote")
    pick_stop(item, picker, 1, tote_scan="t1")
    assert refused(second.items.get(), picker, "BOX-7") == ("T2", "", "in_use")
    assert PickingTaskItem.objects.get(pk=item.pk).status == "picked"
    settled()


NO_TOTES = [
    "", "1", "T1", "T01", "2", "PCK-2026-000001", "x" * 81, "ABC\x07", "LOC-HALL-L-01", "l-01", "sku-k-01", "lot-k-01", "4006381333931",
    "(01)04006381333931(10)L7",
]  # fmt: skip


@pytest.mark.parametrize("scan", NO_TOTES)
def test_what_can_be_no_tote(place: Any, picker: Actor, scan: str) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"])
    BarcodeFactory(code="4006381333931", product=milk)
    task = task_for((milk, 1))
    batch_of([task], picker)
    assert refused(task.items.get(), picker, scan) == ("T1", "", "no_tote")
    assert PickingTask.objects.get().tote_code == ""


def test_a_lot_that_two_products_share_is_no_tote(place: Any, picker: Actor) -> None:
    _, shelves = place
    for _ in range(2):
        stocked(ProductFactory(), shelves["L-02"], 1, lot="L7")
    milk = goods_on(shelves["K-01"])
    task = task_for((milk, 1))
    batch_of([task], picker)
    assert refused(task.items.get(), picker, "l7") == ("T1", "", "no_tote")


def test_a_tote_stands_for_one_order_until_its_goods_are_packed(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk, packer = goods_on(shelves["K-01"]), person(Role.PACKER)
    first, second = task_for((milk, 1)), task_for((milk, 1))
    batch = batch_of([first], picker)
    pick_stop(first.items.get(), picker, tote_scan="BOX-7")
    complete_picking_batch(batch.pk, actor=picker)
    batch_of([second], picker)
    assert refused(second.items.get(), picker, "BOX-7") == ("T1", "", "in_use")
    packing = PackingTask.objects.get()
    assert packing_task_by_scan(here.id, "box-7", None) == packing
    packed(packing, packer)
    assert packing_task_by_scan(here.id, "box-7", None) is None
    pick_stop(second.items.get(), picker, tote_scan="BOX-7")
    settled()


def test_a_tote_is_in_use_while_its_goods_are_looked_at(place: Any, picker: Actor) -> None:
    _, shelves = place
    rule()
    milk = goods_on(shelves["K-01"])
    first, second = task_for((milk, 1)), task_for((milk, 1))
    batch = batch_of([first], picker)
    pick_stop(first.items.get(), picker, tote_scan="BOX-7")
    complete_picking_batch(batch.pk, actor=picker)
    assert not PackingTask.objects.exists()
    batch_of([second], picker)
    assert refused(second.items.get(), picker, "BOX-7") == ("T1", "", "in_use")


def test_what_means_a_tote(place: Any) -> None:
    task = PickingTask(tote=3, tote_code="BOX-7")
    assert [scan for scan in ("3", "T3", " t03 ", "box-7", "BOX-8", "T4", "33", "") if is_tote_of(task, scan)] == ["3", "T3", " t03 ", "box-7"]


def test_two_orders_in_one_tote_contradict_also_when_one_is_cancelled(place: Any, picker: Actor) -> None:
    """Its goods lie there until they are put back."""
    _, shelves = place
    milk = goods_on(shelves["K-01"])
    first, second = task_for((milk, 1)), task_for((milk, 1))
    batch_of([first, second], picker)
    for task in (first, second):
        pick_stop(task.items.get(), picker)
    process_order_cancelled(first.order.source, first.order.external_id, "", actor=ACTOR)
    PickingTask.objects.filter(pk=first.pk).update(tote_code=tote(second))
    with transaction.atomic():
        found = [each for each in everything_that_contradicts() if "tote" in str(each)]
    assert len(found) == 1
    assert tote(second) in str(found[0])


def test_the_tote_of_a_cancelled_order_is_in_use_until_its_goods_are_put_back(place: Any, picker: Actor) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"])
    first, second = task_for((milk, 1)), task_for((milk, 1))
    batch_of([first, second], picker)
    pick_stop(first.items.get(), picker, tote_scan="BOX-7")
    process_order_cancelled(first.order.source, first.order.external_id, "", actor=ACTOR)
    assert refused(second.items.get(), picker, "BOX-7") == ("T2", "", "in_use")
    back = PutBack.objects.get()
    complete_put_back(back.pk, back.remaining, actor=picker, location_scan="K-01")
    pick_stop(second.items.get(), picker, tote_scan="BOX-7")
    settled()


def test_outside_a_batch_there_is_no_tote(place: Any, picker: Actor) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"])
    task = begun(task_for((milk, 2)), picker)
    with pytest.raises(ValidationFailed, match="leave tote_scan out"):
        pick_stop(task.items.get(), picker)
    pick(task.items.get(), picker)
    assert PickingTask.objects.get().tote_code == ""


def test_undoing_all_of_a_tote_lets_another_stand_there(place: Any, picker: Actor) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"])
    first, second = task_for((milk, 2)), task_for((milk, 1))
    batch = batch_of([first, second], picker)
    for task in (first, second):
        pick_stop(task.items.get(), picker, 1)
    last = last_pick_of_batch(batch.pk)
    assert last is not None
    assert last.item.task_id == second.pk
    undo_pick(second.pk, actor=picker)
    assert PickingTask.objects.get(pk=second.pk).tote_code == ""
    last = last_pick_of_batch(batch.pk)
    assert last is not None
    assert last.item.task_id == first.pk
    assert PickingTask.objects.get(pk=first.pk).tote_code == tote(first)
    stop = next_stop(batch.pk)
    assert stop is not None
    pick_stop(second.items.get(), picker, tote_scan="BOX-9")
    settled()


def test_a_short_touches_its_own_order_only(place: Any, picker: Actor) -> None:
    """The missing goods lie in the middle aisle too: they are fetched on the way, between the stops that are left."""
    _, shelves = place
    milk = goods_on(shelves["K-02"], 5)
    stocked(milk, shelves["L-03"], 20, lot="LATER", expires_in_days=90)
    bread, tea, jam = goods_on(shelves["K-01"]), goods_on(shelves["L-02"]), goods_on(shelves["M-03"])
    first, second, third = task_for((milk, 3), (tea, 1)), task_for((bread, 1), (jam, 1)), task_for((milk, 2))
    batch = batch_of([first, second, third], picker)
    assert walk(batch)[0] == ("K-01", 2)
    pick_stop(second.items.get(product=bread), picker)
    before = rows_of_others(first)

    short_item(first.items.get(product=milk).pk, actor=picker)

    assert rows_of_others(first) == before
    stops = walk(batch)
    assert stops.count(("L-03", 1)) == 1
    places = [place for place, _ in stops]
    assert abs(places.index("L-03") - places.index("L-02")) == 1
    fresh = first.items.get(status="pending", product=milk)
    assert fresh.walk_position is not None
    assert fresh.walk_position != int(fresh.walk_position)
    pick_rest(batch, picker)
    complete_picking_batch(batch.pk, actor=picker)
    settled()


def test_what_is_short_everywhere_leaves_the_others_alone(place: Any, picker: Actor) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-02"], 5)
    first, second = task_for((milk, 3)), task_for((milk, 2))
    batch = batch_of([first, second], picker)
    before = rows_of_others(first)
    short_item(first.items.get().pk, actor=picker)
    assert rows_of_others(first) == before
    assert walk(batch) == [("K-02", 2)]
    pick_rest(batch, picker)
    complete_picking_batch(batch.pk, actor=picker)
    assert Order.objects.get(pk=first.order_id).status == "needs_attention"
    assert PackingTask.objects.get().order_id == second.order_id
    settled()


def test_goods_that_are_promised_from_elsewhere_in_the_middle_of_the_walk(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["M-01"], 5)
    stocked(milk, shelves["K-03"], 5, lot="LATER", expires_in_days=90)
    tea = goods_on(shelves["K-01"])
    first, second = task_for((milk, 3)), task_for((tea, 2), (tea, 1))
    batch = batch_of([first, second], picker)
    before = rows_of_others(first)
    line = WriteOffLine(BatchLocation.objects.get(product=milk, location=shelves["M-01"]).pk, Decimal(5), "damaged")
    remove_stock(warehouse_id=here.id, line=line, release_reservations=True, actor=ACTOR)
    replan_picking([first.reservation_id], actor=ACTOR)
    assert rows_of_others(first) == before
    assert walk(batch) == [("K-03", 1), ("K-01", 2)]
    settled()


def test_put_off_to_the_end_of_the_whole_walk(place: Any, picker: Actor) -> None:
    _, shelves = place
    goods = [goods_on(shelves[code]) for code in ("K-01", "K-03", "M-02")]
    first, second = task_for((goods[0], 1)), task_for((goods[1], 1), (goods[2], 1))
    batch = batch_of([first, second], picker)
    defer_item(first.items.get().pk, actor=picker)
    assert walk(batch) == [("K-03", 2), ("M-02", 2), ("K-01", 1)]
    for stop in list(remaining_stops(batch.pk))[:2]:
        pick_stop(stop, picker)
    with pytest.raises(Conflict, match="is all that is left"):
        defer_item(first.items.get().pk, actor=picker)
    settled()


def test_other_goods_go_into_the_same_tote(place: Any, picker: Actor) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-02"], 5)
    stocked(milk, shelves["L-03"], 20, lot="LATER", expires_in_days=90)
    first, second = task_for((milk, 3)), task_for((milk, 1))
    batch = batch_of([first, second], picker)
    item, before = first.items.get(), rows_of_others(first)
    scans = {"location_scan": "L-03", "product_scan": "LATER", "reason": "squashed"}
    with pytest.raises(WrongScan):
        pick_other(item.pk, 1, actor=picker, **scans)
    done = pick_other(item.pk, 1, actor=picker, tote_scan="BOX-7", **scans)
    assert (done.status, PickingTask.objects.get(pk=first.pk).tote_code) == ("picked", "BOX-7")
    with pytest.raises(WrongScan):
        pick_other(item.pk, 1, actor=picker, tote_scan="BOX-8", **scans)
    pick_other(item.pk, 2, actor=picker, tote_scan="T1", **scans)
    assert rows_of_others(first) == before
    assert walk(batch) == [("K-02", 2)]
    settled()


def test_a_cancelled_order_leaves_put_backs_and_the_walk_goes_on(place: Any, picker: Actor) -> None:
    _, shelves = place
    milk, tea = goods_on(shelves["K-01"]), goods_on(shelves["M-02"])
    first, second = task_for((milk, 2), (tea, 1)), task_for((tea, 2))
    batch = batch_of([first, second], picker)
    pick_stop(first.items.get(product=milk), picker)
    before = rows_of_others(first)
    process_order_cancelled(first.order.source, first.order.external_id, "changed my mind", actor=ACTOR)
    assert rows_of_others(first) == before
    assert walk(batch) == [("M-02", 2)]
    assert list(PutBack.objects.values_list("picking_task", "quantity")) == [(first.pk, Decimal(2))]
    pick_rest(batch, picker)
    assert complete_picking_batch(batch.pk, actor=picker).status == "completed"
    settled()


@pytest.mark.parametrize("cold_last", [True, False])
def test_stops_find_their_place_with_the_coldest_last(place: Any, picker: Actor, cold_last: bool) -> None:
    """The other tea lies on the way home from the cold stop: no detour behind it, 8 m before it."""
    _, shelves = place
    WalkSettings.objects.update(cold_last=cold_last)
    type(shelves["K-04"]).objects.filter(code="K-04").update(condition="chilled")
    milk, tea = goods_on(shelves["K-04"], 5, lives={"chilled": 100}), goods_on(shelves["M-03"], 5)
    stocked(tea, shelves["K-02"], 9, lot="LATER", expires_in_days=90)
    first, second = task_for((tea, 1)), task_for((milk, 1))
    batch = batch_of([first, second], picker)
    assert sorted(walk(batch)) == [("K-04", 2), ("M-03", 1)]
    short_item(first.items.get().pk, actor=picker)
    assert walk(batch) == ([("K-02", 1), ("K-04", 2)] if cold_last else [("K-04", 2), ("K-02", 1)])
    settled()


def test_a_stop_is_placed_from_where_the_goods_are_missing(place: Any, picker: Actor) -> None:
    """Not from the last scan: from K-01 it would be shorter to fetch the other tea at last."""
    _, shelves = place
    bread, milk, tea = goods_on(shelves["K-01"]), goods_on(shelves["K-04"]), goods_on(shelves["M-04"], 5)
    stocked(tea, shelves["M-01"], 9, lot="LATER", expires_in_days=90)
    first, second = task_for((tea, 1)), task_for((bread, 1), (milk, 1))
    batch = batch_of([first, second], picker)
    pick_stop(second.items.get(product=bread), picker)
    short_item(first.items.get(product=tea).pk, actor=picker)
    assert walk(batch) == [("M-01", 1), ("K-04", 2)]
    settled()


@pytest.mark.parametrize("mapped", [True, False])
def test_where_new_stops_come_is_found_with_one_look_at_the_places(place: Any, picker: Actor, mapped: bool) -> None:
    """Also where the map does not reach: then by what the places say of themselves."""
    _, shelves = place
    if not mapped:
        type(shelves["K-01"]).objects.update(x=None, y=None, aisle="")
    counts = []
    for parts, code in ((1, "M-01"), (3, "M-02")):
        tea, milk = goods_on(shelves[code], 6), goods_on(shelves[f"K-0{parts}"])
        for number in range(parts):
            stocked(tea, shelves[f"L-0{number + 1}"], 6 // parts, lot=f"LATER-{code}-{number}", expires_in_days=90)
        first, second = task_for((tea, 6)), task_for((milk, 1))
        batch = batch_of([first, second], picker)
        with CaptureQueriesContext(connection) as queries:
            short_item(first.items.get().pk, actor=picker)
        said = [query["sql"] for query in queries]
        maps = sum('"inventory_location"."bay" AS "bay"' in sql for sql in said)
        counts.append((maps, sum("l.pick_sequence, l.code, l.kind" in sql for sql in said)))
        assert len(walk(batch)) == parts + 1
        pick_rest(batch, picker)
        complete_picking_batch(batch.pk, actor=picker)
    assert counts == [(1, 0), (1, 0)]
    settled()


@pytest.mark.parametrize("cold_last", [True, False])
def test_off_the_map_stops_find_their_place_with_the_coldest_last(place: Any, picker: Actor, cold_last: bool) -> None:
    """The other tea lies between the two, and ambient."""
    _, shelves = place
    WalkSettings.objects.update(cold_last=cold_last)
    type(shelves["K-01"]).objects.update(x=None, y=None, aisle="")
    type(shelves["K-01"]).objects.filter(code="K-04").update(condition="chilled")
    milk, tea = goods_on(shelves["K-04"], 5, lives={"chilled": 100}), goods_on(shelves["M-03"], 5)
    stocked(tea, shelves["L-02"], 9, lot="LATER", expires_in_days=90)
    first, second = task_for((tea, 1)), task_for((milk, 1))
    batch = batch_of([first, second], picker)
    assert walk(batch) == ([("M-03", 1), ("K-04", 2)] if cold_last else [("K-04", 2), ("M-03", 1)])
    short_item(first.items.get().pk, actor=picker)
    assert walk(batch) == ([("L-02", 1), ("K-04", 2)] if cold_last else [("K-04", 2), ("L-02", 1)])
    settled()


@pytest.mark.parametrize("orders", [1, 4])
def test_statements_of_a_pick_do_not_grow_with_the_batch(place: Any, picker: Actor, orders: int) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"], 50)
    tasks = [task_for((milk, 4)) for _ in range(orders)]
    batch_of(tasks, picker)
    item = tasks[0].items.get()

    def statements(quantity: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            pick_item(item.pk, quantity, actor=picker, location_scan="K-01", product_scan="SKU-K-01", tote_scan="BOX-7")
        return len(queries) - 2  # besides BEGIN and COMMIT

    first, second = statements(1), statements(1)
    assert (first, second) == (11, 12)


def test_statements_of_a_short_do_not_grow_with_the_batch(place: Any, picker: Actor) -> None:
    _, shelves = place
    counts = []
    for orders, shelf in ((2, "K-02"), (5, "K-03")):
        milk = goods_on(shelves[shelf], 50)
        stocked(milk, shelves["L-03"], 200, lot="LATER", expires_in_days=90)
        tasks = [task_for((milk, 1)) for _ in range(orders)]
        batch = batch_of(tasks, picker)
        with CaptureQueriesContext(connection) as queries:
            short_item(tasks[0].items.get().pk, actor=picker)
        counts.append(len(queries))
        pick_rest(batch, picker)
        complete_picking_batch(batch.pk, actor=picker)
    assert counts[0] == counts[1]
