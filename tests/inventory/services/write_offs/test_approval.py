"""Write-offs above the limit: a manager must agree."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from inventory.errors import InsufficientStock
from inventory.models import BatchLocation, Product, WriteOff
from inventory.orchestrator import add_write_off_item, approve_write_off, cancel_write_off, confirm_write_off, remove_stock
from tests.factories.fulfillment import person
from tests.factories.inventory import ACTOR, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.write_offs import draft, lost, priced
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import PermissionDenied, TransitionRefused

pytestmark = pytest.mark.django_db


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
