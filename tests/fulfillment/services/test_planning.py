"""In which order a walk goes, and how long it is, by the settings of the warehouse."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.enums import RouteMethod
from fulfillment.models import WalkSettings
from fulfillment.services.planning import WalkPlan, plan_walk
from inventory.enums import Condition, LocationKind
from inventory.models import Location, Warehouse
from tests.factories.inventory import LocationFactory, WarehouseFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> Warehouse:
    """Three aisles 4 m apart with bays from 1 m to 9 m, the bench before the first; the sequence of the places runs against the bays."""
    row = WarehouseFactory(code="H")
    LocationFactory(warehouse=row, code="PACK", kind=LocationKind.PACKING, x=0, y=0)
    for number, aisle in enumerate("ABC"):
        for bay in (1, 3, 5, 7, 9):
            where = {"x": 4 * number, "y": bay, "pick_sequence": 100 * number + 10 - bay}
            LocationFactory(warehouse=row, code=f"{aisle}{bay}", aisle=aisle, bay=f"{bay}", **where)
    return row


def chosen(house: Warehouse, **values: Any) -> None:
    WalkSettings.objects.update_or_create(warehouse=house, defaults={"bay_length": Decimal(2), **values})


def planned(house: Warehouse, codes: str, *, standing_at: str = "") -> tuple[str, WalkPlan]:
    """The codes as they are walked."""
    ids = dict(Location.objects.filter(warehouse=house).values_list("code", "pk"))
    asked = codes.split()
    plan = plan_walk(house.pk, [ids[code] for code in asked], standing_at=ids.get(standing_at))
    return " ".join(asked[index] for index in plan.order), plan


def test_every_method_gives_an_order_and_its_length_beside_the_shortest(house: Warehouse) -> None:
    found = {}
    for method in RouteMethod.values:
        chosen(house, method=method)
        order, plan = planned(house, "C1 B9 A1 A9 C3")
        assert (plan.method, plan.shortest) == (method, Decimal(38))
        found[method] = (order, plan.length)
    # The cross aisles lie at 0 m and at 10 m. Up A, through B, down C: 10 + 4 + (1 + 1) + 4 + 10 + 8; by the places' sequence A9 comes first.
    assert found["exact"][1] == Decimal(38)
    assert found["sequence"] == ("A9 A1 B9 C3 C1", Decimal(9 + 8 + 9 + 4 + 1 + 1 + 4 + 7 + 2 + 1 + 8))
    assert found["return"][1] == Decimal(18 + 4 + 18 + 4 + 6 + 8)
    assert {length >= 38 for _, length in found.values() if length is not None} == {True}


def test_cold_places_come_last_where_that_is_wanted(house: Warehouse) -> None:
    Location.objects.filter(warehouse=house, aisle="A").update(condition=Condition.FROZEN)
    Location.objects.filter(warehouse=house, aisle="B").update(condition=Condition.CHILLED)
    chosen(house, cold_last=True)
    order, plan = planned(house, "A1 B1 C1")
    assert (order, plan.length, plan.shortest) == ("C1 B1 A1", Decimal(9 + 6 + 6 + 1), Decimal(22))
    chosen(house, cold_last=False)
    order, plan = planned(house, "A1 B1 C1")
    assert (order, plan.length) == ("A1 B1 C1", Decimal(1 + 6 + 6 + 9))


@pytest.mark.parametrize(("lost", "shortest"), [(False, Decimal(22)), (True, None)])
def test_by_their_own_sequence_cold_places_come_last_too(house: Warehouse, lost: bool, shortest: Decimal | None) -> None:
    """With the method, and where the map does not reach; the shortest walk beside it keeps to the same order."""
    Location.objects.filter(warehouse=house, aisle="A").update(condition=Condition.FROZEN)
    Location.objects.filter(warehouse=house, aisle="B").update(condition=Condition.CHILLED)
    if lost:
        Location.objects.filter(warehouse=house).update(aisle="", x=None, y=None)
    chosen(house, cold_last=True, method="sequence")
    order, plan = planned(house, "A1 B1 C1")
    assert (order, plan.length, plan.shortest) == ("C1 B1 A1", shortest, shortest)
    assert planned(house, "A1 A9 B1 C1 C9", standing_at="C1")[0] == "C1 C9 B1 A9 A1"
    assert planned(house, "A1 B1 B9 C9", standing_at="B3")[0] == "C9 B1 B9 A1"
    chosen(house, cold_last=False)
    assert planned(house, "A1 B1 C1")[0] == "A1 B1 C1"


def test_what_is_reached_from_one_spot_follows_its_own_sequence(house: Warehouse) -> None:
    for level, sequence in (("2", 1), ("3", 2), ("1", 3)):
        LocationFactory(warehouse=house, code=f"A5/{level}", aisle="A", bay="5", x=0, y=5, pick_sequence=sequence)
    chosen(house)
    order, plan = planned(house, "A5/1 B1 A5/2 A5/1 A5/3")
    assert order.replace(" B1", "").removeprefix("B1 ") == "A5/2 A5/3 A5/1 A5/1"
    assert plan.length == Decimal(5 + 5 + 4 + 1 + 1 + 4)


def test_one_goes_on_from_where_one_stands(house: Warehouse) -> None:
    chosen(house)
    order, plan = planned(house, "A1 A9", standing_at="B9")
    assert (order, plan.length) == ("A9 A1", Decimal(1 + 4 + 1 + 8 + 1))
    chosen(house, method="sequence")
    order, plan = planned(house, "C9 A1 B1 B9", standing_at="B3")
    assert order == "B1 C9 A1 B9"
    assert plan.length == Decimal(2 + (1 + 4 + 9) + (9 + 8 + 1) + (1 + 4 + 9) + (9 + 4))


def test_a_place_that_is_not_on_the_map_leaves_the_sequence_of_the_places(house: Warehouse) -> None:
    lost = LocationFactory(warehouse=house, code="LOST", pick_sequence=150)
    elsewhere = LocationFactory(code="ELSEWHERE", pick_sequence=0)
    chosen(house, method="exact")
    order, plan = planned(house, "C9 LOST A1 A9")
    assert order == "A9 A1 LOST C9"
    assert (plan.method, plan.length, plan.shortest) == ("sequence", None, None)
    assert planned(house, "A1", standing_at="LOST")[1].length == Decimal(2)
    assert plan_walk(house.pk, [elsewhere.pk, lost.pk, 0]).order == (1, 0, 2)
    assert plan_walk(house.pk, []).order == ()
    assert plan_walk(elsewhere.warehouse_id, [elsewhere.pk]) == WalkPlan((0,), "sequence", None, None)


def test_strange_coordinates_give_no_length(house: Warehouse) -> None:
    LocationFactory(warehouse=house, code="Z", aisle="Z", x=Decimal("999999.99"), y=Decimal("-999999.99"))
    chosen(house)
    order, plan = planned(house, "Z A1")
    assert (order, plan.method, plan.length) == ("Z A1", "exact", None)


def test_planning_takes_two_statements(house: Warehouse) -> None:
    chosen(house, method="largest_gap")
    ids = list(Location.objects.filter(warehouse=house).values_list("pk", flat=True))
    for places in (ids[:1], ids):
        with CaptureQueriesContext(connection) as queries:
            plan_walk(house.pk, places)
        assert len(queries) == 2
