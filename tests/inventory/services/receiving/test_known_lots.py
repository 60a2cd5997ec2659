"""Lots that are known already: their dates must agree, and the case of their numbers does not count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from inventory.errors import LotMismatch
from inventory.models import Batch, BatchLocation, Product, Receiving, Stock
from inventory.orchestrator import ReceivingLine, confirm_receiving, find_by_scan, receive_at_once
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.receiving import draft, line, on

pytestmark = pytest.mark.django_db


# --- what is known of a lot --------------------------------------------------------------------------------------------------------------


def test_a_known_lot_with_another_date_is_probably_a_typing_error(milk: Product, house: Site) -> None:
    confirm_receiving(draft(house, line(milk, 1, lot_number="L1", label_expires_on=on(9))).pk, actor=ACTOR)
    wrong = draft(house, line(milk, 1, lot_number="L1", label_expires_on=on(8)), line(milk, 1, lot_number="L1"))

    with pytest.raises(LotMismatch) as refusal:
        confirm_receiving(wrong.pk, actor=ACTOR)

    assert refusal.value.errors == [{"sku": "MILK", "lot": "L1", "field": "label_expires_on", "known": str(on(9)), "given": str(on(8))}]
    assert refusal.value.status == 409
    assert Receiving.objects.get(pk=wrong.pk).status == "draft"
    assert totals(milk.pk, house.id)[0] == 1


def test_a_known_lot_was_made_when_it_was_made(house: Site) -> None:
    """What comes later of a lot is as old as what came first, whether the line says so or not."""
    apples = ProductFactory(sku="APPLES", lives={"ambient": 21, "chilled": 42})
    first = draft(house, line(apples, 1, lot_number="L1", produced_on=on(-15), location_id=house.shelf.pk))
    confirm_receiving(first.pk, actor=ACTOR)
    confirm_receiving(draft(house, line(apples, 1, lot_number="L1")).pk, actor=ACTOR)
    again = draft(house, line(apples, 1, lot_number="L1", produced_on=on(0)))

    with pytest.raises(LotMismatch, match=f"APPLES lot L1 is known with day of production {on(-15)}, not {on(0)}") as refusal:
        confirm_receiving(again.pk, actor=ACTOR)

    assert refusal.value.errors == [{"sku": "APPLES", "lot": "L1", "field": "produced_on", "known": str(on(-15)), "given": str(on(0))}]
    warm, cold = BatchLocation.objects.order_by("pk")
    made = datetime.combine(on(-14), datetime.min.time(), UTC)
    assert abs(warm.effective_expires_at - made - timedelta(days=21)) < timedelta(seconds=1)
    assert abs(cold.effective_expires_at - cold.clock_started_at - 2 * (warm.effective_expires_at - warm.clock_started_at)) < timedelta(seconds=5)
    assert totals(apples.pk, house.id)[0] == 2


def test_a_lot_that_was_known_without_a_day_of_production_takes_one(house: Site) -> None:
    apples = ProductFactory(sku="APPLES", lives={"chilled": 42})
    confirm_receiving(draft(house, line(apples, 1, lot_number="L1")).pk, actor=ACTOR)

    confirm_receiving(draft(house, line(apples, 1, lot_number="L1", produced_on=on(-15))).pk, actor=ACTOR)

    older = BatchLocation.objects.get(batch__lot_number="L1/1")
    assert abs(older.effective_expires_at - datetime.combine(on(28), datetime.min.time(), UTC)) < timedelta(seconds=1)


def test_two_lines_that_contradict_each_other(milk: Product, house: Site) -> None:
    wrong = draft(house, line(milk, 1, lot_number="L1", label_expires_on=on(9)), line(milk, 1, lot_number="L1", label_expires_on=on(8)))

    with pytest.raises(LotMismatch):
        confirm_receiving(wrong.pk, actor=ACTOR)

    assert not Batch.objects.exists()
    assert not Stock.objects.exists()


# --- lots whose case differs -------------------------------------------------------------------------------------------------------------


def test_the_case_of_a_lot_number_does_not_count(house: Site) -> None:
    milk, bread = ProductFactory(sku="MILK"), ProductFactory(sku="BREAD")
    stocked(milk, house.shelf, 5, lot="l1", expires_in_days=9)
    stocked(milk, house.shelf, 3, lot="L1", expires_in_days=9)
    stocked(bread, house.shelf, 2, lot="L1")

    assert sorted(Batch.objects.values_list("product__sku", "lot_number")) == [("BREAD", "L1"), ("MILK", "l1")]
    assert totals(milk.pk, house.id)[0] == 8
    with pytest.raises(LotMismatch, match="MILK lot l1 is known with expiry"):
        stocked(milk, house.shelf, 1, lot="L1", expires_in_days=10)
    assert find_by_scan("l1").kind == "unknown"  # two products have it
    assert_books_balance()


def test_one_delivery_with_a_lot_in_both_cases(house: Site) -> None:
    milk = ProductFactory(sku="MILK")
    lines = [ReceivingLine(milk.pk, Decimal(1), lot_number=number, location_id=house.shelf.pk) for number in ("Abc", "aBC", "ABC")]

    receive_at_once(warehouse_id=house.id, lines=lines, actor=ACTOR)

    assert Batch.objects.get().lot_number == "Abc"
    assert BatchLocation.objects.get().quantity == 3
