"""Where goods had best be put, and why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import BatchLocation, Location, Product
from inventory.orchestrator import change_phase, suggest_places
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, Site, stocked
from warehouse.core.errors import NotFound

pytestmark = pytest.mark.django_db


@pytest.fixture
def apples(house: Site) -> Product:
    return ProductFactory(sku="APPLES", lives={"ambient": 21, "chilled": 42})


def shelf(house: Site, code: str, **more: Any) -> Location:
    return LocationFactory(**{"warehouse": house.warehouse, "code": code, "condition": "chilled", "pick_sequence": 500} | more)


def named(row: BatchLocation, **more: Any) -> list[str]:
    return [place.code for place in suggest_places(row.pk, **more)]


def test_from_the_own_place_to_the_nearest(apples: Product, house: Site) -> None:
    dock = stocked(apples, house.dock, 5, lot="L1")
    stocked(apples, shelf(house, "SAME-BATCH"), 1, lot="L1")
    stocked(apples, shelf(house, "SAME-PRODUCT"), 1, lot="L2")
    stocked(ProductFactory(lives={"chilled": 9}), shelf(house, "FULL"), 1)
    shelf(house, "OWN", fixed_product=apples)

    found = suggest_places(dock.pk, limit=10)

    assert [(place.code, place.reason) for place in found] == [
        ("OWN", "the product's own place"),
        ("SAME-BATCH", "goods of the same batch lie there"),
        ("SAME-PRODUCT", "goods of the same product lie there"),
        ("C-01", "the nearest empty place of the right kind"),
        ("A-01", "the nearest empty place of the right kind"),
        ("FULL", "the nearest place of the right kind, with other goods in it"),
    ]
    assert named(dock, limit=2) == ["OWN", "SAME-BATCH"]


def test_the_nearest_is_the_shortest_way_then_the_walk(apples: Product, house: Site) -> None:
    Location.objects.filter(pk=house.dock.pk).update(x=0, y=0)
    dock = stocked(apples, house.dock, 5)
    shelf(house, "FAR", x=30, y=40, pick_sequence=1)
    shelf(house, "NEAR", x=3, y=4, pick_sequence=9)
    shelf(house, "LATE", pick_sequence=8)
    shelf(house, "EARLY", pick_sequence=7)

    assert [code for code in named(dock, limit=10) if code not in ("C-01", "A-01")] == ["NEAR", "FAR", "EARLY", "LATE"]


def test_places_that_are_none(apples: Product, house: Site) -> None:
    dock = stocked(apples, house.dock, 5)
    Location.objects.filter(pk__in=[house.cool.pk, house.shelf.pk]).update(is_active=False, is_pickable=False)
    shelf(house, "CLOSED", is_active=False)
    shelf(house, "NOT-FOR-PICKING", is_pickable=False)
    shelf(house, "SOMEBODY-ELSES", fixed_product=ProductFactory())
    LocationFactory(condition="chilled")

    with pytest.raises(NotFound, match="No shelf of this warehouse suits APPLES"):
        suggest_places(dock.pk)
    with pytest.raises(NotFound, match="no goods 999999"):
        suggest_places(999_999)


def test_frozen_goods_stay_frozen_and_fresh_ones_fresh(house: Site) -> None:
    beef = ProductFactory(freezable=True, lives={"chilled": 9, "frozen": 120, ("chilled", "thawed"): 1})
    fresh = stocked(beef, house.dock, 5)
    assert named(fresh) == ["C-01"]
    cool = stocked(beef, house.cool, 5)
    frozen = change_phase(cool.pk, Decimal(2), "freeze", house.freezer.pk, actor=ACTOR)
    shelf(house, "F-02", condition="frozen")
    assert named(BatchLocation.objects.get(pk=frozen)) == ["F-02"]
    thawed = change_phase(frozen, Decimal(1), "thaw", house.cool.pk, actor=ACTOR)
    with pytest.raises(NotFound, match=r"suits .* \(thawed\)"):
        suggest_places(thawed)


def test_goods_without_a_date_go_anywhere(house: Site) -> None:
    lamp = ProductFactory(tracks_expiry=False, lives={})

    assert named(stocked(lamp, house.dock, 5)) == ["A-01", "C-01", "F-01"]


def test_three_statements_however_many_places(apples: Product, house: Site) -> None:
    dock = stocked(apples, house.dock, 5)
    for number in range(30):
        shelf(house, f"S-{number}")

    with CaptureQueriesContext(connection) as queries:
        suggest_places(dock.pk)

    assert len(queries) == 3
