"""Transfers that are still drafts, and transfers that come back."""

from __future__ import annotations

import pytest

from inventory.models import Location, Movement, Product, Transfer
from inventory.orchestrator import PlaceNotAllowed, add_transfer_item, cancel_transfer, change_transfer, remove_transfer_item
from tests.factories.inventory import Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import days_pass, keeps_for
from tests.inventory.events import heard
from tests.inventory.transfers import RECEIVER, contents, draft, ledger, line, sent
from warehouse.core.errors import NotFound

pytestmark = pytest.mark.django_db


# --- the draft ---------------------------------------------------------------------------------------------------------------------------


def test_a_draft_is_rewritten(apples: Product, house: Site, shop: Site) -> None:
    row = stocked(apples, house.shelf, 5)
    paper = draft(house, shop, line(row, 1))
    first = paper.items.get()

    second = add_transfer_item(paper.pk, line(row, 2), actor=RECEIVER, expected_version=1)
    remove_transfer_item(paper.pk, first.pk, actor=RECEIVER, expected_version=2)
    changed = change_transfer(paper.pk, target_location_id=shop.shelf.pk, notes="call before", actor=RECEIVER, expected_version=3)

    assert (changed.version, changed.target_location, changed.notes, list(changed.items.all())) == (4, shop.shelf, "call before", [second])
    with pytest.raises(NotFound, match="has no line"):
        remove_transfer_item(paper.pk, first.pk, actor=RECEIVER)
    with pytest.raises(PlaceNotAllowed):
        change_transfer(paper.pk, target_location_id=house.shelf.pk, actor=RECEIVER)


# --- what comes back ---------------------------------------------------------------------------------------------------------------------


def test_a_draft_is_given_up_without_a_trace_in_the_books(apples: Product, house: Site, shop: Site) -> None:
    paper = draft(house, shop, line(stocked(apples, house.shelf, 5)))

    with heard() as events:
        done = cancel_transfer(paper.pk, reason="no van", actor=RECEIVER)

    assert (done.status, done.cancellation_reason, events, ledger(paper)) == ("cancelled", "no van", [], [])


def test_what_is_on_its_way_comes_back_with_the_time_it_has_lost(apples: Product, house: Site, shop: Site) -> None:
    shelf = stocked(apples, house.shelf, 10)
    paper = sent(house, shop, line(shelf))
    days_pass(7)

    with heard() as events:
        done = cancel_transfer(paper.pk, reason="the van broke down", actor=RECEIVER)

    assert done.status == "cancelled"
    assert contents(apples) == [("MAIN", "A-01", 10, "")]
    assert keeps_for(shelf) == 14
    assert ledger(paper)[2:] == [("transfer_out", "SHOP", "TRANSIT", -4, "rosa"), ("transfer_in", "MAIN", "A-01", 4, "rosa")]
    assert set(Movement.objects.filter(document_type="transfer").values_list("reason", flat=True)) == {"", "the van broke down"}
    assert [payload["available"] for payload in events.of("stock.changed")] == ["10"]
    assert totals(apples.pk, shop.id) == (0, 0, 0, 0)
    assert_books_balance()


def test_a_place_that_was_closed_does_not_take_them_back(apples: Product, house: Site, shop: Site) -> None:
    paper = sent(house, shop, line(stocked(apples, house.shelf, 4)))
    Location.objects.filter(pk=house.shelf.pk).update(is_active=False)

    with pytest.raises(PlaceNotAllowed, match="A-01 is not an active place of this warehouse"):
        cancel_transfer(paper.pk, reason="no van", actor=RECEIVER)
    assert Transfer.objects.get().status == "sent"

    cancel_transfer(paper.pk, reason="no van", to_location_id=house.cool.pk, actor=RECEIVER)
    assert ("MAIN", "C-01", 4, "") in contents(apples)
    assert_books_balance()


def test_a_place_that_is_kept_otherwise_now_does_not_take_them_back(apples: Product, house: Site, shop: Site) -> None:
    paper = sent(house, shop, line(stocked(apples, house.shelf, 4)))
    Location.objects.filter(pk=house.shelf.pk).update(condition="frozen")

    with pytest.raises(PlaceNotAllowed, match="no shelf life for frozen"):
        cancel_transfer(paper.pk, reason="no van", actor=RECEIVER)

    assert totals(apples.pk, shop.id) == (4, 0, 4, 0)
