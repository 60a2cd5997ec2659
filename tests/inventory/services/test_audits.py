"""Counting what is there: the paper, the moment of counting, what is counted again, and what comes onto the books."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.enums import AuditStatus
from inventory.errors import CountAgain, GoodsPromised, LotMismatch
from inventory.models import Audit, AuditLine, Batch, BatchLocation, Movement, Product, Receiving, Reservation
from inventory.orchestrator import (
    DocumentType,
    OrderedLine,
    PlaceNotAllowed,
    ReceivingLine,
    TransferLine,
    add_found_goods,
    cancel_audit,
    change_audit,
    complete_audit,
    confirm_receiving,
    consume_reservation,
    count_again,
    create_audit,
    create_receiving,
    create_transfer,
    pick_reserved,
    promise_order,
    receive_transfer,
    record_count,
    reserve_for_order,
    scan_audit_place,
    send_transfer,
    start_audit,
    start_receiving,
    suggest_cycle_count,
    update_audit_items,
)
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, Site, site, stocked
from tests.factories.office import clerk
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db
NAN, HUGE = Decimal("NaN"), Decimal("1e30")


@pytest.fixture
def ann(db: None) -> Actor:
    return Actor.of_user(clerk(Role.AUDITOR))


@pytest.fixture
def bob(db: None) -> Actor:
    return Actor.of_user(clerk(Role.AUDITOR))


@pytest.fixture
def bread(db: None) -> Product:
    return ProductFactory(sku="BREAD")


def running(house: Site, **more: Any) -> Audit:
    """An audit that has begun; a difference of any size stands."""
    audit = create_audit(warehouse_id=house.id, actor=ACTOR, **{"recount_above_percent": Decimal(100), **more})
    return start_audit(audit.pk, actor=ACTOR)


def line_of(audit: Audit, row: BatchLocation) -> AuditLine:
    return AuditLine.objects.get(audit=audit, batch_location=row)


def count(audit: Audit, row: BatchLocation, quantity: int | str, actor: Actor = ACTOR) -> AuditLine:
    """Scan the place and count at once."""
    scan_audit_place(audit.pk, row.location_id, actor=actor)
    return record_count(audit.pk, line_of(audit, row).pk, Decimal(quantity), actor=actor)


def sell(product: Product, quantity: int | str, house: Site, ref: str = "shop:1") -> None:
    reserved = reserve_for_order(ref, [OrderedLine(product.pk, Decimal(quantity))], warehouse_id=house.id, actor=ACTOR)
    consume_reservation(reserved.reservation_id, actor=ACTOR)


def pick(house: Site, product: Product, item: int, quantity: int) -> None:
    """To the bench."""
    pick_reserved(
        item, Decimal(quantity), warehouse_id=house.id, product_id=product.pk, to_location_id=house.bench.pk,
        document_type=DocumentType.PICKING_TASK, document_id=1, actor=ACTOR,
    )  # fmt: skip


def what_lies(product: Product) -> list[tuple[str, Decimal, Decimal]]:
    rows = BatchLocation.objects.filter(product=product).order_by("pk")
    return list(rows.values_list("batch__lot_number", "quantity", "reserved"))


# --- the paper ---------------------------------------------------------------------------------------------------------------------------


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


# --- the moment of counting --------------------------------------------------------------------------------------------------------------


def test_the_difference_comes_onto_the_books(house: Site, bread: Product, ann: Actor) -> None:
    less, more = stocked(bread, house.shelf, 10, lot="L"), stocked(bread, house.shelf, 4, lot="M")
    Batch.objects.update(purchase_price=Decimal("1.5"))
    audit = running(house)
    count(audit, less, 7, ann)
    count(audit, more, 5, ann)

    with heard() as events:
        done = complete_audit(audit.pk, actor=ann)

    assert (done.status, done.completed_at is not None, done.uncounted) == ("completed", True, "untouched")
    assert what_lies(bread) == [("L", 7, 0), ("M", 5, 0)]
    assert totals(bread.pk, house.id) == (12, 0, 0, 12)
    booked = Movement.objects.filter(document_type="audit", document_id=audit.pk).order_by("pk")
    assert list(booked.values_list("type", "quantity_change", "quantity_before", "performed_by")) == [
        ("adjustment", -3, 10, ann.name),
        ("adjustment", 1, 4, ann.name),
    ]
    assert events.types() == ["stock.changed", "inventory.audit.completed"]
    assert events.of("inventory.audit.completed") == [
        {
            "audit_id": audit.pk, "number": audit.number, "warehouse_id": "1", "lines": 2, "counted": 2, "differences": 2, "value": {"EUR": "-3"},
        }
    ]  # fmt: skip
    line = line_of(audit, less)
    assert (line.books_quantity, line.counted_quantity, line.difference, line.unit_cost, line.counted_by_id) == (
        10,
        7,
        -3,
        Decimal("1.5"),
        ann.user_id,
    )
    assert_books_balance()


def test_trade_between_the_count_and_the_completion_survives(house: Site, bread: Product) -> None:
    """A count is absolute at its place in the ledger: 2 were missing then, whatever was sold and received since."""
    row = stocked(bread, house.shelf, 10, lot="L")
    audit = running(house)
    count(audit, row, 8)
    sell(bread, 3, house)
    stocked(bread, house.shelf, 5, lot="L")

    complete_audit(audit.pk, actor=ACTOR)

    assert what_lies(bread) == [("L", 10 - 2 - 3 + 5, 0)]
    assert line_of(audit, row).difference == -2
    assert_books_balance()


def test_trade_between_the_start_and_the_scan_is_no_difference(house: Site, bread: Product) -> None:
    row = stocked(bread, house.shelf, 10, lot="L")
    audit = running(house)
    sell(bread, 4, house)

    assert count(audit, row, 6).status == "counted"
    with heard() as events:
        complete_audit(audit.pk, actor=ACTOR)

    assert what_lies(bread) == [("L", 6, 0)]
    assert events.types() == ["inventory.audit.completed"]
    assert not Movement.objects.filter(type="adjustment").exists()


def test_a_scan_keeps_the_books_and_lists_what_has_come(house: Site, bread: Product, ann: Actor) -> None:
    row = stocked(bread, house.shelf, 10, lot="L")
    audit = running(house)
    new = stocked(bread, house.shelf, 3, lot="M")
    other = stocked(ProductFactory(sku="OTHER"), house.shelf, 2, lot="O")
    stocked(bread, house.dock, 1)

    lines = scan_audit_place(audit.pk, house.shelf.pk, actor=ann)

    shown = [(line.batch_location_id, line.books_quantity, line.books_version, line.scanned_by_id, line.found) for line in lines]
    assert shown == [(row.pk, 10, row.version, ann.user_id, False), (new.pk, 3, new.version, ann.user_id, False),
                     (other.pk, 2, other.version, ann.user_id, False)]  # fmt: skip
    assert lines[0].location.code == "A-01"
    assert audit.lines.count() == 3


def test_a_scan_of_a_place_that_is_not_counted(house: Site, bread: Product) -> None:
    stocked(bread, house.shelf, 1)
    audit = running(house, scope="locations", location_ids=[house.shelf.pk])
    for strange in (house.dock, house.transit, site().shelf):
        with pytest.raises(Conflict, match="not counted"):
            scan_audit_place(audit.pk, strange.pk, actor=ACTOR)
    with pytest.raises(NotFound):
        scan_audit_place(audit.pk, 0, actor=ACTOR)


def test_a_place_is_scanned_before_it_is_counted(house: Site, bread: Product, ann: Actor, bob: Actor) -> None:
    row = stocked(bread, house.shelf, 10)
    audit = running(house)
    line = line_of(audit, row)
    with pytest.raises(Conflict, match="scan the place first"):
        record_count(audit.pk, line.pk, Decimal(10), actor=ann)
    scan_audit_place(audit.pk, house.shelf.pk, actor=ann)
    scan_audit_place(audit.pk, house.shelf.pk, actor=bob)
    with pytest.raises(Conflict, match="somebody else has scanned the place since"):
        record_count(audit.pk, line.pk, Decimal(10), actor=ann)
    record_count(audit.pk, line.pk, Decimal(10), actor=bob)
    with pytest.raises(Conflict, match="somebody else has counted it"):
        record_count(audit.pk, line.pk, Decimal(9), actor=ann)
    # A typing error, mended by the one who made it; and by a manager, who writes down what others count.
    assert record_count(audit.pk, line.pk, Decimal(9), actor=bob).counted_quantity == 9
    assert record_count(audit.pk, line.pk, Decimal(8), actor=ACTOR).counted_quantity == 8


def test_many_counts_at_once_all_or_none(house: Site, bread: Product, ann: Actor) -> None:
    rows = [stocked(bread, house.shelf, 10, lot=lot) for lot in "LMN"]
    audit = running(house)
    scan_audit_place(audit.pk, house.shelf.pk, actor=ann)
    lines = [line_of(audit, row) for row in rows]

    def counts(*quantities: Any) -> Mapping[int, Decimal]:
        return {line.pk: Decimal(quantity) for line, quantity in zip(lines, quantities, strict=False)}

    for wrong in ("1.5", "-1", "NaN", "1e30", "Infinity"):
        with pytest.raises(ValidationFailed):
            update_audit_items(audit.pk, counts(10, wrong), actor=ann)
    with pytest.raises(NotFound):
        update_audit_items(audit.pk, counts(10) | {0: Decimal(1)}, actor=ann)
    assert not audit.lines.exclude(counted_quantity=None).exists()
    done = update_audit_items(audit.pk, counts(10, 9, 0), actor=ann, expected_version=3)
    assert done.version == 4
    assert list(audit.lines.order_by("pk").values_list("counted_quantity", flat=True)) == [10, 9, 0]


def test_lines_of_another_audit_are_not_counted(house: Site, bread: Product) -> None:
    row = stocked(bread, house.shelf, 10)
    first, second = running(house), running(house)
    with pytest.raises(NotFound):
        record_count(first.pk, line_of(second, row).pk, Decimal(1), actor=ACTOR)


def test_weighed_goods(house: Site) -> None:
    apples = ProductFactory(sku="APPLES", quantity_step=Decimal("0.001"))
    row = stocked(apples, house.shelf, "0.3", lot="L")
    audit = running(house)
    count(audit, row, "0.285")
    complete_audit(audit.pk, actor=ACTOR)
    assert what_lies(apples) == [("L", Decimal("0.285"), 0)]
    assert_books_balance()


# --- to be counted again -----------------------------------------------------------------------------------------------------------------


def test_what_moved_between_the_scan_and_the_count_is_counted_again(house: Site, bread: Product, ann: Actor) -> None:
    row = stocked(bread, house.shelf, 10, lot="L")
    audit = running(house)
    scan_audit_place(audit.pk, house.shelf.pk, actor=ann)
    sell(bread, 1, house)

    line = record_count(audit.pk, line_of(audit, row).pk, Decimal(10), actor=ann)

    assert (line.status, line.recount_reason, line.counted_quantity, line.books_quantity) == (
        "recount", "the books changed while it was counted", None, None,
    )  # fmt: skip
    with pytest.raises(CountAgain) as refusal:
        complete_audit(audit.pk, actor=ann)
    assert refusal.value.errors == [
        {"line": line.pk, "location": "A-01", "sku": "BREAD", "lot": "L", "why": "the books changed while it was counted"}
    ]
    assert count(audit, row, 9, ann).status == "counted"
    complete_audit(audit.pk, actor=ann)
    assert what_lies(bread) == [("L", 9, 0)]


def test_a_delivery_that_is_being_received_there(house: Site, bread: Product) -> None:
    row, other = stocked(bread, house.shelf, 10, lot="L"), stocked(ProductFactory(sku="OTHER"), house.shelf, 1)
    audit = running(house)
    receiving = create_receiving(warehouse_id=house.id, location_id=house.shelf.pk, lines=[ReceivingLine(bread.pk, Decimal(5))], actor=ACTOR)
    assert count(audit, row, 10).status == "counted"
    start_receiving(receiving.pk, actor=ACTOR)

    line = count_anew(audit, row, 10)

    assert (line.status, line.recount_reason) == ("recount", f"delivery {receiving.number} is being received there")
    assert count(audit, other, 1).status == "counted"
    confirm_receiving(receiving.pk, actor=ACTOR)
    assert Receiving.objects.get(pk=receiving.pk).status == "confirmed"
    assert count(audit, row, 10).status == "counted"


def count_anew(audit: Audit, row: BatchLocation, quantity: int) -> AuditLine:
    count_again(audit.pk, [line_of(audit, row).pk], reason="let me see", actor=ACTOR)
    return count(audit, row, quantity)


def test_a_transfer_under_way(house: Site, bread: Product) -> None:
    there = site()
    row, goal = stocked(bread, house.shelf, 10), stocked(bread, there.shelf, 2)
    transfer = create_transfer(
        source_warehouse_id=house.id, target_warehouse_id=there.id, lines=[TransferLine(row.pk, Decimal(4), there.shelf.pk)], actor=ACTOR
    )
    here_counted, there_counted = running(house), running(there)
    assert count(here_counted, row, 10).status == count(there_counted, goal, 2).status == "counted"
    send_transfer(transfer.pk, actor=ACTOR)

    lines = [count_anew(here_counted, row, 6), count_anew(there_counted, goal, 2)]

    assert [(line.status, line.recount_reason) for line in lines] == [("recount", f"transfer {transfer.number} is under way")] * 2
    receive_transfer(transfer.pk, actor=ACTOR)
    assert count(here_counted, row, 6).status == count(there_counted, goal, 2).status == "counted"


def test_what_is_being_picked(house: Site, bread: Product) -> None:
    row = stocked(bread, house.shelf, 10)
    promised = promise_order("shop:1", [OrderedLine(bread.pk, Decimal(4), house.id)], actor=ACTOR)
    audit = running(house)
    assert count(audit, row, 10).status == "counted"
    pick(house, bread, promised[0].items[0].id, 1)

    line = count_anew(audit, row, 9)
    assert (line.status, line.recount_reason) == ("recount", "shop:1 is being picked there")
    pick(house, bread, promised[0].items[0].id, 3)
    assert count(audit, row, 6).status == "counted"
    # What stands on the bench is at rest.
    scan_audit_place(audit.pk, house.bench.pk, actor=ACTOR)
    bench = AuditLine.objects.get(audit=audit, location=house.bench)
    assert record_count(audit.pk, bench.pk, Decimal(4), actor=ACTOR).status == "counted"


def test_a_count_that_is_far_off_is_made_again_by_somebody_else(house: Site, bread: Product, ann: Actor, bob: Actor) -> None:
    row = stocked(bread, house.shelf, 10, lot="L")
    audit = running(house, recount_above_percent=Decimal(20))

    line = count(audit, row, 7, ann)

    assert (line.status, line.first_counted_quantity, line.first_counted_by_id, line.counted_quantity) == ("recount", 7, ann.user_id, None)
    assert line.recount_reason == "it differs by more than 20 % from the books: somebody else counts it"
    scan_audit_place(audit.pk, house.shelf.pk, actor=ann)
    with pytest.raises(Conflict, match="you have counted it"):
        record_count(audit.pk, line.pk, Decimal(7), actor=ann)
    line = count(audit, row, 6, bob)
    assert (line.status, line.counted_quantity, line.counted_by_id, line.first_counted_quantity) == ("counted", 6, bob.user_id, 7)
    complete_audit(audit.pk, actor=ann)
    assert what_lies(bread) == [("L", 6, 0)]


@pytest.mark.parametrize(
    ("percent", "counted", "status"), [(20, 8, "counted"), (20, 7, "recount"), (0, 9, "recount"), (0, 10, "counted"), (20, 13, "recount")]
)
def test_how_far_off_is_too_far(house: Site, bread: Product, percent: int, counted: int, status: str) -> None:
    row = stocked(bread, house.shelf, 10)
    audit = running(house, recount_above_percent=Decimal(percent))
    assert count(audit, row, counted).status == status


def test_something_where_the_books_have_nothing_any_more_is_far_off(house: Site, bread: Product) -> None:
    row = stocked(bread, house.shelf, 1)
    strict, lax = running(house, recount_above_percent=Decimal(99)), running(house)
    sell(bread, 1, house)
    assert count(strict, row, 1).status == "recount"
    assert count(lax, row, 1).status == "counted"
    assert count(running(house, scope="locations", location_ids=[house.shelf.pk]), stocked(bread, house.shelf, 1), 1).status == "counted"


def test_a_count_that_the_books_have_overtaken(house: Site, bread: Product) -> None:
    """4 of 10 were counted, then 8 were sold: that can't be. The completion says so, the next scan sends the line back."""
    row = stocked(bread, house.shelf, 10, lot="L")
    audit = running(house)
    count(audit, row, 4)
    sell(bread, 8, house)

    with pytest.raises(CountAgain) as refusal:
        complete_audit(audit.pk, actor=ACTOR)

    assert "scan A-01 anew" in refusal.value.detail
    assert refusal.value.errors[0]["why"] == "more has left since the count than it found"
    assert what_lies(bread) == [("L", 2, 0)]
    assert Audit.objects.get().status == "in_progress"
    line = scan_audit_place(audit.pk, house.shelf.pk, actor=ACTOR)[0]
    assert (line.status, line.counted_quantity, line.books_quantity) == ("recount", None, 2)
    record_count(audit.pk, line.pk, Decimal(1), actor=ACTOR)
    complete_audit(audit.pk, actor=ACTOR)
    assert what_lies(bread) == [("L", 1, 0)]
    assert_books_balance()


