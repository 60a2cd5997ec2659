"""Counts while trade goes on, and two who complete at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal

import pytest

from inventory.errors import CountAgain
from inventory.models import Audit, AuditLine, BatchLocation, Movement, Product
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    adjust_stock,
    complete_audit,
    consume_reservation,
    create_audit,
    record_count,
    reserve_for_order,
    scan_audit_place,
    start_audit,
)
from inventory.services import audit_completion
from tests.concurrency.threads import Outcome, race
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance
from warehouse.core.errors import Conflict, TransitionRefused

pytestmark = pytest.mark.django_db(transaction=True)


def started(house: Site) -> Audit:
    audit = create_audit(warehouse_id=house.id, recount_above_percent=Decimal(100), actor=ACTOR)
    return start_audit(audit.pk, actor=ACTOR)


def seller_of(product: Product, house: Site, number: int, times: int, sold: list[Decimal]) -> Callable[[], None]:
    def sell() -> None:
        for turn in range(times):
            try:
                reserved = reserve_for_order(f"shop:{number}-{turn}", [OrderedLine(product.pk, Decimal(1))], warehouse_id=house.id, actor=ACTOR)
            except (InsufficientStock, Conflict):
                continue
            consume_reservation(reserved.reservation_id, actor=ACTOR)
            sold.append(Decimal(1))

    return sell


def count_until_it_stands(audit: Audit, row: BatchLocation, off: int, stop: threading.Event) -> int:
    """Scan and count what is there (the books, and `off` beside them), as often as trade comes between; returns how often it did."""
    again = 0
    while True:
        line = next(line for line in scan_audit_place(audit.pk, row.location_id, actor=ACTOR) if line.batch_location_id == row.pk)
        assert line.books_quantity is not None
        stop.wait(0.002)
        if record_count(audit.pk, line.pk, line.books_quantity + off, actor=ACTOR).status == "counted":
            return again
        again += 1


def test_a_count_while_goods_are_promised_and_sold(house: Site) -> None:
    """Whatever is sold before, between and after: the books end as they would have, and the difference with them."""
    product = ProductFactory()
    rows = [stocked(product, house.shelf, 60, lot="A", expires_in_days=9), stocked(product, house.dock, 40, lot="B", expires_in_days=8)]
    audit = started(house)
    sold: list[Decimal] = []
    stop = threading.Event()

    def auditor() -> None:
        count_until_it_stands(audit, rows[0], -2, stop)
        count_until_it_stands(audit, rows[1], +3, stop)
        complete_audit(audit.pk, actor=ACTOR)

    outcomes = race([auditor, *(seller_of(product, house, number, 15, sold) for number in range(3))])

    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert {row.pk: row.quantity for row in BatchLocation.objects.all()} == {rows[0].pk: 60 - 2 - sum(sold), rows[1].pk: 40 + 3}
    assert list(AuditLine.objects.order_by("batch_location").values_list("difference", flat=True)) == [-2, 3]
    assert len(sold) == 45
    assert_books_balance()


def two_complete(house: Site) -> list[Outcome]:
    product = ProductFactory()
    row = stocked(product, house.shelf, 10)
    audit = started(house)
    scan_audit_place(audit.pk, house.shelf.pk, actor=ACTOR)
    line = AuditLine.objects.get(audit=audit)
    record_count(audit.pk, line.pk, Decimal(7), actor=ACTOR)
    outcomes = race([lambda: complete_audit(audit.pk, actor=ACTOR)] * 4)
    row.refresh_from_db()
    assert row.quantity == 7
    assert Movement.objects.filter(document_type="audit", document_id=audit.pk).count() == 1
    return outcomes


def test_of_four_who_complete_at_once_one_does(house: Site) -> None:
    outcomes = two_complete(house)
    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {TransitionRefused}
    assert_books_balance()


def test_without_the_lock_of_the_paper_several_complete_it(house: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: it is the lock that keeps the others out. The books would stand it: what was booked since the count is not booked again."""

    def unlocked(audit_id: int, expected_version: int | None = None) -> Audit:
        audit = Audit.objects.get(pk=audit_id)
        barrier.wait(10)
        return audit

    barrier = threading.Barrier(4)
    monkeypatch.setattr(audit_completion, "lock_audit", unlocked)
    assert [outcome.won for outcome in two_complete(house)] == [True] * 4


def test_shops_that_adjust_while_goods_are_sold(house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 30, lot="A", expires_in_days=9)
    stocked(product, house.shelf, 30, lot="B", expires_in_days=8)
    sold: list[Decimal] = []

    def adjuster(number: int) -> Callable[[], None]:
        def work() -> None:
            for turn in range(5):
                adjust_stock(house.id, product.pk, Decimal(40 + number + turn), reason="counted", actor=ACTOR)

        return work

    outcomes = race([adjuster(0), adjuster(7), *(seller_of(product, house, number, 8, sold) for number in range(2))])

    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert Audit.objects.filter(status="completed").count() == 10
    assert_books_balance()


def test_a_scan_waits_for_a_sale_under_way_and_sees_it(house: Site) -> None:
    """Many scans beside many sales: what a scan keeps is always what the ledger says of one moment."""
    product = ProductFactory()
    row = stocked(product, house.shelf, 60)
    audit = started(house)
    sold: list[Decimal] = []

    def scan() -> None:
        for _ in range(15):
            line = scan_audit_place(audit.pk, house.shelf.pk, actor=ACTOR)[0]
            assert line.books_version is not None
            if record_count(audit.pk, line.pk, line.books_quantity or Decimal(0), actor=ACTOR).status == "counted":
                try:
                    complete_audit(audit.pk, actor=ACTOR)
                except CountAgain as error:
                    raise AssertionError from error
                return

    outcomes = race([scan, *(seller_of(product, house, number, 5, sold) for number in range(3))])

    assert [outcome.error for outcome in outcomes] == [None] * 4
    row.refresh_from_db()
    assert row.quantity == 60 - sum(sold)
    assert not Movement.objects.filter(type="adjustment").exists()
    assert_books_balance()
