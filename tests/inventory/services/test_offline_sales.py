"""Sales at a till: what may be sold, whose promises give way, and that a receipt counts once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import BatchLocation, Movement, OfflineSale, Product, Reservation, ReservationItem, Stock, Warehouse
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    SaleLine,
    check_offline_sale_conflict,
    expire_stock,
    hold_batch,
    pick_reserved,
    process_offline_sale,
    promise_order,
    reserve_for_order,
)
from tests.factories.fulfillment import person
from tests.factories.inventory import ACTOR, ProductFactory, SellerFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk(db: None) -> Product:
    return ProductFactory(sku="MILK")


@pytest.fixture
def eggs(db: None) -> Product:
    return ProductFactory(sku="EGGS")


@pytest.fixture
def till(db: None) -> Actor:
    return person(Role.INTEGRATION)


def lines(*goods: tuple[Product, Any]) -> list[SaleLine]:
    return [SaleLine(product.pk, Decimal(quantity)) for product, quantity in goods]


def sell(house: Site, *goods: tuple[Product, Any], receipt: str = "R1", take_from: Any = (), actor: Actor = ACTOR) -> OfflineSale:
    return process_offline_sale(warehouse_id=house.id, lines=lines(*goods), receipt_number=receipt, reservation_ids_to_release=take_from, actor=actor)


def checkout(house: Site, ref: str, *goods: tuple[Product, Any]) -> int:
    """A promise to a basket."""
    asked = [OrderedLine(product.pk, Decimal(quantity)) for product, quantity in goods]
    return reserve_for_order(ref, asked, warehouse_id=house.id, ttl=timedelta(minutes=30), actor=ACTOR).reservation_id


def order(ref: str, *goods: tuple[Product, Any]) -> int:
    """A promise to a confirmed order."""
    (made,) = promise_order(ref, [OrderedLine(product.pk, Decimal(quantity)) for product, quantity in goods], actor=ACTOR)
    return made.reservation_id


def start_picking(reservation_id: int, house: Site, quantity: Any = 1) -> None:
    item = ReservationItem.objects.filter(reservation=reservation_id).order_by("pk")[0]
    pick_reserved(
        item.pk,
        Decimal(quantity),
        warehouse_id=house.id,
        product_id=item.product_id,
        to_location_id=house.bench.pk,
        document_type="picking_task",
        document_id=1,
        actor=ACTOR,
    )


def sold() -> list[tuple[str, Decimal]]:
    """What left by tills, by lot."""
    rows = Movement.objects.filter(type="offline_sale").order_by("pk")
    return [(row.batch.lot_number, -row.quantity_change) for row in rows.select_related("batch")]


# --- selling -----------------------------------------------------------------------------------------------------------------------------


def test_it_sells_first_expired_first(house: Site, milk: Product, eggs: Product, till: Actor) -> None:
    stocked(milk, house.shelf, 4, lot="LATE", expires_in_days=50)
    stocked(milk, house.shelf, 3, lot="SOON", expires_in_days=5)
    stocked(eggs, house.shelf, 10, lot="EGG")

    with heard() as events:
        sale = sell(house, (milk, 5), (eggs, 2), actor=till)

    assert (sale.receipt_number, sale.warehouse_id, sale.sold_by_id, sale.order_ref) == ("R1", house.id, till.user_id, "till:MAIN:R1")
    assert sale.lines == [{"product": milk.pk, "sku": "MILK", "quantity": "5"}, {"product": eggs.pk, "sku": "EGGS", "quantity": "2"}]
    assert sold() == [("SOON", 3), ("LATE", 2), ("EGG", 2)]
    told = Movement.objects.filter(type="offline_sale").values_list("document_type", "document_id", "order_ref", "performed_by", "performed_by_type")
    assert set(told) == {("offline_sale", sale.pk, "till:MAIN:R1", till.name, "system")}
    assert totals(milk.pk, house.id) == (2, 0, 0, 2)
    assert totals(eggs.pk, house.id) == (8, 0, 0, 8)
    assert events.types() == ["stock.sold", "stock.sold", "stock.changed", "stock.changed", "stock.low"]
    assert {payload["available"] for payload in events.of("stock.sold")} == {"2", "8"}
    assert_books_balance()


def test_the_same_product_twice_is_summed(house: Site, milk: Product) -> None:
    stocked(milk, house.shelf, 3)
    with pytest.raises(InsufficientStock) as refused:
        sell(house, (milk, 2), (milk, 2))
    assert [(s.asked, s.available) for s in refused.value.shortages] == [(4, 3)]
    assert sell(house, (milk, 2), (milk, 1)).lines == [{"product": milk.pk, "sku": "MILK", "quantity": "3"}]
    assert totals(milk.pk, house.id) == (0, 0, 0, 0)


def test_every_short_line_is_named_and_nothing_is_kept(house: Site, milk: Product, eggs: Product) -> None:
    stocked(milk, house.shelf, 2)
    unknown_here = ProductFactory(sku="NONE")
    with pytest.raises(InsufficientStock) as refused, heard() as events:
        sell(house, (milk, 3), (eggs, 1), (unknown_here, 1))
    assert [(s.sku, s.asked, s.available) for s in refused.value.shortages] == [("MILK", 3, 2), ("EGGS", 1, 0), ("NONE", 1, 0)]
    assert (events, OfflineSale.objects.count(), sold()) == ([], 0, [])
    assert_books_balance()


def test_expired_goods_are_not_sold_at_a_till(house: Site, milk: Product) -> None:
    gone = stocked(milk, house.shelf, 5, lot="OLD", expires_in_days=9)
    BatchLocation.objects.filter(pk=gone.pk).update(effective_expires_at=timezone.now() - timedelta(seconds=1))  # no job has seen it yet
    assert Stock.objects.get(product=milk).available == 5
    with pytest.raises(InsufficientStock) as refused:
        sell(house, (milk, 1))
    assert (refused.value.shortages[0].available, refused.value.shortages[0].skipped[0]["batch"]) == (0, gone.batch_id)
    assert check_offline_sale_conflict(house.id, lines((milk, 1)), actor=ACTOR).lines[0].available == 0
    expire_stock(actor=ACTOR)
    assert totals(milk.pk, house.id) == (5, 0, 5, 0)


def test_only_what_is_for_sale_is_sold(house: Site, milk: Product) -> None:
    """Not from docks, benches, quarantine; not of lots on hold; not what others are promised."""
    stocked(milk, house.dock, 5)
    stocked(milk, house.bench, 5)
    stocked(milk, house.quarantine, 5)
    held = stocked(milk, house.shelf, 5, lot="HELD")
    hold_batch(held.batch_id, reason="a smell", actor=ACTOR)
    stocked(milk, house.shelf, 5, lot="GOOD")
    order("shop:1", (milk, 3))
    with pytest.raises(InsufficientStock) as refused:
        sell(house, (milk, 3))
    assert refused.value.shortages[0].available == 2
    sell(house, (milk, 2))
    assert sold() == [("GOOD", 2)]
    assert_books_balance()


def test_weighed_goods(house: Site) -> None:
    ham = ProductFactory(sku="HAM", quantity_step=Decimal("0.001"))
    stocked(ham, house.shelf, "2.850")
    sale = sell(house, (ham, "0.1"), (ham, "0.2"))
    assert sale.lines[0]["quantity"] == "0.3"
    assert totals(ham.pk, house.id)[0] == Decimal("2.550")


# --- the receipt -------------------------------------------------------------------------------------------------------------------------


def test_a_receipt_counts_once(house: Site, milk: Product, eggs: Product) -> None:
    stocked(milk, house.shelf, 9)
    stocked(eggs, house.shelf, 9)
    first = sell(house, (milk, 2), (eggs, 1))
    with heard() as events:
        again = sell(house, (eggs, 1), (milk, 1), (milk, 1), receipt=" R1 ")
    assert (again.pk, events, OfflineSale.objects.count()) == (first.pk, [], 1)
    assert totals(milk.pk, house.id)[0] == 7
    with pytest.raises(Conflict, match="R1 was booked with other lines"):
        sell(house, (milk, 3), (eggs, 1))
    assert totals(milk.pk, house.id)[0] == 7


def test_a_receipt_that_failed_may_be_sent_again(house: Site, milk: Product) -> None:
    with pytest.raises(InsufficientStock):
        sell(house, (milk, 1))
    stocked(milk, house.shelf, 1)
    assert sell(house, (milk, 1)).pk == OfflineSale.objects.get().pk


def test_two_shops_may_use_the_same_number(house: Site, milk: Product) -> None:
    other = site()
    for here in (house, other):
        stocked(milk, here.shelf, 3)
        sell(here, (milk, 1))
    assert OfflineSale.objects.count() == 2
    assert totals(milk.pk, other.id)[0] == 2


@pytest.mark.parametrize("receipt", ["", "   ", "x" * 71, "a\0b", "a\nb"])
def test_what_is_no_receipt_number(house: Site, milk: Product, receipt: str) -> None:
    stocked(milk, house.shelf, 3)
    with pytest.raises(ValidationFailed, match="receipt number"):
        sell(house, (milk, 1), receipt=receipt)


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "Infinity", "1e30", "0.5"])
def test_what_is_no_quantity(house: Site, milk: Product, quantity: str) -> None:
    stocked(milk, house.shelf, 3)
    with pytest.raises(ValidationFailed):
        sell(house, (milk, quantity))
    with pytest.raises(ValidationFailed):
        check_offline_sale_conflict(house.id, lines((milk, quantity)), actor=ACTOR)
    assert not OfflineSale.objects.exists()


def test_unknown_things(house: Site, milk: Product) -> None:
    with pytest.raises(ValidationFailed, match="no line"):
        sell(house)
    with pytest.raises(NotFound, match="no product 99999"):
        process_offline_sale(warehouse_id=house.id, lines=[SaleLine(99999, Decimal(1))], receipt_number="R", actor=ACTOR)
    with pytest.raises(NotFound, match="no active warehouse 99999"):
        process_offline_sale(warehouse_id=99999, lines=lines((milk, 1)), receipt_number="R", actor=ACTOR)
    Warehouse.objects.filter(pk=house.id).update(is_active=False)
    for ask in (lambda: sell(house, (milk, 1)), lambda: check_offline_sale_conflict(house.id, lines((milk, 1)), actor=ACTOR)):
        with pytest.raises(NotFound, match="no active warehouse"):
            ask()


# --- the conflict ------------------------------------------------------------------------------------------------------------------------


def test_no_conflict(house: Site, milk: Product) -> None:
    stocked(milk, house.shelf, 5)
    order("shop:1", (milk, 2))
    answer = check_offline_sale_conflict(house.id, lines((milk, 3)), actor=ACTOR)
    (line,) = answer.lines
    assert (answer.has_conflict, line.has_conflict, line.available, line.shortage, line.affected_reservations) == (False, False, 3, 0, ())


def test_a_conflict_names_who_stands_in_the_way(house: Site, milk: Product, eggs: Product) -> None:
    stocked(milk, house.shelf, 10)
    stocked(eggs, house.shelf, 10)
    basket = checkout(house, "shop:1", (milk, 2), (eggs, 1))
    confirmed = order("shop:2", (milk, 3))
    picked = order("shop:3", (milk, 4))
    start_picking(picked, house, 1)
    with heard() as events:
        answer = check_offline_sale_conflict(house.id, lines((milk, 4), (eggs, 9), (milk, 1)), actor=ACTOR)
    of_milk, of_eggs = answer.lines
    assert (answer.has_conflict, of_milk.asked, of_milk.available, of_milk.shortage) == (True, 5, 1, 4)
    assert [(r.reservation_id, r.order_ref, r.quantity, r.picking_started, r.confirmed) for r in of_milk.affected_reservations] == [
        (picked, "shop:3", 4, True, True),
        (confirmed, "shop:2", 3, False, True),
        (basket, "shop:1", 2, False, False),
    ]
    assert [r.expires_at is None for r in of_milk.affected_reservations] == [True, True, False]
    assert (of_eggs.has_conflict, of_eggs.available, of_eggs.affected_reservations) == (False, 9, ())
    assert events == []


def test_promised_goods_that_could_not_be_sold_are_no_help(house: Site, milk: Product) -> None:
    there = stocked(milk, house.shelf, 5, expires_in_days=9)
    basket = checkout(house, "shop:1", (milk, 5))
    BatchLocation.objects.filter(pk=there.pk).update(effective_expires_at=timezone.now() - timedelta(seconds=1))
    assert check_offline_sale_conflict(house.id, lines((milk, 1)), actor=ACTOR).lines[0].affected_reservations == ()
    with pytest.raises(InsufficientStock):
        sell(house, (milk, 1), take_from=[basket])
    assert Reservation.objects.get(pk=basket).status == "active"


# --- seizure -----------------------------------------------------------------------------------------------------------------------------


def test_a_named_promise_gives_way_with_the_product_concerned_only(house: Site, milk: Product, eggs: Product) -> None:
    stocked(milk, house.shelf, 5)
    stocked(eggs, house.shelf, 5)
    basket = checkout(house, "shop:1", (milk, 3), (eggs, 2))

    with heard() as events:
        sale = sell(house, (milk, 4), take_from=[basket])

    assert totals(milk.pk, house.id) == (1, 0, 0, 1)
    assert totals(eggs.pk, house.id) == (5, 2, 0, 3)
    row = Reservation.objects.get(pk=basket)
    assert (row.status, row.items.get(product=milk).released, row.items.get(product=eggs).released) == ("active", 3, 0)
    (told,) = events.of("inventory.reservation.released")
    assert (told["reservation_id"], told["reason"], told["order_ref"]) == (basket, "OFFLINE_SALE_PRIORITY", "shop:1")
    assert [(part["product_id"], part["quantity"]) for part in told["items"]] == [(milk.pk, "3")]
    assert [kind for kind in events.types() if kind in ("stock.released", "inventory.reservation.released", "stock.sold")] == [
        "stock.released",
        "inventory.reservation.released",
        "stock.sold",
    ]
    assert list(Movement.objects.filter(product=milk).order_by("pk").values_list("type", "quantity_change", "reserved_change", "order_ref")) == [
        ("receiving", 5, 0, ""),
        ("reservation", 0, 3, "shop:1"),
        ("release", 0, -3, "shop:1"),
        ("offline_sale", -4, 0, sale.order_ref),
    ]
    assert_books_balance()


def test_a_promise_that_holds_nothing_any_more_is_released(house: Site, milk: Product) -> None:
    stocked(milk, house.shelf, 3)
    confirmed = order("shop:1", (milk, 3))
    sell(house, (milk, 1), take_from=[confirmed])
    row = Reservation.objects.get(pk=confirmed)
    assert (row.status, row.reason, row.closed_at is not None) == ("released", "OFFLINE_SALE_PRIORITY", True)
    assert totals(milk.pk, house.id) == (2, 0, 0, 2)
    assert_books_balance()


def test_what_is_not_needed_stays_untouched(house: Site, milk: Product) -> None:
    stocked(milk, house.shelf, 10)
    first, second, third = (checkout(house, f"shop:{n}", (milk, 3)) for n in (1, 2, 3))
    sell(house, (milk, 1), take_from=[first, second])
    assert totals(milk.pk, house.id) == (9, 9, 0, 0)
    sell(house, (milk, 2), receipt="R2", take_from=[second, first, second])
    held = dict(Reservation.objects.values_list("pk", "status"))
    assert held == {first: "active", second: "released", third: "active"}
    sell(house, (milk, 4), receipt="R3", take_from=[third, first, second])
    assert dict(Reservation.objects.values_list("pk", "status")) == {first: "active", second: "released", third: "released"}
    assert totals(milk.pk, house.id) == (3, 3, 0, 0)
    assert_books_balance()


def test_goods_that_may_not_be_sold_do_not_save_a_promise(house: Site, milk: Product) -> None:
    stocked(milk, house.dock, 5)
    hold_batch(stocked(milk, house.shelf, 5, lot="HELD").batch_id, reason="x", actor=ACTOR)
    stocked(milk, house.shelf, 3, lot="GOOD")
    basket = checkout(house, "shop:1", (milk, 3))
    sell(house, (milk, 2), take_from=[basket])
    assert (sold(), Reservation.objects.get(pk=basket).status) == ([("GOOD", 2)], "released")
    assert totals(milk.pk, house.id) == (11, 0, 10, 1)
    assert_books_balance()


def test_not_enough_even_so_and_nothing_is_taken(house: Site, milk: Product) -> None:
    stocked(milk, house.shelf, 5)
    mine, other = checkout(house, "shop:1", (milk, 2)), checkout(house, "shop:2", (milk, 2))
    with pytest.raises(InsufficientStock) as refused, heard() as events:
        sell(house, (milk, 4), take_from=[mine])
    assert refused.value.shortages[0].available == 3
    assert events == []
    assert set(Reservation.objects.values_list("status", flat=True)) == {"active"}
    assert totals(milk.pk, house.id) == (5, 4, 0, 1)
    assert other


def test_picked_goods_never_give_way(house: Site, milk: Product) -> None:
    stocked(milk, house.shelf, 3)
    picked = order("shop:1", (milk, 3))
    start_picking(picked, house, 1)
    with pytest.raises(TransitionRefused, match="is being picked"):
        sell(house, (milk, 1), take_from=[picked])
    start_picking(picked, house, 2)
    with pytest.raises(TransitionRefused, match="is being picked"):
        sell(house, (milk, 1), take_from=[picked])
    assert totals(milk.pk, house.id) == (3, 3, 0, 0)
    assert not OfflineSale.objects.exists()


def test_named_promises_of_elsewhere_and_ended_ones(house: Site, milk: Product) -> None:
    other = site()
    stocked(milk, house.shelf, 3)
    stocked(milk, other.shelf, 3)
    elsewhere, ended = checkout(other, "shop:1", (milk, 3)), checkout(house, "shop:2", (milk, 3))
    with pytest.raises(ValidationFailed, match="another warehouse"):
        sell(house, (milk, 1), take_from=[elsewhere])
    with pytest.raises(NotFound):
        sell(house, (milk, 1), take_from=[999999])
    sell(house, (milk, 1), take_from=[ended])
    with pytest.raises(InsufficientStock):
        sell(house, (milk, 5), receipt="R2", take_from=[ended])
    sell(house, (milk, 2), receipt="R3", take_from=[ended])
    assert totals(milk.pk, house.id)[0] == 0


# --- who, and at what cost ---------------------------------------------------------------------------------------------------------------


def test_who_may_sell(house: Site, milk: Product) -> None:
    stocked(milk, house.shelf, 9)
    for role in (Role.PICKER, Role.RECEIVER, Role.VIEWER, Role.AUDITOR, Role.PACKER):
        with pytest.raises(PermissionDenied):
            sell(house, (milk, 1), actor=person(role))
    seller = SellerFactory()
    member = person(Role.SELLER)
    seller.members.add(member.user_id)
    with pytest.raises(NotFound, match="among your sites"):
        sell(house, (milk, 1), actor=member)
    with pytest.raises(NotFound, match="among your sites"):
        check_offline_sale_conflict(house.id, lines((milk, 1)), actor=member)
    Warehouse.objects.filter(pk=house.id).update(seller=seller)
    sell(house, (milk, 1), actor=member)
    assert Movement.objects.get(type="offline_sale").performed_by_type == "seller"


def test_the_statements_do_not_grow_with_the_lines(house: Site) -> None:
    def cost(count: int, **more: Any) -> int:
        products = [ProductFactory() for _ in range(count)]
        for product in products:
            stocked(product, house.shelf, 2, lot="A", expires_in_days=5)
            stocked(product, house.shelf, 2, lot="B", expires_in_days=9)
        basket = checkout(house, f"shop:{count}", *((product, 2) for product in products))
        with CaptureQueriesContext(connection) as plain_sale:
            sell(house, *((product, 2) for product in products), receipt=f"P{count}")
        with CaptureQueriesContext(connection) as seizure:
            sell(house, *((product, 2) for product in products), receipt=f"S{count}", take_from=[basket])
        with CaptureQueriesContext(connection) as asking:
            check_offline_sale_conflict(house.id, lines(*((product, 2) for product in products)), actor=ACTOR)
        return len(plain_sale), len(seizure), len(asking)

    assert cost(1) == cost(40)