def test_completion_names_every_line_that_is_to_be_counted_again(house: Site, bread: Product, ann: Actor) -> None:
    rows = [stocked(bread, place, 10, lot="L") for place in (house.shelf, house.dock, house.quarantine)]
    audit = running(house, recount_above_percent=Decimal(0))
    for row, quantity in zip(rows, (9, 10, 8), strict=True):
        count(audit, row, quantity, ann)

    with pytest.raises(CountAgain) as refusal:
        complete_audit(audit.pk, actor=ann)

    assert [error["location"] for error in refusal.value.errors] == ["A-01", "QUAR"]
    assert not Movement.objects.filter(type="adjustment").exists()


def test_a_manager_sends_a_count_back(house: Site, bread: Product, ann: Actor) -> None:
    row = stocked(bread, house.shelf, 10)
    audit = running(house)
    line = count(audit, row, 9, ann)
    count_again(audit.pk, [line.pk], reason="look behind the boxes", actor=ACTOR)
    line.refresh_from_db()
    assert (line.status, line.recount_reason, line.scanned_at, line.counted_quantity) == ("recount", "look behind the boxes", None, None)
    with pytest.raises(NotFound):
        count_again(audit.pk, [line.pk, 0], reason="x", actor=ACTOR)
    assert count(audit, row, 10, ann).status == "counted"


