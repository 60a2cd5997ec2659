"""What a count brings onto the books: differences, found goods, promises that give way."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.enums import AuditStatus
from inventory.errors import GoodsPromised, LotMismatch
from inventory.models import Audit, AuditLine, Batch, BatchLocation, Product, Reservation
from inventory.orchestrator import (
    OrderedLine,
    PlaceNotAllowed,
    ReceivingLine,
    add_found_goods,
    adjust_stock,
    complete_audit,
    confirm_receiving,
    create_audit,
    create_receiving,
    promise_order,
    scan_audit_place,
    start_audit,
    update_audit_items,
)
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.counting import ann, bob, bread, count, line_of, pick, running, sell, what_lies
from tests.inventory.events import heard
from warehouse.core.errors import Conflict, NotFound, ValidationFailed

pytestmark = pytest.mark.django_db
__all__ = ["ann", "bob", "bread"]


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


def test_uncounted_lines_taken_for_empty_keep_what_came_since_they_were_listed(house: Site, bread: Product) -> None:
    stocked(bread, house.shelf, 10, lot="L")
    audit = running(house)
    sell(bread, 3, house)
    stocked(bread, house.shelf, 5, lot="L")
    complete_audit(audit.pk, actor=ACTOR, uncounted="zero")
    assert what_lies(bread) == [("L", 5, 0)]


def test_of_two_audits_of_a_place_the_shortage_is_booked_once(house: Site, bread: Product) -> None:
    row = stocked(bread, house.shelf, 10, lot="L")
    first, second, third = running(house), running(house), running(house)
    for audit, counted in ((first, 8), (second, 8), (third, 9)):
        count(audit, row, counted)
    sell(bread, 1, house)
    complete_audit(first.pk, actor=ACTOR)
    assert what_lies(bread) == [("L", 7, 0)]
    complete_audit(second.pk, actor=ACTOR)
    assert what_lies(bread) == [("L", 7, 0)]
    complete_audit(third.pk, actor=ACTOR)
    assert what_lies(bread) == [("L", 8, 0)]
    assert_books_balance()


def test_a_shop_that_adjusts_before_a_count_is_completed(house: Site, bread: Product) -> None:
    row = stocked(bread, house.shelf, 10, lot="L")
    audit = running(house)
    count(audit, row, 8)
    adjust_stock(house.id, bread.pk, Decimal(8), reason="seen", actor=ACTOR)
    complete_audit(audit.pk, actor=ACTOR)
    assert what_lies(bread) == [("L", 8, 0)]


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
