"""The paper of a return: its lines, its head, its reference, and what a cancelled one gives back."""

from __future__ import annotations

import pytest

from inventory.errors import MoreThanShipped
from inventory.models import Movement, Product, Return
from inventory.orchestrator import add_return_item, cancel_return, change_return, create_return, remove_return_item, shipped_under
from tests.factories.inventory import ACTOR, Site
from tests.inventory.books import totals
from tests.inventory.events import heard
from tests.inventory.returns import REF, draft, line, ship
from warehouse.core.errors import Conflict, NotFound, ValidationFailed

pytestmark = pytest.mark.django_db


def test_a_line_without_a_batch_is_split_in_the_order_the_batches_left(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))

    document = draft(house, line(milk, 6), reference="CN-1", customer_reason="too much")

    rows = document.items.order_by("pk").values_list("batch__lot_number", "quantity", "decision", "location")
    assert list(rows) == [("L5", 5, "", None), ("L9", 1, "", None)]
    assert (document.number[:4], document.status, document.version, document.reference) == ("RET-", "draft", 1, "CN-1")
    assert [(row.quantity, row.back, row.claimed, row.free) for row in shipped_under(REF)] == [(5, 0, 5, 0), (2, 0, 1, 1)]
    assert totals(milk.pk, house.id) == (3, 0, 0, 3)


def test_without_a_place_it_goes_to_the_dock(milk: Product, house: Site) -> None:
    ship(house, (milk, 1))

    assert create_return(warehouse_id=house.id, order_ref=REF, actor=ACTOR).location == house.dock


def test_lines_are_added_and_struck_off_and_the_head_is_rewritten(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    document = draft(house, line(milk, 1))

    first, second = add_return_item(document.pk, line(milk, 5), actor=ACTOR, expected_version=1)
    assert [(item.batch.lot_number, item.quantity) for item in (first, second)] == [("L5", 4), ("L9", 1)]
    remove_return_item(document.pk, first.pk, actor=ACTOR, expected_version=2)
    change_return(document.pk, {"notes": "a box", "location_id": house.dock.pk, "reference": "CN-2"}, actor=ACTOR, expected_version=3)

    document = Return.objects.get()
    assert (document.version, document.notes, document.location, document.reference) == (4, "a box", house.dock, "CN-2")
    assert [row.free for row in shipped_under(REF)] == [4, 1]
    with pytest.raises(NotFound, match="has no line"):
        remove_return_item(document.pk, first.pk, actor=ACTOR)
    with pytest.raises(ValidationFailed, match="can't be changed"):
        change_return(document.pk, {"order_ref": "shop:2"}, actor=ACTOR)


def test_one_reference_comes_once_per_order(milk: Product, house: Site) -> None:
    ship(house, (milk, 3))
    ship(house, (milk, 3), ref="shop:2")
    known = draft(house, line(milk, 1), reference="CN-1")

    with pytest.raises(Conflict) as refusal:
        draft(house, line(milk, 1), reference="CN-1")
    assert refusal.value.data == {"return_id": known.pk, "number": known.number}
    other = draft(house, line(milk, 1))
    with pytest.raises(Conflict, match="has the reference"):
        change_return(other.pk, {"reference": "CN-1"}, actor=ACTOR)
    change_return(known.pk, {"reference": "CN-1", "notes": "the same"}, actor=ACTOR)
    assert draft(house, line(milk, 1), ref="shop:2", reference="CN-1").reference == "CN-1"


def test_a_cancelled_return_gives_back_what_it_claimed(milk: Product, house: Site) -> None:
    ship(house, (milk, 2))
    document = draft(house, line(milk, 2))
    with pytest.raises(MoreThanShipped):
        draft(house, line(milk, 1))

    with heard() as events:
        cancelled = cancel_return(document.pk, reason="the customer keeps it", actor=ACTOR)

    assert (cancelled.status, cancelled.cancellation_reason, list(events)) == ("cancelled", "the customer keeps it", [])
    assert draft(house, line(milk, 2)).items.get().quantity == 2
    assert not Movement.objects.filter(type="return_to_stock").exists()