# --- found goods -------------------------------------------------------------------------------------------------------------------------


def test_found_goods_of_a_known_lot_bring_its_clock(house: Site) -> None:
    milk = ProductFactory(sku="MILK", lives={"chilled": 14})
    row = stocked(milk, house.cool, 5, lot="L", expires_in_days=6)
    BatchLocation.objects.filter(pk=row.pk).update(
        not_after=timezone.now() + timedelta(days=3), effective_expires_at=timezone.now() + timedelta(days=3)
    )
    audit = running(house)
    scan_audit_place(audit.pk, house.cool.pk, actor=ACTOR)

    line = add_found_goods(audit.pk, house.quarantine.pk, milk.pk, Decimal(2), lot_number="L", actor=ACTOR)

    assert (line.status, line.found, line.batch, line.books_quantity, line.counted_quantity) == ("counted", True, row.batch, 0, 2)
    assert not BatchLocation.objects.filter(location=house.quarantine).exists()
    complete_audit(audit.pk, actor=ACTOR)
    found = BatchLocation.objects.get(location=house.quarantine)
    assert (found.quantity, found.batch, found.blocked_reason, found.not_after) == (
        2,
        row.batch,
        "place",
        BatchLocation.objects.get(pk=row.pk).not_after,
    )
    line.refresh_from_db()
    assert (line.difference, line.batch_location) == (2, found)
    assert totals(milk.pk, house.id) == (7, 0, 2, 5)
    assert_books_balance()


