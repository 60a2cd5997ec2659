"""Counting while trade goes on: the moment of counting, and what is counted again."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from inventory.errors import CountAgain
from inventory.models import Audit, AuditLine, Batch, BatchLocation, Movement, Product, Receiving
from inventory.orchestrator import (
    OrderedLine,
    ReceivingLine,
    TransferLine,
    complete_audit,
    confirm_receiving,
    count_again,
    create_receiving,
    create_transfer,
    promise_order,
    receive_transfer,
    record_count,
    scan_audit_place,
    send_transfer,
    start_receiving,
    update_audit_items,
)
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.counting import ann, bob, bread, count, line_of, pick, running, sell, what_lies
from tests.inventory.events import heard
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, NotFound, ValidationFailed

pytestmark = pytest.mark.django_db
__all__ = ["ann", "bob", "bread"]


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
