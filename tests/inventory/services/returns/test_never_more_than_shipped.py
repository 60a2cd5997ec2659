"""Never more comes back than was shipped."""

from __future__ import annotations

from decimal import Decimal

import pytest

from inventory.errors import MoreThanShipped
from inventory.models import Batch, BatchLocation, Movement, Product, Return, ReturnItem
from inventory.orchestrator import complete_return, shipped_under
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.returns import REF, draft, ledger, line, looked_at, returned, ship
from warehouse.core.errors import NotFound

pytestmark = pytest.mark.django_db


def test_more_than_was_shipped_is_refused_naming_every_line(milk: Product, house: Site) -> None:
    bread = ProductFactory(sku="BREAD")
    stocked(bread, house.shelf, 5)
    ship(house, (milk, 4), (bread, 2))
    returned(house, line(milk, 1))
    draft(house, line(milk, 1))

    with pytest.raises(MoreThanShipped) as refusal:
        draft(house, line(milk, 3), line(bread, 1), line(bread, 2))

    assert refusal.value.errors == [
        {"field": "lines[0].quantity", "sku": "MILK", "asked": "3", "may_come_back": "2", "shipped": "4", "came_back": "1", "in_open_returns": "1"},
        {"field": "lines[2].quantity", "sku": "BREAD", "asked": "2", "may_come_back": "1", "shipped": "2", "came_back": "0", "in_open_returns": "0"},
    ]
    assert (refusal.value.status, refusal.value.code) == (409, "more_than_shipped")
    assert Return.objects.count() == 2


def test_a_batch_that_did_not_leave_under_the_order(milk: Product, house: Site) -> None:
    ship(house, (milk, 4))
    other = Batch.objects.get(lot_number="L9")

    with pytest.raises(MoreThanShipped, match="asked 1, may come back 0"):
        draft(house, line(milk, 1, batch_id=other.pk))
    with pytest.raises(MoreThanShipped):
        draft(house, line(ProductFactory(), 1))
    with pytest.raises(NotFound, match="Nothing was shipped under 'shop:77'"):
        draft(house, line(milk, 1), ref="shop:77")


def test_it_is_judged_again_when_it_is_completed(milk: Product, house: Site) -> None:
    """Whatever the drafts claim: what the ledger says decides."""
    ship(house, (milk, 2))
    document = looked_at(draft(house, line(milk, 2)))
    ReturnItem.objects.filter(return_document=document).update(quantity=3)

    with heard() as events, pytest.raises(MoreThanShipped) as refusal:
        complete_return(document.pk, actor=ACTOR)

    assert refusal.value.errors == [{"sku": "MILK", "lot": "L5", "asked": "3", "may_come_back": "2"}]
    assert list(events) == []
    assert totals(milk.pk, house.id)[0] == 8


def test_goods_that_came_back_otherwise_count_too(milk: Product, house: Site) -> None:
    """A line of the ledger under the order that no return wrote."""
    ship(house, (milk, 2))
    Movement.objects.create(
        type="return_to_stock", product=milk, batch=Batch.objects.get(lot_number="L5"), batch_location=BatchLocation.objects.get(batch__lot_number="L5"),
        location=house.cool, warehouse=house.warehouse, quantity_change=1, reserved_change=0, quantity_before=0, quantity_after=0, reserved_after=0,
        order_ref=REF, performed_by="x", performed_by_type="system",
    )  # fmt: skip

    with pytest.raises(MoreThanShipped, match="asked 2, may come back 1"):
        draft(house, line(milk, 2))


def test_goods_that_became_a_lot_of_their_own_came_back_all_the_same(milk: Product, house: Site) -> None:
    """Worse by more than a day than what lies there: a child lot in the ledger, the shipped lot in the balance."""
    ship(house, (milk, 2))

    document = returned(house, line(milk, 1), freshness_remaining=Decimal("0.1"))

    assert ledger(document) == [("return_to_stock", "L5/1", "C-01", 1, REF)]
    assert document.items.get().batch.lot_number == "L5"
    assert [(row.quantity, row.back, row.free) for row in shipped_under(REF)] == [(2, 1, 1)]
    with pytest.raises(MoreThanShipped):
        draft(house, line(milk, 2))
    assert_books_balance()


def test_another_warehouse_takes_it_back(milk: Product, house: Site) -> None:
    shop = site(code="SHOP")
    ship(house, (milk, 2))

    document = returned(shop, line(milk, 2), place=shop.cool)

    assert ledger(document) == [("return_to_stock", "L5", "C-01", 2, REF)]
    assert (totals(milk.pk, shop.id), totals(milk.pk, house.id)[0]) == ((2, 0, 0, 2), 8)
    with pytest.raises(MoreThanShipped):
        draft(house, line(milk, 1))
    assert_books_balance()