def test_found_goods_of_a_new_lot(house: Site) -> None:
    milk = ProductFactory(sku="MILK", lives={"chilled": 14})
    stocked(milk, house.cool, 1, lot="OLD", expires_in_days=5)
    Batch.objects.update(purchase_price=Decimal(2), currency="RSD")
    audit = running(house, scope="products", product_ids=[milk.pk])
    day = (timezone.now() + timedelta(days=9)).date()

    line = add_found_goods(audit.pk, house.cool.pk, milk.pk, Decimal(3), lot_number="NEW", label_expires_on=day, actor=ACTOR)
    dated = add_found_goods(audit.pk, house.cool.pk, milk.pk, Decimal(1), produced_on=timezone.now().date() - timedelta(days=2), actor=ACTOR)

    assert (line.batch, dated.lot_number, Batch.objects.count()) == (None, f"{audit.number}-F2", 1)
    with heard() as events:
        complete_audit(audit.pk, actor=ACTOR)
    batch = Batch.objects.get(lot_number="NEW")
    assert (batch.label_expires_on, batch.label_condition, batch.label_life, batch.purchase_price, batch.currency) == (
        day, "chilled", timedelta(days=14), 2, "RSD",
    )  # fmt: skip
    row = BatchLocation.objects.get(batch=batch)
    assert (row.quantity, row.blocked_reason, row.effective_expires_at == row.not_after) == (3, "", True)
    assert row.effective_expires_at.date() == day + timedelta(days=1)
    assert BatchLocation.objects.get(batch__lot_number=dated.lot_number).effective_expires_at < timezone.now() + timedelta(days=13)
    line.refresh_from_db()
    assert (line.batch, line.difference) == (batch, 3)
    assert events.of("inventory.audit.completed")[0]["value"] == {"RSD": "8"}
    assert_books_balance()


