"""Write-offs that are refused: too much, wrong lines, wrong steps, wrong people."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import IntegrityError

from inventory.enums import WriteOffOrigin
from inventory.errors import InsufficientStock
from inventory.models import BatchLocation, Movement, Product, Warehouse, WriteOff
from inventory.orchestrator import (
    TransferLine,
    WriteOffLine,
    add_write_off_item,
    approve_write_off,
    cancel_write_off,
    change_write_off,
    confirm_write_off,
    create_transfer,
    create_write_off,
    remove_stock,
    remove_write_off_item,
    send_transfer,
)
from tests.factories.fulfillment import person
from tests.factories.inventory import ACTOR, ProductFactory, SellerFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.write_offs import draft, lost
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db


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
