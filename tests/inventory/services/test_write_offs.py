"""Goods that leave the books without being sold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from inventory.enums import WriteOffOrigin
from inventory.errors import GoodsPromised, InsufficientStock
from inventory.models import Batch, BatchLocation, Movement, Product, Reservation, Warehouse, WriteOff
from inventory.orchestrator import (
    OrderedLine,
    TransferLine,
    WriteOffLine,
    add_write_off_item,
    approve_write_off,
    cancel_write_off,
    change_write_off,
    confirm_write_off,
    create_transfer,
    create_write_off,
    promise_order,
    remove_stock,
    remove_write_off_item,
    send_transfer,
)
from tests.factories.fulfillment import person
from tests.factories.inventory import ACTOR, ProductFactory, SellerFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK")


@pytest.fixture
def receiver(db: None) -> Actor:
    return person(Role.RECEIVER)


def lost(place: BatchLocation, quantity: Any = 1, reason: str = "damaged", note: str = "") -> WriteOffLine:
    return WriteOffLine(place.pk, Decimal(quantity), reason, note)


def draft(house: Site, *lines: WriteOffLine, actor: Actor = ACTOR, **more: Any) -> WriteOff:
    return create_write_off(warehouse_id=house.id, lines=lines, actor=actor, **more)


def priced(place: BatchLocation, price: str, currency: str = "EUR") -> BatchLocation:
    Batch.objects.filter(pk=place.batch_id).update(purchase_price=Decimal(price), currency=currency)
    return place


def promised(product: Product, quantity: Any, ref: str, **more: Any) -> Reservation:
    (made,) = promise_order(ref, [OrderedLine(product.pk, Decimal(quantity), **more)], actor=ACTOR)
    return Reservation.objects.get(pk=made.reservation_id)


# --- what leaves -------------------------------------------------------------------------------------------------------------------------


def test_goods_leave_the_books(milk: Product, house: Site, receiver: Actor) -> None:
    place = priced(stocked(milk, house.shelf, 10, lot="L1"), "1.25")
    docked = priced(stocked(milk, house.dock, 5, lot="L2"), "2", "RSD")
    write_off = draft(house, lost(place, 4), lost(docked, 5, "other", "the cat"), actor=receiver, notes="a bad day")

    with heard() as events:
        done = confirm_write_off(write_off.pk, actor=receiver, expected_version=1)

    assert (done.status, done.version, done.origin, done.notes) == ("confirmed", 2, "manual", "a bad day")
    assert (done.confirmed_at is not None, done.approved_by_id, done.created_by_id) == (True, None, receiver.user_id)
    assert done.number.startswith("WOF-")
    assert totals(milk.pk, house.id) == (6, 0, 0, 6)
    assert list(
        Movement.objects.filter(type="write_off")
        .order_by("pk")
        .values_list(
            "batch_location", "quantity_change", "reserved_change", "quantity_after", "document_type", "document_id", "reason", "performed_by"
        )
    ) == [
        (place.pk, -4, 0, 6, "write_off", done.pk, "damaged, other (say what)", receiver.name),
        (docked.pk, -5, 0, 0, "write_off", done.pk, "damaged, other (say what)", receiver.name),
    ]
    assert events.types() == ["stock.changed", "inventory.writeOff.confirmed"]
    told = {"sku": "MILK", "listing_id": None}
    assert events.of("inventory.writeOff.confirmed") == [
        {
            "write_off_id": done.pk, "number": done.number, "warehouse_id": "1", "origin": "manual",
            "items": [
                {**told, "lot": "L1", "location": "A-01", "quantity": "4", "reason": "damaged", "value": "5", "currency": "EUR"},
                {**told, "lot": "L2", "location": "DOCK", "quantity": "5", "reason": "other", "value": "10", "currency": "RSD"},
            ],
            "value": {"EUR": "5", "RSD": "10"},
        }
    ]  # fmt: skip
    assert_books_balance()


@pytest.mark.parametrize("place", ["shelf", "dock", "bench", "quarantine", "transit"])
def test_from_any_place(milk: Product, house: Site, place: str) -> None:
    there = stocked(milk, getattr(house, place), 3)

    remove_stock(warehouse_id=house.id, line=lost(there, 2), actor=ACTOR)

    assert totals(milk.pk, house.id)[0] == 1
    assert_books_balance()


def test_two_lines_of_one_place_are_judged_together(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 5)
    write_off = draft(house, lost(place, 3), lost(place, 3, "theft"))

    with pytest.raises(InsufficientStock) as refusal:
        confirm_write_off(write_off.pk, actor=ACTOR)

    assert [(s.asked, s.available) for s in refusal.value.shortages] == [(6, 5)]
    remove_write_off_item(write_off.pk, write_off.items.latest("pk").pk, actor=ACTOR)
    add_write_off_item(write_off.pk, lost(place, 2, "theft"), actor=ACTOR)
    assert confirm_write_off(write_off.pk, actor=ACTOR).version == 4
    assert totals(milk.pk, house.id) == (0, 0, 0, 0)
    assert_books_balance()


def test_a_program_writes_off_in_one_call(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 5)

    done = remove_stock(warehouse_id=house.id, line=lost(place, "5", "sample"), actor=ACTOR, notes="for the fair")

    assert (done.status, done.notes, done.items.get().reason) == ("confirmed", "for the fair", "sample")
    assert totals(milk.pk, house.id) == (0, 0, 0, 0)
    assert_books_balance()


# --- refused -----------------------------------------------------------------------------------------------------------------------------


def test_every_place_where_less_lies_is_named(milk: Product, house: Site) -> None:
    bread = ProductFactory(sku="BREAD")
    places = [stocked(milk, house.shelf, 2, lot="A"), stocked(milk, house.dock, 3, lot="A"), stocked(bread, house.shelf, 1, lot="B")]
    write_off = draft(house, lost(places[0], 3), lost(places[1], 3), lost(places[2], 2))

    with heard() as events, pytest.raises(InsufficientStock) as refusal:
        confirm_write_off(write_off.pk, actor=ACTOR)

    assert [(s.sku, s.asked, s.available, s.skipped[0]["location"], s.skipped[0]["lot"]) for s in refusal.value.shortages] == [
        ("MILK", 3, 2, "A-01", "A"),
        ("BREAD", 2, 1, "A-01", "B"),
    ]
    assert events.types() == []
    assert not Movement.objects.filter(type="write_off").exists()
    assert WriteOff.objects.get().status == "draft"


def test_what_a_transfer_carries_is_written_off_by_receiving_less(milk: Product, house: Site) -> None:
    source = stocked(milk, house.shelf, 5)
    elsewhere = site()
    transfer = create_transfer(
        source_warehouse_id=house.id, target_warehouse_id=elsewhere.id, lines=[TransferLine(source.pk, Decimal(4))], actor=ACTOR
    )
    send_transfer(transfer.pk, actor=ACTOR)
    carried = BatchLocation.objects.get(location=elsewhere.transit)

    with pytest.raises(InsufficientStock) as refusal:
        remove_stock(warehouse_id=elsewhere.id, line=lost(carried, 1), actor=ACTOR)

    assert "receive less" in refusal.value.shortages[0].skipped[0]["reason"]


@pytest.mark.parametrize("quantity", ["-1", "0", "NaN", "1e30", "Infinity", "0.5"])
def test_no_quantity(milk: Product, house: Site, quantity: str) -> None:
    place = stocked(milk, house.shelf, 5)

    with pytest.raises(ValidationFailed) as refusal:
        draft(house, lost(place, 1), lost(place, quantity))

    assert refusal.value.errors[0]["field"] == "lines[1].quantity"
    assert not WriteOff.objects.exists()


def test_every_fault_of_every_line_is_named(milk: Product, house: Site) -> None:
    elsewhere = stocked(milk, site().shelf, 5)
    place = stocked(milk, house.shelf, 5)
    lines = [lost(elsewhere), lost(place, "0.5", "other"), lost(place, 1, "boredom"), WriteOffLine(999_999, Decimal(1), "lost", "x" * 201)]

    with pytest.raises(ValidationFailed) as refusal:
        draft(house, *lines)

    assert [(error["field"], error["code"]) for error in refusal.value.errors] == [
        ("lines[0].batch_location", "unknown"),
        ("lines[1].quantity", "off_step"),
        ("lines[1].note", "required"),
        ("lines[2].reason", "invalid"),
        ("lines[3].batch_location", "unknown"),
        ("lines[3].note", "too_long"),
    ]


def test_a_step_that_changed_meanwhile(milk: Product, house: Site) -> None:
    Product.objects.filter(pk=milk.pk).update(quantity_step=Decimal("0.001"))
    write_off = draft(house, lost(stocked(milk, house.shelf, 5), "0.5"))
    Product.objects.filter(pk=milk.pk).update(quantity_step=Decimal(1))

    with pytest.raises(ValidationFailed, match="not a multiple"):
        confirm_write_off(write_off.pk, actor=ACTOR)


def test_without_lines_or_a_warehouse(house: Site) -> None:
    with pytest.raises(ValidationFailed, match="no lines"):
        confirm_write_off(draft(house).pk, actor=ACTOR)
    with pytest.raises(NotFound, match="no warehouse 999999"):
        create_write_off(warehouse_id=999_999, actor=ACTOR)


def test_a_closed_site_is_emptied_by_a_write_off(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 5)
    Warehouse.objects.update(is_active=False)

    confirm_write_off(draft(house, lost(place, 5)).pk, actor=ACTOR)

    assert totals(milk.pk, house.id)[0] == 0
    assert_books_balance()


def test_no_caller_says_where_a_paper_comes_from(milk: Product, house: Site) -> None:
    with pytest.raises(TypeError, match="origin"):  # what a return writes off needs no approval
        draft(house, lost(stocked(milk, house.shelf, 5)), origin=WriteOffOrigin.RETURN)
    assert draft(house).origin == "manual"


def test_what_is_confirmed_stays_so(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 5)
    done = remove_stock(warehouse_id=house.id, line=lost(place), actor=ACTOR)

    with pytest.raises(TransitionRefused):
        confirm_write_off(done.pk, actor=ACTOR)
    with pytest.raises(TransitionRefused):
        approve_write_off(done.pk, actor=ACTOR)
    with pytest.raises(TransitionRefused):
        cancel_write_off(done.pk, reason="oh", actor=ACTOR)
    for change in (
        lambda: add_write_off_item(done.pk, lost(place), actor=ACTOR),
        lambda: remove_write_off_item(done.pk, done.items.get().pk, actor=ACTOR),
        lambda: change_write_off(done.pk, notes="x", actor=ACTOR),
    ):
        with pytest.raises(TransitionRefused, match="this is possible only while it is draft"):
            change()
    assert totals(milk.pk, house.id)[0] == 4


def test_stale_versions(milk: Product, house: Site) -> None:
    write_off = draft(house, lost(stocked(milk, house.shelf, 5)))
    assert change_write_off(write_off.pk, release_reservations=True, actor=ACTOR, expected_version=1).version == 2

    for step in (
        lambda: confirm_write_off(write_off.pk, actor=ACTOR, expected_version=1),
        lambda: approve_write_off(write_off.pk, actor=ACTOR, expected_version=1),
        lambda: cancel_write_off(write_off.pk, reason="x", actor=ACTOR, expected_version=1),
        lambda: change_write_off(write_off.pk, notes="x", actor=ACTOR, expected_version=1),
        lambda: remove_write_off_item(write_off.pk, 1, actor=ACTOR, expected_version=1),
    ):
        with pytest.raises(StaleVersion):
            step()
    with pytest.raises(NotFound, match="no line 999999"):
        remove_write_off_item(write_off.pk, 999_999, actor=ACTOR)


def test_the_database_keeps_its_rules(milk: Product, house: Site) -> None:
    write_off = draft(house, lost(stocked(milk, house.shelf, 5)))
    with pytest.raises(IntegrityError):
        write_off.items.update(reason="other")


def test_it_may_be_given_up(milk: Product, house: Site, receiver: Actor) -> None:
    write_off = draft(house, lost(stocked(milk, house.shelf, 5)))

    with heard() as events:
        done = cancel_write_off(write_off.pk, reason="it was found", actor=receiver)

    assert (done.status, done.cancellation_reason, done.version) == ("cancelled", "it was found", 2)
    assert events.types() == []
    assert totals(milk.pk, house.id)[0] == 5


# --- who -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.PICKER, Role.PACKER, Role.AUDITOR, Role.VIEWER, Role.INTEGRATION])
def test_not_everybody_may(milk: Product, house: Site, role: Role) -> None:
    place = stocked(milk, house.shelf, 5)
    write_off = draft(house, lost(place))
    actor = person(role)
    for step in (
        lambda: draft(house, lost(place), actor=actor),
        lambda: add_write_off_item(write_off.pk, lost(place), actor=actor),
        lambda: remove_write_off_item(write_off.pk, write_off.items.get().pk, actor=actor),
        lambda: change_write_off(write_off.pk, notes="x", actor=actor),
        lambda: confirm_write_off(write_off.pk, actor=actor),
        lambda: approve_write_off(write_off.pk, actor=actor),
        lambda: cancel_write_off(write_off.pk, reason="x", actor=actor),
        lambda: remove_stock(warehouse_id=house.id, line=lost(place), actor=actor),
    ):
        with pytest.raises(PermissionDenied):
            step()


def test_a_seller_writes_off_in_its_own_sites_only(milk: Product, house: Site) -> None:
    seller = person(Role.SELLER)
    owner = SellerFactory()
    owner.members.add(seller.user_id)
    own = site(seller=owner)
    mine, theirs = stocked(milk, own.shelf, 5), stocked(milk, house.shelf, 5)
    assert remove_stock(warehouse_id=own.id, line=lost(mine, 2), actor=seller).status == "confirmed"

    write_off = draft(house, lost(theirs))
    for step in (
        lambda: draft(house, lost(theirs), actor=seller),
        lambda: add_write_off_item(write_off.pk, lost(theirs), actor=seller),
        lambda: remove_write_off_item(write_off.pk, write_off.items.get().pk, actor=seller),
        lambda: change_write_off(write_off.pk, notes="x", actor=seller),
        lambda: confirm_write_off(write_off.pk, actor=seller),
        lambda: cancel_write_off(write_off.pk, reason="x", actor=seller),
    ):
        with pytest.raises(NotFound):
            step()
    with pytest.raises(ValidationFailed):
        draft(own, lost(theirs), actor=seller)
    assert (totals(milk.pk, own.id)[0], totals(milk.pk, house.id)[0]) == (3, 5)


# --- above the limit -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def dear(milk: Product, house: Site, settings: Any) -> BatchLocation:
    """Ten pieces of 11 EUR, where 100 EUR are the limit."""
    settings.WRITE_OFF_APPROVAL_LIMIT = Decimal(100)
    return priced(stocked(milk, house.shelf, 10, lot="L1"), "11")


def test_above_the_limit_a_manager_must_agree(dear: BatchLocation, milk: Product, house: Site, receiver: Actor) -> None:
    write_off = draft(house, lost(dear, 10), actor=receiver)

    with heard() as events:
        waiting = confirm_write_off(write_off.pk, actor=receiver)

    assert (waiting.status, waiting.version, waiting.confirmed_at, events.types()) == ("awaiting_approval", 2, None, [])
    assert totals(milk.pk, house.id)[0] == 10
    with pytest.raises(TransitionRefused):
        confirm_write_off(write_off.pk, actor=receiver)
    with pytest.raises(TransitionRefused, match="this is possible only while it is draft"):
        add_write_off_item(write_off.pk, lost(dear), actor=receiver)
    with pytest.raises(PermissionDenied):
        approve_write_off(write_off.pk, actor=receiver)

    manager = person(Role.MANAGER)
    with heard() as events:
        done = approve_write_off(write_off.pk, actor=manager, expected_version=2)

    assert (done.status, done.approved_by_id, done.version) == ("confirmed", manager.user_id, 3)
    assert events.types() == ["stock.changed", "stock.out", "inventory.writeOff.confirmed"]
    assert totals(milk.pk, house.id)[0] == 0
    assert_books_balance()


def test_at_the_limit_or_by_currency_nobody_is_asked(dear: BatchLocation, milk: Product, house: Site, receiver: Actor) -> None:
    dinars = priced(stocked(milk, house.dock, 9, lot="L2"), "11", "RSD")

    done = confirm_write_off(draft(house, lost(dear, 9), lost(dinars, 9)).pk, actor=receiver)

    assert (done.status, done.approved_by_id) == ("confirmed", None)


def test_a_manager_who_confirms_has_agreed(dear: BatchLocation, house: Site) -> None:
    manager = person(Role.MANAGER)

    done = confirm_write_off(draft(house, lost(dear, 10)).pk, actor=manager)

    assert (done.status, done.approved_by_id) == ("confirmed", manager.user_id)


def test_what_waits_may_be_given_up(dear: BatchLocation, house: Site, receiver: Actor) -> None:
    write_off = confirm_write_off(draft(house, lost(dear, 10)).pk, actor=receiver)

    assert cancel_write_off(write_off.pk, reason="found", actor=receiver).status == "cancelled"


def test_what_is_approved_is_judged_again(dear: BatchLocation, milk: Product, house: Site, receiver: Actor) -> None:
    write_off = confirm_write_off(draft(house, lost(dear, 10)).pk, actor=receiver)
    remove_stock(warehouse_id=house.id, line=lost(dear), actor=ACTOR)

    with pytest.raises(InsufficientStock):
        approve_write_off(write_off.pk, actor=ACTOR)

    assert WriteOff.objects.get(pk=write_off.pk).status == "awaiting_approval"


# --- promised goods ------------------------------------------------------------------------------------------------------------------------


def test_promised_goods_are_refused_naming_the_reservations(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10)
    first, second = promised(milk, 3, "shop:1"), promised(milk, 4, "shop:2")
    write_off = draft(house, lost(place, 8))

    with heard() as events, pytest.raises(GoodsPromised) as refusal:
        confirm_write_off(write_off.pk, actor=ACTOR)

    assert refusal.value.errors == [
        {"reservation": second.pk, "order_ref": "shop:2", "quantity": "4", "picking_started": False},
        {"reservation": first.pk, "order_ref": "shop:1", "quantity": "3", "picking_started": False},
    ]
    assert "shop:1, shop:2" in refusal.value.detail
    assert events.types() == []
    assert totals(milk.pk, house.id) == (10, 7, 0, 3)


def test_the_free_part_needs_nobody(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10)
    promised(milk, 7, "shop:1")

    remove_stock(warehouse_id=house.id, line=lost(place, 3), actor=ACTOR)

    assert totals(milk.pk, house.id) == (7, 7, 0, 0)


def test_promises_move_to_other_goods_when_told_so(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    promised(milk, 7, "shop:1")
    other = stocked(milk, house.shelf, 10, lot="B", expires_in_days=60)

    with heard() as events:
        done = remove_stock(warehouse_id=house.id, line=lost(place, 10), release_reservations=True, actor=ACTOR)

    assert done.status == "confirmed"
    assert totals(milk.pk, house.id) == (10, 7, 0, 3)
    assert BatchLocation.objects.get(pk=other.pk).reserved == 7
    assert events.types() == ["stock.reallocated", "stock.changed", "stock.low", "inventory.writeOff.confirmed"]
    assert_books_balance()


def test_a_promise_does_not_move_to_what_leaves_in_the_same_write_off(milk: Product, house: Site) -> None:
    """The second place is free, but six of its ten go with this paper: four may be promised anew."""
    first = stocked(milk, house.shelf, 10, lot="A", expires_in_days=30)
    reservation = promised(milk, 7, "shop:1")
    second = stocked(milk, house.shelf, 10, lot="B", expires_in_days=60)
    write_off = draft(house, lost(first, 10), lost(second, 6), release_reservations=True)

    confirm_write_off(write_off.pk, actor=ACTOR)

    assert totals(milk.pk, house.id) == (4, 4, 0, 0)
    assert sorted(item.held for item in reservation.items.all()) == [0, 4]
    assert_books_balance()


# --- statements ----------------------------------------------------------------------------------------------------------------------------


def statements(work: Any) -> int:
    with CaptureQueriesContext(connection) as queries:
        work()
    return len(queries)


def test_as_many_statements_for_three_hundred_lines_as_for_one(house: Site) -> None:
    counts = []
    for number in (1, 3, 300):
        places = [stocked(ProductFactory(), house.shelf, 2) for _ in range(number)]
        lines = [lost(place) for place in places]
        create_write_off(warehouse_id=house.id, actor=ACTOR)  # the year's numbers are there
        made = statements(lambda lines=lines: draft(house, *lines))
        write_off = WriteOff.objects.latest("pk")
        counts.append((made, statements(lambda pk=write_off.pk: confirm_write_off(pk, actor=ACTOR))))

    assert counts == [counts[0]] * 3
    assert counts[0][1] <= 12
    assert_books_balance()