def test_a_lot_that_was_sold_out_comes_back_with_its_own_clock(house: Site) -> None:
    milk = ProductFactory(sku="MILK", lives={"chilled": 14})
    row = stocked(milk, house.cool, 1, lot="L", expires_in_days=6)
    audit = running(house)
    sell(milk, 1, house)
    before = BatchLocation.objects.get(pk=row.pk)
    count(audit, row, 1)
    complete_audit(audit.pk, actor=ACTOR)
    after = BatchLocation.objects.get(pk=row.pk)
    assert (after.quantity, after.effective_expires_at, after.clock_started_at) == (1, before.effective_expires_at, before.clock_started_at)
    assert_books_balance()


def test_found_goods_that_are_refused(house: Site) -> None:
    milk, lamp = ProductFactory(sku="MILK", lives={"chilled": 14}), ProductFactory(sku="LAMP", tracks_expiry=False)
    row = stocked(milk, house.cool, 5, lot="L", expires_in_days=6)
    audit = running(house, scope="locations", location_ids=[house.cool.pk, house.shelf.pk])
    day = timezone.now().date() + timedelta(days=3)

    def found(product: Product = milk, place: Any = house.cool, quantity: str = "1", **more: Any) -> AuditLine:
        return add_found_goods(audit.pk, place.pk, product.pk, Decimal(quantity), actor=ACTOR, **more)

    for wrong in ("0", "-1", "0.5", "NaN", "1e30"):
        with pytest.raises(ValidationFailed):
            found(quantity=wrong, lot_number="N", label_expires_on=day)
    with pytest.raises(ValidationFailed, match="say of which lot"):
        found()
    with pytest.raises(ValidationFailed, match="say of which lot"):
        found(lot_number="UNKNOWN")
    with pytest.raises(ValidationFailed, match="no phase"):
        found(lot_number="N", label_expires_on=day, phase="molten")
    with pytest.raises(LotMismatch):
        found(lot_number="L", label_expires_on=day)
    with pytest.raises(Conflict, match="on the list") as refusal:
        found(lot_number="L")
    assert refusal.value.data == {"line": line_of(audit, row).pk}
    with pytest.raises(PlaceNotAllowed):
        found(place=house.shelf, lot_number="N", label_expires_on=day)
    with pytest.raises(Conflict, match="not counted by"):
        found(place=house.dock, lot_number="N", label_expires_on=day)
    with pytest.raises(NotFound):
        add_found_goods(audit.pk, house.cool.pk, 0, Decimal(1), actor=ACTOR)
    assert audit.lines.count() == 1
    assert found(lamp).lot_number == f"{audit.number}-F1"


