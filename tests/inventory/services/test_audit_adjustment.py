"""A shop says how much there is: what is missing leaves by FEFO, what is more joins the newest batch."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.errors import GoodsPromised
from inventory.models import Audit, AuditLine, Batch, BatchLocation, Movement, Product, Reservation
from inventory.orchestrator import DocumentType, OrderedLine, adjust_stock, consume_reservation, pick_reserved, promise_order, reserve_for_order
from tests.factories.inventory import ACTOR, ProductFactory, SellerFactory, Site, site, stocked
from tests.factories.office import clerk
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def bread(db: None) -> Product:
    return ProductFactory(sku="BREAD")


def adjust(house: Site, product: Product, quantity: int | str, actor: Actor = ACTOR) -> Audit:
    return adjust_stock(house.id, product.pk, Decimal(quantity), reason="the shelf says so", actor=actor)


def what_lies(product: Product) -> list[tuple[str, Decimal, Decimal]]:
    rows = BatchLocation.objects.filter(product=product).order_by("pk")
    return list(rows.values_list("batch__lot_number", "quantity", "reserved"))


@pytest.fixture
def lots(house: Site, bread: Product) -> None:
    """LATE came first, EARLY leaves first."""
    stocked(bread, house.shelf, 5, lot="LATE", expires_in_days=30)
    stocked(bread, house.shelf, 4, lot="EARLY", expires_in_days=5)


@pytest.mark.usefixtures("lots")
def test_a_loss_leaves_by_fefo(house: Site, bread: Product) -> None:
    with heard() as events:
        audit = adjust(house, bread, 3)

    assert what_lies(bread) == [("LATE", 3, 0), ("EARLY", 0, 0)]
    assert (audit.status, audit.scope, audit.notes, audit.started_at is not None) == ("completed", "products", "the shelf says so", True)
    assert list(Movement.objects.filter(document_type="audit").order_by("pk").values_list("type", "quantity_change", "document_id", "reason")) == [
        ("adjustment", -4, audit.pk, "the shelf says so"),
        ("adjustment", -2, audit.pk, "the shelf says so"),
    ]
    assert events.types() == ["stock.changed", "stock.low", "inventory.audit.completed"]
    assert [(line.books_quantity, line.counted_quantity, line.difference) for line in AuditLine.objects.order_by("pk")] == [(4, 0, -4), (5, 3, -2)]
    assert_books_balance()


@pytest.mark.usefixtures("lots")
def test_a_surplus_joins_the_newest_batch(house: Site, bread: Product) -> None:
    adjust(house, bread, 12)
    assert what_lies(bread) == [("LATE", 5, 0), ("EARLY", 7, 0)]
    assert_books_balance()


@pytest.mark.usefixtures("lots")
def test_nothing_to_adjust_is_a_count_too(house: Site, bread: Product) -> None:
    audit = adjust(house, bread, 9)
    assert (audit.status, AuditLine.objects.filter(difference=0).count()) == ("completed", 2)
    assert not Movement.objects.filter(type="adjustment").exists()


@pytest.mark.usefixtures("lots")
def test_free_goods_leave_before_promised_ones(house: Site, bread: Product) -> None:
    promise_order("shop:1", [OrderedLine(bread.pk, Decimal(4), house.id)], actor=ACTOR)
    adjust(house, bread, 5)
    assert what_lies(bread) == [("LATE", 1, 0), ("EARLY", 4, 4)]


@pytest.mark.usefixtures("lots")
def test_then_the_newest_promises_give_way(house: Site, bread: Product) -> None:
    for number, quantity in ((1, 3), (2, 4)):
        promise_order(f"shop:{number}", [OrderedLine(bread.pk, Decimal(quantity), house.id)], actor=ACTOR)

    with heard() as events:
        adjust(house, bread, 4)

    # All that is missing is taken from the batch that leaves first; what shop:1 held there is not promised anew: nothing is free.
    assert totals(bread.pk, house.id) == (4, 4, 0, 0)
    assert {event["reservation_id"] for event in events.of("inventory.reservation.released")} != set()
    assert_books_balance()


@pytest.mark.usefixtures("lots")
def test_what_is_being_picked_is_not_taken(house: Site, bread: Product) -> None:
    item = promise_order("shop:1", [OrderedLine(bread.pk, Decimal(3), house.id)], actor=ACTOR)[0].items[0]
    pick_reserved(
        item.id, Decimal(3), warehouse_id=house.id, product_id=bread.pk, to_location_id=house.bench.pk,
        document_type=DocumentType.PICKING_TASK, document_id=1, actor=ACTOR,
    )  # fmt: skip
    assert adjust(house, bread, 3).status == "completed"
    with pytest.raises(GoodsPromised, match="shop:1"):
        adjust(house, bread, 2)
    assert totals(bread.pk, house.id) == (3, 3, 0, 0)
    assert Reservation.objects.get().status == "active"
    assert Audit.objects.count() == 1


def test_what_is_on_its_way_there_is_left_alone(house: Site, bread: Product) -> None:
    stocked(bread, house.shelf, 5, lot="L")
    stocked(bread, house.transit, 4, lot="L")
    adjust(house, bread, 2)
    assert totals(bread.pk, house.id)[0] == 6


def test_a_surplus_of_what_is_sold_out_joins_the_newest_batch_there_was(house: Site, bread: Product) -> None:
    for lot in ("OLD", "NEW"):
        stocked(bread, house.shelf, 1, lot=lot, expires_in_days=9)
    consume_reservation(
        reserve_for_order("shop:1", [OrderedLine(bread.pk, Decimal(2))], warehouse_id=house.id, actor=ACTOR).reservation_id, actor=ACTOR
    )
    adjust(house, bread, 2)
    assert what_lies(bread) == [("OLD", 0, 0), ("NEW", 2, 0)]
    assert AuditLine.objects.get().found
    assert_books_balance()


def test_a_surplus_of_what_never_was_there(house: Site, bread: Product) -> None:
    stocked(bread, site().shelf, 5)
    with pytest.raises(Conflict, match="never was in this warehouse"):
        adjust(house, bread, 1)
    assert adjust(house, bread, 0).status == "completed"
    assert not AuditLine.objects.exists()


@pytest.mark.parametrize("wrong", ["-1", "0.5", "NaN", "1e30"])
def test_quantities_that_are_none(house: Site, bread: Product, wrong: str) -> None:
    stocked(bread, house.shelf, 5)
    with pytest.raises(ValidationFailed):
        adjust(house, bread, wrong)
    assert not Audit.objects.exists()


def test_a_seller_adjusts_the_own_shops_only(house: Site, bread: Product) -> None:
    user = clerk(Role.SELLER)
    seller, own = Actor.of_user(user), SellerFactory()
    own.members.add(user)
    mine = site(seller=own)
    for place in (mine.shelf, house.shelf):
        stocked(bread, place, 5)
    adjust(mine, bread, 4, seller)
    with pytest.raises(NotFound):
        adjust(house, bread, 4, seller)
    with pytest.raises(NotFound):
        adjust_stock(mine.id, 0, Decimal(1), reason="x", actor=seller)
    with pytest.raises(PermissionDenied):
        adjust(mine, bread, 3, Actor.of_user(clerk(Role.PICKER)))
    assert (totals(bread.pk, mine.id)[0], totals(bread.pk, house.id)[0]) == (4, 5)
    assert Movement.objects.get(type="adjustment").performed_by_type == "seller"


def test_statements_do_not_grow_with_the_batches(house: Site) -> None:
    spent = []
    for number in (1, 1, 30):
        product: Any = ProductFactory()
        for lot in range(number):
            stocked(product, house.shelf, 2, lot=f"{product.pk}-{lot}", expires_in_days=9 + lot)
        with CaptureQueriesContext(connection) as queries:
            adjust(house, product, 1)
        spent.append(len(queries))
    # The first of all makes the sequence of numbers.
    assert spent[1] == spent[2]
    assert Batch.objects.count() == 32
