"""What is lost on the way, and what is found again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import override_settings

from inventory.models import Batch, BatchLocation, Product, Transfer, WriteOff
from inventory.orchestrator import InsufficientStock, WriteOffLine, approve_write_off, cancel_write_off, move_stock, receive_transfer, remove_stock
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.transfers import RECEIVER, contents, line, sent
from warehouse.core.errors import ValidationFailed

pytestmark = pytest.mark.django_db


def costing(row: BatchLocation, price: str) -> BatchLocation:
    Batch.objects.filter(pk=row.batch_id).update(purchase_price=Decimal(price))
    return row


def test_what_does_not_arrive_is_written_off_from_transit(apples: Product, house: Site, shop: Site) -> None:
    shelf = costing(stocked(apples, house.shelf, 10, lot="L1"), "2")
    pears = ProductFactory(sku="PEARS")
    paper = sent(house, shop, line(shelf, 4), line(stocked(pears, house.shelf, 2), 2, shop.shelf))
    first, second = paper.items.order_by("pk")

    with heard() as events:
        done = receive_transfer(paper.pk, received={first.pk: Decimal(1), second.pk: Decimal(0)}, actor=RECEIVER)

    loss = WriteOff.objects.get()
    assert (done.loss, loss.status, loss.origin, loss.warehouse) == (loss, "confirmed", "transfer", shop.warehouse)
    assert [(item.quantity, item.reason, item.value, item.note) for item in loss.items.order_by("pk")] == [
        (3, "lost_in_transit", 6, paper.number),
        (2, "lost_in_transit", 0, paper.number),
    ]
    assert totals(apples.pk, shop.id) == (1, 0, 0, 1)
    assert totals(pears.pk, shop.id) == (0, 0, 0, 0)
    assert [item.received_quantity for item in done.items.order_by("pk")] == [1, 0]
    assert done.items.order_by("pk")[1].target is None
    assert events.types() == ["stock.received", "stock.changed", "inventory.writeOff.confirmed", "inventory.transfer.received"]
    (told,) = events.of("inventory.transfer.received")
    assert ([entry["received"] for entry in told["items"]], told["loss"]) == (["1", "0"], loss.number)
    assert_books_balance()


@override_settings(WRITE_OFF_APPROVAL_LIMIT=Decimal(5))
def test_a_loss_above_the_limit_stays_in_transit_until_a_manager_agrees(apples: Product, house: Site, shop: Site) -> None:
    shelf = costing(stocked(apples, house.shelf, 10), "2")
    paper = sent(house, shop, line(shelf, 4))
    (item,) = paper.items.all()

    done = receive_transfer(paper.pk, received={item.pk: Decimal(1)}, actor=RECEIVER)

    assert (done.status, done.loss.status) == ("received", "awaiting_approval")
    assert totals(apples.pk, shop.id) == (4, 0, 3, 1)
    assert_books_balance()
    approve_write_off(done.loss_id, actor=ACTOR)
    assert totals(apples.pk, shop.id) == (1, 0, 0, 1)
    assert_books_balance()


@override_settings(WRITE_OFF_APPROVAL_LIMIT=Decimal(5))
def test_what_was_lost_is_found_and_moved_out_of_transit(apples: Product, house: Site, shop: Site) -> None:
    """What a transfer on its way brings is nobody's to take; what one has lost is."""
    shelf = costing(stocked(apples, house.shelf, 10), "2")
    lost, coming = sent(house, shop, line(shelf, 4)), sent(house, shop, line(shelf, 2))
    loss = receive_transfer(lost.pk, received={lost.items.get().pk: Decimal(0)}, actor=RECEIVER).loss
    cancel_write_off(loss.pk, reason="found behind the door", actor=RECEIVER)
    transit = coming.items.get().transit_id

    with pytest.raises(InsufficientStock) as refusal:
        move_stock(transit, Decimal(5), shop.cool.pk, actor=RECEIVER)
    assert [(s.asked, s.available) for s in refusal.value.shortages] == [(5, 4)]
    move_stock(transit, Decimal(4), shop.cool.pk, actor=RECEIVER)

    assert contents(apples) == [("MAIN", "A-01", 4, ""), ("SHOP", "TRANSIT", 2, "place"), ("SHOP", "C-01", 4, "")]
    receive_transfer(coming.pk, actor=RECEIVER)
    assert totals(apples.pk, shop.id) == (6, 0, 0, 6)
    assert_books_balance()


@pytest.mark.parametrize(
    ("received", "text"),
    [
        ({}, "say how much arrived"),
        ({"it": "5"}, "4 were sent, not 5"),
        ({"it": "-1"}, "is not a quantity"),
        ({"it": "NaN"}, "is not a quantity"),
        ({"it": "1e30"}, "is not a quantity"),
        ({"it": "0.5"}, "not a multiple of 1"),
        ({"it": "1", "other": "1"}, "has no line 999999"),
    ],
)
def test_counts_that_make_no_sense(apples: Product, house: Site, shop: Site, received: dict[str, str], text: str) -> None:
    paper = sent(house, shop, line(stocked(apples, house.shelf, 10)))
    ids = {"it": paper.items.get().pk, "other": 999_999}

    with pytest.raises(ValidationFailed, match=text):
        receive_transfer(paper.pk, received={ids[name]: Decimal(value) for name, value in received.items()}, actor=RECEIVER)

    assert Transfer.objects.get().status == "sent"
    assert totals(apples.pk, shop.id) == (4, 0, 4, 0)


def test_what_is_on_its_way_is_nobodys_to_write_off(apples: Product, house: Site, shop: Site) -> None:
    paper = sent(house, shop, line(stocked(apples, house.shelf, 10)))

    with pytest.raises(InsufficientStock):
        remove_stock(warehouse_id=shop.id, line=WriteOffLine(paper.items.get().transit_id, Decimal(1), "damaged"), actor=ACTOR)

    receive_transfer(paper.pk, actor=RECEIVER)


@override_settings(WRITE_OFF_APPROVAL_LIMIT=Decimal(5))
def test_a_loss_that_was_found_is_not_approved_at_the_cost_of_another_transfer(apples: Product, house: Site, shop: Site) -> None:
    shelf = costing(stocked(apples, house.shelf, 10), "2")
    lost, coming = sent(house, shop, line(shelf, 4)), sent(house, shop, line(shelf, 4))
    loss = receive_transfer(lost.pk, received={lost.items.get().pk: Decimal(0)}, actor=RECEIVER).loss
    move_stock(coming.items.get().transit_id, Decimal(4), shop.cool.pk, actor=RECEIVER)

    with pytest.raises(InsufficientStock) as refusal:
        approve_write_off(loss.pk, actor=ACTOR)

    assert [(s.asked, s.available) for s in refusal.value.shortages] == [(4, 0)]
    receive_transfer(coming.pk, actor=RECEIVER)
    assert totals(apples.pk, shop.id) == (8, 0, 0, 8)
    assert_books_balance()