def test_a_product_outside_the_audit_is_not_found(house: Site, bread: Product) -> None:
    stocked(bread, house.shelf, 1)
    audit = running(house, scope="products", product_ids=[bread.pk])
    with pytest.raises(Conflict, match="not counted by"):
        add_found_goods(audit.pk, house.shelf.pk, ProductFactory().pk, Decimal(1), lot_number="X", actor=ACTOR)


def test_found_goods_that_came_onto_the_books_meanwhile(house: Site, bread: Product) -> None:
    """Counted as found, then received: the difference stands beside what was received, and both are one lot."""
    stocked(bread, house.shelf, 1, lot="L")
    audit = running(house)
    add_found_goods(
        audit.pk, house.shelf.pk, bread.pk, Decimal(2), lot_number="NEW", label_expires_on=timezone.now().date() + timedelta(days=90), actor=ACTOR
    )
    received = stocked(bread, house.shelf, 5, lot="NEW", expires_in_days=90)

    complete_audit(audit.pk, actor=ACTOR)

    assert BatchLocation.objects.get(batch__lot_number="NEW").quantity == 7
    assert AuditLine.objects.get(audit=audit, found=True).batch == received.batch
    assert_books_balance()


def test_the_case_of_a_lot_does_not_make_two_of_it(house: Site, bread: Product) -> None:
    stocked(bread, house.shelf, 1, lot="L")
    audit = running(house)
    in_days = {"label_expires_on": timezone.now().date() + timedelta(days=90)}
    line = add_found_goods(audit.pk, house.shelf.pk, bread.pk, Decimal(2), lot_number="new", actor=ACTOR, **in_days)
    received = stocked(bread, house.shelf, 5, lot="NEW", expires_in_days=90)
    assert [each.pk for each in scan_audit_place(audit.pk, house.shelf.pk, actor=ACTOR) if each.lot_number.upper() == "NEW"] == [line.pk]
    with pytest.raises(Conflict, match="on the list"):
        add_found_goods(audit.pk, house.shelf.pk, bread.pk, Decimal(2), lot_number="New", actor=ACTOR, **in_days)
    assert add_found_goods(audit.pk, house.dock.pk, bread.pk, Decimal(1), lot_number="l", actor=ACTOR).lot_number == "L"

    complete_audit(audit.pk, actor=ACTOR)

    assert BatchLocation.objects.get(pk=received.pk).quantity == 7
    assert Batch.objects.count() == 2
    assert_books_balance()


