"""Deliveries confirmed once, cancelled, out of date, and by whom."""

from __future__ import annotations

import pytest

from inventory.models import Movement, Product, Stock
from inventory.orchestrator import add_item, cancel_receiving, confirm_receiving, place_stock, start_receiving
from tests.factories.inventory import ACTOR, Site
from tests.inventory.books import totals
from tests.inventory.events import heard
from tests.inventory.receiving import draft, line
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import Conflict, PermissionDenied, StaleVersion, TransitionRefused

pytestmark = pytest.mark.django_db


def test_twice_is_refused_and_once(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 5))
    confirm_receiving(receiving.pk, actor=ACTOR)

    for step in (confirm_receiving, start_receiving):
        with pytest.raises(TransitionRefused):
            step(receiving.pk, actor=ACTOR)
    with pytest.raises(TransitionRefused):
        cancel_receiving(receiving.pk, reason="too late", actor=ACTOR)
    with pytest.raises(Conflict):
        add_item(receiving.pk, line(milk, 1), actor=ACTOR)
    assert totals(milk.pk, house.id)[0] == 5


def test_a_cancelled_one_books_nothing(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 5))
    with heard() as events:
        cancelled = cancel_receiving(receiving.pk, reason="never came", actor=ACTOR)

    assert (cancelled.status, cancelled.cancellation_reason, list(events)) == ("cancelled", "never came", [])
    with pytest.raises(TransitionRefused):
        confirm_receiving(receiving.pk, actor=ACTOR)
    assert not Stock.objects.exists()


def test_a_stale_version_is_refused(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 5))
    add_item(receiving.pk, line(milk, 1), actor=ACTOR, expected_version=1)

    with pytest.raises(StaleVersion) as refusal:
        confirm_receiving(receiving.pk, actor=ACTOR, expected_version=1)

    assert refusal.value.data == {"version": 2, "expected": 1}


def test_who_may_receive(milk: Product, house: Site) -> None:
    picker = Actor("Pera", ActorType.EMPLOYEE, frozenset({Role.PICKER}))
    receiver = Actor("Rada", ActorType.EMPLOYEE, frozenset({Role.RECEIVER}))

    with pytest.raises(PermissionDenied, match="receiver, seller, warehouse-manager"):
        place_stock(warehouse_id=house.id, line=line(milk, 1), actor=picker)
    assert place_stock(warehouse_id=house.id, line=line(milk, 1), actor=receiver).status == "confirmed"
    assert Movement.objects.get().performed_by == "Rada"
