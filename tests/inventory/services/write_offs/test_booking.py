"""Write-offs take goods off the books."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.errors import InsufficientStock
from inventory.models import Movement, Product, WriteOff
from inventory.orchestrator import add_write_off_item, confirm_write_off, create_write_off, remove_stock, remove_write_off_item
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.write_offs import draft, lost, priced
from warehouse.core.actor import Actor

pytestmark = pytest.mark.django_db


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