def test_held_goods_that_are_found_stay_held(house: Site, bread: Product) -> None:
    row = stocked(bread, house.shelf, 5, lot="L")
    Batch.objects.filter(pk=row.batch_id).update(status="on_hold")
    audit = running(house)
    add_found_goods(audit.pk, house.dock.pk, bread.pk, Decimal(2), lot_number="L", actor=ACTOR)
    complete_audit(audit.pk, actor=ACTOR)
    assert BatchLocation.objects.get(location=house.dock).blocked_reason == "held"


# --- completion --------------------------------------------------------------------------------------------------------------------------


def test_uncounted_lines_stay_untouched_unless_told_otherwise(house: Site, bread: Product) -> None:
    for told, left in ((None, [("L", 10, 0), ("M", 4, 0)]), ("zero", [("L", 10, 0), ("M", 0, 0)])):
        rows = BatchLocation.objects.order_by("pk")
        first = rows[0] if rows else stocked(bread, house.shelf, 10, lot="L")
        if not told:
            stocked(bread, house.dock, 4, lot="M")
        audit = running(house)
        count(audit, first, 10)
        done = complete_audit(audit.pk, actor=ACTOR, **({"uncounted": told} if told else {}))
        assert (what_lies(bread), done.uncounted) == (left, told or "untouched")
    assert_books_balance()
    audit = running(house)
    with pytest.raises(ValidationFailed):
        complete_audit(audit.pk, actor=ACTOR, uncounted="whatever")


def test_uncounted_lines_taken_for_empty_are_emptied_as_the_books_are_now(house: Site, bread: Product) -> None:
    stocked(bread, house.shelf, 10, lot="L")
    audit = running(house)
    sell(bread, 3, house)
    complete_audit(audit.pk, actor=ACTOR, uncounted="zero")
    assert what_lies(bread) == [("L", 0, 0)]
    assert AuditLine.objects.get(audit=audit).difference == -7


