"""The layout that the places of a warehouse make."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import WalkSettings
from fulfillment.queries.site_layout import SiteLayout, layout_of, make_layout
from fulfillment.routing.layout import Pick
from inventory.enums import Condition, LocationKind
from inventory.models import Location
from inventory.orchestrator import SitePlace
from tests.factories.inventory import LocationFactory, WarehouseFactory

_ids = count(1)


def place(code: str, *, x: Any = None, y: Any = None, kind: str = LocationKind.STORAGE, **more: Any) -> SitePlace:
    values: dict[str, Any] = {"zone": "", "condition": "ambient", "aisle": "", "bay": "", "level": "", "pick_sequence": 0, "is_active": True}
    metres = [None if value is None else Decimal(str(value)) for value in (x, y)]
    return SitePlace(id=next(_ids), code=code, kind=kind, x=metres[0], y=metres[1], **values | more)


def made(*places: SitePlace, **settings: Any) -> SiteLayout:
    return make_layout(WalkSettings(**settings), sorted(places, key=lambda p: p.code))


def spots(site: SiteLayout) -> dict[str, tuple[int, int]]:
    return {site.places[pk].code: (spot.aisle, spot.y) for pk, spot in site.spots.items()}


def test_aisles_lie_where_their_places_do_and_a_place_by_its_y() -> None:
    rows = [
        place(f"{aisle}-{n}", aisle=aisle, x=x, y=y) for n, (aisle, x, y) in enumerate([("B", 4, 3), ("A", 0, 1.5), ("A", 2, 12), ("B", 4.02, 6)])
    ]
    site = made(*rows, place("PACK", kind=LocationKind.PACKING, x=3, y=0))
    assert site.layout is not None
    assert site.layout.aisles == (100, 401)
    assert site.layout.cross_aisles == (75, 1275)
    assert site.layout.depot == 300
    assert spots(site) == {"A-1": (0, 150), "A-2": (0, 1200), "B-0": (1, 300), "B-3": (1, 600), "PACK": (1, 75)}


def test_without_coordinates_aisles_lie_side_by_side_by_name_and_places_by_their_bays() -> None:
    rows = [
        place(f"{aisle}{bay}", aisle=aisle, bay=bay)
        for aisle, bay in [("A10", "07"), ("A2", "B3"), ("A2", "1"), ("A1", "C"), ("A1", "A"), ("A1", "")]
    ]
    site = made(*rows, aisle_spacing=Decimal("2.5"), bay_length=Decimal(1))
    assert site.layout is not None
    assert site.layout.aisles == (0, 250, 500)
    assert site.layout.cross_aisles == (50, 750)
    assert spots(site) == {"A1007": (2, 700), "A2B3": (1, 300), "A21": (1, 100), "A1C": (0, 300), "A1A": (0, 200), "A1": (0, 100)}


def test_an_aisle_without_x_lies_beside_the_others() -> None:
    site = made(place("A", aisle="A", x=10, y=1), place("B", aisle="B", y=1), place("C", aisle="C", y=1), aisle_spacing=Decimal(3))
    assert site.layout is not None
    assert site.layout.aisles == (1000, 1300, 1600)


def test_two_names_at_the_same_x_are_one_aisle() -> None:
    site = made(place("L", aisle="L", x=1, y=1), place("R", aisle="R", x=1, y=2), place("N", aisle="N", x=-3, y=-2))
    assert site.layout is not None
    assert (site.layout.aisles, site.layout.cross_aisles) == ((-300, 100), (-275, 275))
    assert spots(site) == {"L": (1, 100), "R": (1, 200), "N": (0, -200)}


def test_other_places_are_reached_from_the_nearest_aisle_and_some_not_at_all() -> None:
    site = made(
        place("A", aisle="A", x=0, y=2),
        place("B", aisle="B", x=5, y=9),
        place("DOCK", kind=LocationKind.RECEIVING, x=4, y=40),
        place("BENCH", kind=LocationKind.PACKING, x=-9, y=-7),
        place("FRONT", kind=LocationKind.SHIPPING, x=1),
        place("LOST"),
        place("DESK", aisle="OFFICE", kind=LocationKind.QUARANTINE),
        place("OLD", aisle="Z", x=99, y=99, is_active=False),
    )
    assert spots(site) == {"A": (0, 200), "B": (1, 900), "DOCK": (1, 975), "BENCH": (0, 125), "FRONT": (0, 125), "OLD": (1, 975)}


@pytest.mark.parametrize("places", [(), (place("A"),), (place("A", x=1, y=1),), (place("A", aisle="A", is_active=False),)])
def test_without_an_aisle_there_is_no_map(places: tuple[SitePlace, ...]) -> None:
    site = made(*places)
    assert (site.layout, site.spots) == (None, {})


def test_one_place_is_a_layout() -> None:
    site = made(place("A", aisle="A", bay="20261120"), bay_length=Decimal("0.1"))
    assert site.layout is not None
    assert (site.layout.aisles, site.layout.cross_aisles, site.layout.depot) == ((0,), (5, 15), 0)


def test_the_cross_aisle_in_the_middle_lies_between_the_others_or_nowhere() -> None:
    rows = [place("A", aisle="A", x=0, y=1), place("B", aisle="B", x=3, y=9)]
    for middle, expected in ((Decimal("4.5"), (25, 450, 975)), (Decimal("9.75"), (25, 975)), (Decimal(-1), (25, 975))):
        site = made(*rows, middle_cross_aisle=middle)
        assert site.layout is not None
        assert site.layout.cross_aisles == expected


def test_where_walks_begin() -> None:
    shelves = [place("A", aisle="A", x=2, y=1), place("B", aisle="B", x=6, y=1)]
    closed = place("P0", kind=LocationKind.PACKING, x=9, is_active=False)
    nowhere, bench = place("P1", kind=LocationKind.PACKING), place("P2", kind=LocationKind.PACKING, x=3)

    def depot(*more: SitePlace, **settings: Any) -> int:
        site = made(*shelves, *more, **settings)
        assert site.layout is not None
        return site.layout.depot

    assert depot(closed, bench) == 300
    assert depot(nowhere, bench) == 200
    assert depot(bench, depot_id=shelves[1].id) == 600
    assert depot(nowhere, bench, depot_id=nowhere.id) == 200


def test_cold_places_are_walked_to_last() -> None:
    rows = [place(condition or "none", aisle="A", bay="1", condition=condition) for condition in ("", *Condition.values)]
    site = made(*rows)
    legs = {site.places[pk].code: spot for pk, spot in site.spots.items()}
    assert {code: spot.leg for code, spot in legs.items()} == {"none": 0, "ambient": 0, "cool": 0, "chilled": 1, "frozen": 2}
    assert legs["frozen"] == Pick(0, 150, 2)


@pytest.mark.django_db
def test_a_warehouse_is_read_in_two_statements() -> None:
    house, other = WarehouseFactory(), WarehouseFactory()
    bench = LocationFactory(warehouse=house, code="P", kind=LocationKind.PACKING, x=Decimal("7.5"))
    LocationFactory(warehouse=other, aisle="X", bay="1")
    LocationFactory(warehouse=house, aisle="A", bay="1")
    with CaptureQueriesContext(connection) as one:
        site = layout_of(house.pk)
    assert site.layout is not None
    assert (site.layout.aisles, site.layout.depot, site.settings.method, site.settings.pk) == ((0,), 750, "exact", None)
    Location.objects.bulk_create(LocationFactory.build(warehouse=house, aisle=a, bay=f"{b}") for a in "BCD" for b in range(10))
    WalkSettings.objects.create(warehouse=house, method="return", depot=Location.objects.get(warehouse=house, aisle="A"))
    with CaptureQueriesContext(connection) as many:
        site = layout_of(house.pk)
    assert site.layout is not None
    assert (len(site.layout.aisles), site.layout.depot, site.settings.method) == (4, 0, "return")
    assert bench.pk in site.spots
    assert len(one) == len(many) == 2
