"""The paper of an audit, and what to count next."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from inventory.models import Audit, Product
from inventory.orchestrator import (
    add_found_goods,
    cancel_audit,
    change_audit,
    complete_audit,
    count_again,
    create_audit,
    record_count,
    scan_audit_place,
    start_audit,
    suggest_cycle_count,
    update_audit_items,
)
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, Site, site, stocked
from tests.factories.office import clerk
from tests.inventory.counting import ann, bob, bread, count, line_of, running, sell
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db
__all__ = ["ann", "bob", "bread"]
NAN, HUGE = Decimal("NaN"), Decimal("1e30")


def test_a_draft_says_what_is_counted(house: Site, ann: Actor) -> None:
    audit = create_audit(warehouse_id=house.id, scope="warehouse", notes="yearly", actor=ann)

    assert (audit.status, audit.scope, audit.blind, audit.recount_above_percent, audit.created_by_id) == ("draft", "warehouse", True, 10, ann.user_id)
    assert audit.number.startswith("AUD-")
    assert not audit.lines.exists()


def test_the_list_is_everything_with_a_quantity_but_what_is_on_the_road(house: Site, bread: Product) -> None:
    dated = stocked(bread, house.shelf, 5, lot="B", expires_in_days=5)
    stocked(bread, house.quarantine, 2, lot="A")
    stocked(bread, house.transit, 9, lot="A")
    gone = stocked(ProductFactory(), house.shelf, 1)
    sell(gone.product, 1, house)
    stocked(bread, site().shelf, 7)

    audit = running(house)

    assert list(audit.lines.order_by("pk").values_list("location__code", "lot_number", "status")) == [
        ("A-01", "B", "pending"),
        ("QUAR", "A", "pending"),
    ]
    assert line_of(audit, dated).label_expires_on == dated.batch.label_expires_on is not None
    assert (audit.status, audit.version, audit.started_at is not None) == ("in_progress", 2, True)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"scope": "zone", "zone": "Z"}, {("A-02", "MILK"), ("A-02", "BREAD")}),
        ({"scope": "locations", "location_ids": "shelf"}, {("A-01", "BREAD")}),
        ({"scope": "products", "product_ids": "milk"}, {("A-02", "MILK")}),
        ({"scope": "cycle", "location_ids": "shelf"}, {("A-01", "BREAD")}),
        ({"scope": "cycle", "cycle_places": 1}, {("A-02", "MILK"), ("A-02", "BREAD")}),
        ({"scope": "warehouse"}, {("A-01", "BREAD"), ("A-02", "MILK"), ("A-02", "BREAD")}),
    ],
)
def test_scopes(house: Site, bread: Product, scope: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    second = LocationFactory(warehouse=house.warehouse, code="A-02", zone="Z")
    milk = ProductFactory(sku="MILK")
    for place, product in ((house.shelf, bread), (second, milk), (second, bread)):
        stocked(product, place, 1)
    named = {"shelf": [house.shelf.pk], "milk": [milk.pk]}

    audit = running(house, **{name: named.get(value, value) if isinstance(value, str) else value for name, value in scope.items()})

    assert set(audit.lines.values_list("location__code", "product__sku")) == expected


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"scope": "planet"}, "scope"),
        ({"scope": "zone"}, "zone"),
        ({"scope": "zone", "zone": "nowhere"}, "zone"),
        ({"scope": "warehouse", "zone": "Z"}, "zone"),
        ({"scope": "locations"}, "locations"),
        ({"scope": "warehouse", "product_ids": [1]}, "products"),
        ({"scope": "products"}, "products"),
        ({"recount_above_percent": NAN}, "recount_above_percent"),
        ({"recount_above_percent": Decimal(-1)}, "recount_above_percent"),
        ({"recount_above_percent": HUGE}, "recount_above_percent"),
    ],
)
def test_a_scope_that_makes_no_sense(house: Site, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        create_audit(warehouse_id=house.id, actor=ACTOR, **wrong)

    assert [error["field"] for error in refusal.value.errors] == [field]
    assert not Audit.objects.exists()


def test_places_of_others_and_places_on_the_road_are_not_counted(house: Site) -> None:
    strange, road = site().shelf, house.transit

    with pytest.raises(ValidationFailed) as refusal:
        create_audit(warehouse_id=house.id, scope="locations", location_ids=[house.shelf.pk, strange.pk, road.pk], actor=ACTOR)

    assert refusal.value.errors == [{"field": "locations", "ids": sorted([strange.pk, road.pk])}]
    with pytest.raises(NotFound):
        create_audit(warehouse_id=house.id, scope="products", product_ids=[0], actor=ACTOR)
    with pytest.raises(NotFound):
        create_audit(warehouse_id=0, actor=ACTOR)
    with pytest.raises(Conflict, match="Nothing lies"):
        create_audit(warehouse_id=house.id, scope="cycle", actor=ACTOR)


def test_a_draft_is_changed_and_nothing_else(house: Site, bread: Product) -> None:
    audit = create_audit(warehouse_id=house.id, scope="locations", location_ids=[house.shelf.pk], actor=ACTOR)

    audit = change_audit(audit.pk, {"scope": "products", "product_ids": [bread.pk], "blind": False}, actor=ACTOR, expected_version=1)

    assert (audit.scope, audit.blind, list(audit.products.all()), audit.locations.count(), audit.version) == ("products", False, [bread], 0, 2)
    with pytest.raises(StaleVersion):
        change_audit(audit.pk, {"notes": "x"}, actor=ACTOR, expected_version=1)
    with pytest.raises(ValidationFailed):
        change_audit(audit.pk, {"warehouse_id": 1}, actor=ACTOR)
    start_audit(audit.pk, actor=ACTOR)
    with pytest.raises(Conflict):
        change_audit(audit.pk, {"notes": "x"}, actor=ACTOR)


def test_steps_only_in_their_order(house: Site) -> None:
    audit = create_audit(warehouse_id=house.id, actor=ACTOR)
    with pytest.raises(TransitionRefused) as refusal:
        complete_audit(audit.pk, actor=ACTOR)
    assert refusal.value.data["possible"] == ["cancel", "start"]
    for call in (
        lambda: scan_audit_place(audit.pk, house.shelf.pk, actor=ACTOR),
        lambda: update_audit_items(audit.pk, {}, actor=ACTOR),
        lambda: add_found_goods(audit.pk, house.shelf.pk, 1, Decimal(1), actor=ACTOR),
    ):
        with pytest.raises(TransitionRefused):
            call()
    with pytest.raises(StaleVersion):
        start_audit(audit.pk, actor=ACTOR, expected_version=9)
    start_audit(audit.pk, actor=ACTOR)
    assert cancel_audit(audit.pk, reason="another day", actor=ACTOR).cancellation_reason == "another day"
    with pytest.raises(TransitionRefused):
        start_audit(audit.pk, actor=ACTOR)


def test_who_may(house: Site, bread: Product) -> None:
    picker = Actor.of_user(clerk(Role.PICKER))
    audit = running(house)
    for call in (
        lambda: create_audit(warehouse_id=house.id, actor=picker),
        lambda: start_audit(audit.pk, actor=picker),
        lambda: scan_audit_place(audit.pk, house.shelf.pk, actor=picker),
        lambda: record_count(audit.pk, 1, Decimal(1), actor=picker),
        lambda: complete_audit(audit.pk, actor=picker),
        lambda: cancel_audit(audit.pk, reason="x", actor=picker),
        lambda: count_again(audit.pk, [], reason="x", actor=Actor.of_user(clerk(Role.AUDITOR))),
    ):
        with pytest.raises(PermissionDenied):
            call()


# --- what to count next ------------------------------------------------------------------------------------------------------------------


def test_what_moved_most_since_its_last_count_is_counted_next(house: Site, bread: Product) -> None:
    still, moving = stocked(ProductFactory(), house.dock, 5), stocked(bread, house.shelf, 50)
    stocked(ProductFactory(), house.transit, 5)
    for number in range(3):
        sell(bread, 1, house, f"shop:{number}")

    found = suggest_cycle_count(house.id)

    assert [(s.location, s.lots, s.counted_at) for s in found] == [("A-01", 1, None), ("DOCK", 1, None)]
    assert found[0].bookings > found[1].bookings
    audit = running(house, scope="cycle", cycle_places=1)
    assert list(audit.lines.values_list("batch_location", flat=True)) == [moving.pk]
    count(audit, moving, 47)
    complete_audit(audit.pk, actor=ACTOR)
    after = suggest_cycle_count(house.id)
    assert [(s.location, s.bookings) for s in after] == [("DOCK", still.version), ("A-01", 0)]
    assert after[1].counted_at is not None
    assert [s.location for s in suggest_cycle_count(house.id, 1)] == ["DOCK"]