def test_what_is_missing_of_promised_goods_is_promised_anew_elsewhere(house: Site, bread: Product) -> None:
    first = stocked(bread, house.shelf, 6, lot="L", expires_in_days=5)
    second = stocked(bread, house.shelf, 6, lot="M", expires_in_days=9)
    for number in (1, 2):
        promise_order(f"shop:{number}", [OrderedLine(bread.pk, Decimal(3), house.id)], actor=ACTOR)
    audit = running(house)
    count(audit, first, 4)
    count(audit, second, 3)

    with heard() as events:
        complete_audit(audit.pk, actor=ACTOR)

    assert what_lies(bread) == [("L", 4, 4), ("M", 3, 2)]
    moved = events.of("stock.reallocated")
    assert [(event["order_ref"], event["quantity"], event["from"]["lot"], event["to"]["lot"]) for event in moved] == [("shop:2", "2", "L", "M")]
    assert_books_balance()


def test_a_promise_never_goes_to_goods_that_are_missing_too(house: Site, bread: Product) -> None:
    first = stocked(bread, house.shelf, 5, lot="L", expires_in_days=5)
    second = stocked(bread, house.shelf, 5, lot="M", expires_in_days=9)
    promise_order("shop:1", [OrderedLine(bread.pk, Decimal(5), house.id)], actor=ACTOR)
    audit = running(house)
    count(audit, first, 2)
    count(audit, second, 1)

    with heard() as events:
        complete_audit(audit.pk, actor=ACTOR)

    assert what_lies(bread) == [("L", 2, 2), ("M", 1, 1)]
    assert [event["quantity"] for event in events.of("stock.reallocated")] == ["1"]
    assert events.of("inventory.reservation.released")
    assert_books_balance()


def test_what_is_being_picked_is_never_taken(house: Site, bread: Product) -> None:
    row = stocked(bread, house.shelf, 5, lot="L")
    audit = running(house)
    promised = promise_order("shop:1", [OrderedLine(bread.pk, Decimal(5), house.id)], actor=ACTOR)
    count(audit, row, 2)
    pick(house, bread, promised[0].items[0].id, 1)

    with pytest.raises(GoodsPromised, match="shop:1"):
        complete_audit(audit.pk, actor=ACTOR)

    assert Audit.objects.get().status == AuditStatus.IN_PROGRESS
    assert what_lies(bread) == [("L", 4, 4), ("L", 1, 1)]
    assert Reservation.objects.get().status == "active"
    assert_books_balance()


@pytest.mark.parametrize("lines", [1, 3, pytest.param(5000, marks=pytest.mark.slow)])
def test_statements_do_not_grow_with_the_lines(house: Site, lines: int) -> None:
    """A tenth counted less, a tenth more, a tenth found; the rest is right."""
    products = [ProductFactory(lives={"ambient": 30}) for _ in range(min(lines, 50))]
    each = [ReceivingLine(products[n % len(products)].pk, Decimal(10), lot_number=f"L{n}") for n in range(lines)]
    receiving = create_receiving(warehouse_id=house.id, location_id=house.shelf.pk, lines=each, actor=ACTOR)
    confirm_receiving(receiving.pk, actor=ACTOR)
    audit = create_audit(warehouse_id=house.id, recount_above_percent=Decimal(100), actor=ACTOR)
    spent = {}

    def measured(name: str, call: Any) -> None:
        with CaptureQueriesContext(connection) as queries:
            call()
        spent[name] = len(queries)

    measured("start", lambda: start_audit(audit.pk, actor=ACTOR))
    measured("scan", lambda: scan_audit_place(audit.pk, house.shelf.pk, actor=ACTOR))
    listed = list(audit.lines.order_by("pk").values_list("pk", flat=True))
    assert len(listed) == lines
    counts = {pk: Decimal({0: 9, 1: 11}.get(n % 10, 10)) for n, pk in enumerate(listed)}
    measured("count", lambda: update_audit_items(audit.pk, counts, actor=ACTOR))
    add_found_goods(audit.pk, house.dock.pk, products[0].pk, Decimal(1), lot_number="FOUND", produced_on=timezone.now().date(), actor=ACTOR)
    measured("complete", lambda: complete_audit(audit.pk, actor=ACTOR))

    assert spent == {"start": 5, "scan": 13, "count": 9, "complete": 21}
    assert_books_balance()


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
