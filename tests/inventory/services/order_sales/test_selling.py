"""Orders that somebody else sends: sold at once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import BatchLocation, Product, Reservation
from inventory.orchestrator import InsufficientStock, OrderedLine, hold_batch, promise_order, return_sold, sell_for_order, sellable_in, shipped_under
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.order_sales import REF, ledger, sell, sold
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import Conflict, PermissionDenied, ValidationFailed

pytestmark = pytest.mark.django_db


# --- selling -----------------------------------------------------------------------------------------------------------------------------


def test_all_leaves_at_once_first_expired_first(milk: Product, house: Site) -> None:
    with heard() as events:
        (reservation,) = sell((milk, 3))

    assert ledger("sale") == [("L5", "C-01", -2, -2, "reservation", ""), ("L9", "C-01", -1, -1, "reservation", "")]
    assert Reservation.objects.get(pk=reservation).status == "fulfilled"
    assert totals(milk.pk, house.id) == (4, 0, 0, 4)
    assert [(kind, e["available"]) for kind, e in events if kind in ("stock.sold", "stock.changed", "stock.low")] == [
        ("stock.changed", "4"),
        ("stock.low", "4"),
        ("stock.sold", "4"),
    ]
    assert_books_balance()


def test_all_or_nothing_with_every_short_line(milk: Product, house: Site) -> None:
    bread = ProductFactory(sku="BREAD")
    stocked(bread, house.shelf, 1)

    with heard() as events, pytest.raises(InsufficientStock) as refusal:
        sell((milk, 8), (bread, 2))

    assert sorted((s.sku, s.asked, s.available) for s in refusal.value.shortages) == [("BREAD", 2, 1), ("MILK", 8, 7)]
    assert list(events) == []
    assert ledger("sale", "reservation") == []
    assert_books_balance()


def test_from_several_warehouses(milk: Product, house: Site) -> None:
    other = site(code="OTHER", external_id="2", priority=200)
    stocked(milk, other.cool, 4, lot="X")

    assert len(sell((milk, 10))) == 2
    assert sold() == [("L5", -2), ("L9", -5), ("X", -3)]
    assert totals(milk.pk, other.id) == (1, 0, 0, 1)
    assert_books_balance()


def test_from_the_warehouse_that_is_named(milk: Product, house: Site) -> None:
    other = site(code="OTHER", external_id="2", priority=1)
    stocked(milk, other.cool, 4, lot="X")

    sell((milk, 1), warehouse_id=house.id)

    assert sold() == [("L5", -1)]


def test_more_of_the_same_order_sells_only_the_new_lines(milk: Product, house: Site) -> None:
    first, second = sell((milk, 2)), sell((milk, 1))

    assert first != second
    assert sold() == [("L5", -2), ("L9", -1)]
    assert [(row.quantity, row.back) for row in shipped_under(REF)] == [(2, 0), (1, 0)]
    assert_books_balance()


def test_what_we_were_to_send_is_not_sold_beside(milk: Product) -> None:
    promise_order(REF, [OrderedLine(milk.pk, Decimal(1))], actor=ACTOR)

    with pytest.raises(Conflict):
        sell((milk, 2))

    assert sold() == []


def test_what_is_not_for_sale_is_not_sold(milk: Product) -> None:
    hold_batch(milk.batches.get(lot_number="L5").pk, reason="looks odd", actor=ACTOR)
    sell((milk, 1))

    assert sold() == [("L9", -1)]
    with pytest.raises(ValidationFailed):
        sell_for_order(REF, [], actor=ACTOR)


def test_who_may(milk: Product) -> None:
    picker = Actor("bob", ActorType.EMPLOYEE, frozenset({Role.PICKER}))
    with pytest.raises(PermissionDenied):
        sell_for_order(REF, [OrderedLine(milk.pk, Decimal(1))], actor=picker)
    with pytest.raises(PermissionDenied):
        return_sold(REF, None, reason="mine", actor=picker)


# --- what may be sold --------------------------------------------------------------------------------------------------------------------


def test_sellable_in(milk: Product, house: Site) -> None:
    other = site(code="OTHER", external_id="2")
    stocked(milk, other.cool, 4, lot="X")
    bread = ProductFactory(sku="BREAD", min_remaining_days=3)
    stocked(bread, house.shelf, 1, lot="B2", expires_in_days=2)
    stocked(bread, house.shelf, 2, lot="B9", expires_in_days=9)
    stocked(bread, house.quarantine, 5)
    promise_order("shop:9", [OrderedLine(milk.pk, Decimal(1), house.id)], actor=ACTOR)

    with CaptureQueriesContext(connection) as statements:
        assert sellable_in(house.id, [milk.pk, bread.pk, 0]) == {milk.pk: 6, bread.pk: 2, 0: 0}
    assert len(statements) == 1
    # Five days on, before the job has seen it: the lot that expires then is not sellable.
    BatchLocation.objects.filter(batch__lot_number="L5").update(effective_expires_at=timezone.now() - timedelta(minutes=1))
    assert sellable_in(house.id, [milk.pk]) == {milk.pk: 5}
    assert sellable_in(house.id, []) == {}
