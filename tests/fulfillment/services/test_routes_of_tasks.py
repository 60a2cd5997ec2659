"""A picking task's stops in walking order: planned when somebody begins, and anew when stops come or go. Tasks that are not let go."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.models import PickingTask, WalkSettings, Wave
from fulfillment.queries import floor
from fulfillment.services.other_goods import pick_other
from fulfillment.services.picking_tasks import assign_picking_task, claim_next_picking_task, start_picking_task
from fulfillment.services.picks import defer_item
from fulfillment.services.replanning import replan_picking
from fulfillment.services.shorts import short_item
from fulfillment.services.undo import undo_pick
from inventory import orchestrator
from inventory.models import Location, Product, Reservation
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.fulfillment.walks import agrees, shelf, stops
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: None) -> Site:
    """Aisles A to D, 3 m apart, bays of 1 m from 1 to 9; the bench before A; places say that they are walked from the last to the first."""
    house = site(code="MAIN", external_id="1")
    Location.objects.filter(pk=house.bench.pk).update(x=0, y=0)
    WalkSettings.objects.create(warehouse=house.warehouse, bay_length=Decimal(1))
    for code in ("A1", "B1", "C1", "D1", "D9"):
        place_at(house, code)
    return house


def place_at(house: Site, code: str) -> Location:
    found = Location.objects.filter(warehouse=house.warehouse, code=code).first()
    return found or shelf(house, code, 10_000 - 100 * ord(code[0]) - int(code[1:]), aisle=code[0], bay=code[1:])


@pytest.fixture
def picker(db: None) -> Actor:
    return person(Role.PICKER)


def at(house: Site, code: str, quantity: int = 20, product: Product | None = None, **more: Any) -> Product:
    """Goods in a place such as A1; it is walked the earlier the later its name comes."""
    product = product or ProductFactory(sku=f"P-{code}")
    stocked(product, place_at(house, code), quantity, **more)
    return product


def places(task: PickingTask) -> str:
    return " ".join(code for _, code, *_ in stops(task))


def given(picker: Actor, products: list[Product], quantity: int = 1) -> PickingTask:
    """A task for so much of each, given to the picker and not begun."""
    task = PickingTask.objects.get(order=order_for([(product, quantity) for product in products]))
    assert picker.user_id is not None
    return assign_picking_task(task.pk, picker.user_id, actor=ACTOR)


def test_the_stops_are_put_into_walking_order_when_the_walk_begins(house: Site, picker: Actor) -> None:
    task = given(picker, [at(house, code) for code in ("A1", "A9", "B9", "D2")])
    assert places(task) == "D2 B9 A9 A1"
    assert PickingTask.objects.get().route_method == ""

    started = start_picking_task(task.pk, actor=picker)

    kept = PickingTask.objects.get()
    assert places(task) == "A1 A9 B9 D2"
    assert [sequence for sequence, *_ in stops(task)] == [1, 2, 3, 4]
    # The cross aisles lie at 0.5 m and 9.5 m: up A (9), into B and back (1), over to D (9), down D (9), back (9).
    assert (kept.route_method, kept.route_length, kept.shortest_length, kept.route_gap) == ("exact", Decimal(37), Decimal(37), Decimal(0))
    assert started.version == kept.version == task.version + 1
    agrees()


def test_the_method_of_the_warehouse_and_how_much_longer_its_walk_is(house: Site, picker: Actor) -> None:
    WalkSettings.objects.update(method="sequence")
    task = given(picker, [at(house, code) for code in ("A1", "A9", "D2")])
    Location.objects.filter(code="A1").update(pick_sequence=1)
    start_picking_task(task.pk, actor=picker)
    kept = PickingTask.objects.get()
    assert places(task) == "A1 D2 A9"
    # To A1 0.5, to D2 by the front 0.5 + 9 + 1.5, to A9 by the back 7.5 + 9 + 0.5, home 8.5; the shortest goes round.
    assert (kept.route_method, kept.route_length, kept.shortest_length) == ("sequence", Decimal(37), Decimal(36))
    assert round(kept.route_gap or 0, 4) == Decimal("0.0278")


def test_a_walk_with_a_place_that_is_not_on_the_map_goes_by_the_sequence(house: Site, picker: Actor) -> None:
    lost = ProductFactory(sku="LOST")
    stocked(lost, house.shelf, 5)
    task = given(picker, [at(house, "A1"), at(house, "D2"), lost])
    before = places(task)
    start_picking_task(task.pk, actor=picker)
    kept = PickingTask.objects.get()
    assert places(task) == before
    assert (kept.route_method, kept.route_length, kept.shortest_length, kept.route_gap) == ("sequence", None, None, None)


def test_what_is_missing_is_fetched_on_the_way_from_where_one_stands(house: Site, picker: Actor) -> None:
    rare = at(house, "A5", 3, lot="ONE", expires_in_days=30)
    at(house, "D5", 9, rare, lot="TWO", expires_in_days=60)
    others = [at(house, code) for code in ("A9", "C9", "D1")]
    task = given(picker, [rare, *others], 3)
    start_picking_task(task.pk, actor=picker)
    assert places(task) == "A5 A9 C9 D1"
    length = PickingTask.objects.get().route_length

    short_item(task.items.get(location__code="A5").pk, actor=picker)

    assert places(task) == "A5 A9 C9 D5 D1"
    assert [status for *_, status in stops(task)] == ["short", "pending", "pending", "pending", "pending"]
    assert PickingTask.objects.get().route_length == length
    agrees()


def test_what_was_put_off_stays_last_when_the_rest_is_planned_anew(house: Site, picker: Actor) -> None:
    rare = at(house, "C9", 3, lot="ONE", expires_in_days=30)
    at(house, "B5", 9, rare, lot="TWO", expires_in_days=60)
    task = given(picker, [rare, *[at(house, code) for code in ("A1", "A9", "D1")]], 3)
    start_picking_task(task.pk, actor=picker)
    assert places(task) == "A1 A9 C9 D1"
    defer_item(task.items.get(location__code="A1").pk, actor=picker)
    defer_item(task.items.get(location__code="A9").pk, actor=picker)
    short_item(task.items.get(location__code="C9").pk, actor=picker)
    assert [code for _, code, *_, status in stops(task) if status == "pending"] == ["B5", "D1", "A1", "A9"]
    agrees()


def test_an_undone_scan_and_other_goods_plan_the_rest_anew(house: Site, picker: Actor) -> None:
    task = given(picker, [at(house, code) for code in ("A1", "A9", "D1")], 3)
    start_picking_task(task.pk, actor=picker)
    first = task.items.get(location__code="A1")
    pick(first, picker, 1)
    short_item(first.pk, actor=picker)
    undo_pick(task.pk, actor=picker)
    assert [code for _, code, *_, status in stops(task) if status == "pending"] == ["A1", "A9", "D1"]
    at(house, "A8", 9, first.product, lot="OTHER")
    again = task.items.get(location__code="A1", status="pending")
    pick_other(again.pk, 1, actor=picker, location_scan="A8", product_scan="OTHER", reason="nearer")
    assert [code for _, code, *_, status in stops(task) if status == "pending"] == ["A9", "D1"]
    agrees()


def test_promises_that_move_change_a_begun_walk_from_the_last_scan_and_leave_a_waiting_one_to_its_sequence(house: Site, picker: Actor) -> None:
    goods = [at(house, code) for code in ("A1", "A9", "D1")]
    moved = at(house, "C5", 5, lot="ONE", expires_in_days=30)
    begun_, waiting = given(picker, [*goods, moved]), PickingTask.objects.get(order=order_for([(product, 1) for product in [*goods, moved]]))
    start_picking_task(begun_.pk, actor=picker)
    for code in ("A1", "A9"):
        pick(begun_.items.get(location__code=code), picker)
    other = stocked(moved, shelf(house, "B9", 5, aisle="B", bay="9"), 9, lot="TWO", expires_in_days=60)
    for task in (begun_, waiting):
        item = task.items.get(location__code="C5")
        orchestrator.reallocate_item(item.reservation_item_id, other.pk, reason="the lift is out of order", actor=ACTOR)
    assert replan_picking(list(Reservation.objects.values_list("pk", flat=True)), actor=ACTOR) == 2
    assert [code for _, code, *_, status in stops(begun_) if status == "pending"] == ["B9", "D1"]
    assert places(waiting) == "B9 D1 A9 A1"
    agrees()


def test_the_statements_of_a_start_do_not_grow_with_the_stops_or_the_places(house: Site, picker: Actor) -> None:
    def statements(codes: list[str]) -> int:
        task = given(picker, [at(house, code) for code in codes])
        with CaptureQueriesContext(connection) as queries:
            start_picking_task(task.pk, actor=picker)
        return len(queries)

    assert statements(["A1"]) + 2 == statements(["A2", "D2"]) == statements(["B1", "B2", "C3", "D4", "D5", "D6"])


def test_the_statements_of_planning_anew_do_not_grow_with_the_stops(house: Site, picker: Actor) -> None:
    def statements(aisle: str, count: int) -> int:
        rare = at(house, f"{aisle}5", 3, lot="ONE", expires_in_days=30)
        at(house, f"{aisle}7", 9, rare, lot="TWO", expires_in_days=60)
        task = given(picker, [rare, *[at(house, f"{aisle}{bay}") for bay in range(10, 10 + count)]], 3)
        start_picking_task(task.pk, actor=picker)
        with CaptureQueriesContext(connection) as queries:
            short_item(task.items.get(location__code=f"{aisle}5").pk, actor=picker)
        return len(queries)

    assert statements("B", 1) == statements("C", 6)


# --- what is let go ----------------------------------------------------------------------------------------------------------------------------


def test_a_task_in_a_wave_waits_for_its_release(house: Site, picker: Actor) -> None:
    product = at(house, "A1")
    wave = Wave.objects.create(warehouse=house.warehouse)
    task = PickingTask.objects.get(order=order_for([(product, 1)], priority="urgent"))
    PickingTask.objects.update(wave=wave)
    assert floor.picks_waiting(house.id) == 0
    assert claim_next_picking_task(house.id, actor=picker) is None
    with pytest.raises(Conflict, match="release its wave first"):
        assign_picking_task(task.pk, picker.user_id or 0, actor=ACTOR)
    free = PickingTask.objects.get(order=order_for([(product, 1)]))
    claimed = claim_next_picking_task(house.id, actor=person(Role.PICKER))
    assert claimed is not None
    assert claimed.pk == free.pk
    PickingTask.objects.filter(pk=task.pk).update(released_at=timezone.now())
    assert floor.picks_waiting(house.id) == 1
    claimed = claim_next_picking_task(house.id, actor=picker)
    assert claimed is not None
    assert claimed.pk == task.pk


def test_a_warehouse_by_waves_only_gives_out_nothing_else(house: Site, picker: Actor) -> None:
    WalkSettings.objects.update(waves_only=True)
    task = PickingTask.objects.get(order=order_for([(at(house, "A1"), 1)]))
    assert (floor.picks_waiting(house.id), claim_next_picking_task(house.id, actor=picker)) == (0, None)
    with pytest.raises(Conflict, match="waves only"):
        assign_picking_task(task.pk, picker.user_id or 0, actor=ACTOR)
    PickingTask.objects.update(released_at=timezone.now())
    assert begun(task, picker).status == "in_progress"


def test_the_next_task_is_found_by_its_index_in_one_statement(house: Site, picker: Actor) -> None:
    order_for([(at(house, "A1"), 1)])
    with CaptureQueriesContext(connection) as queries:
        claim_next_picking_task(house.id, actor=picker)
    found = [query["sql"] for query in queries if "SKIP LOCKED" in query["sql"]]
    assert len(found) == 1
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + found[0])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "picking_task_queue" in plan
    assert "SubPlan" not in plan
