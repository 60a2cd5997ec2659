"""Transfers that are refused: too much, wrong places, wrong lines, wrong steps, wrong people."""

from __future__ import annotations

from decimal import Decimal

import pytest

from inventory.enums import LocationKind
from inventory.models import BatchLocation, Location, Product, Stock, Transfer
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    PlaceNotAllowed,
    TransferLine,
    add_transfer_item,
    cancel_transfer,
    change_transfer,
    create_transfer,
    promise_order,
    receive_transfer,
    send_transfer,
)
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, Site, WarehouseFactory, stocked
from tests.inventory.books import assert_books_balance
from tests.inventory.events import heard
from tests.inventory.transfers import RECEIVER, contents, draft, line, sent
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db


def test_what_is_promised_stays_and_every_short_line_is_named(apples: Product, house: Site, shop: Site) -> None:
    pears = ProductFactory(sku="PEARS")
    some, more = stocked(apples, house.shelf, 5, lot="L1"), stocked(pears, house.shelf, 5, lot="P1")
    promise_order("shop:1", [OrderedLine(apples.pk, Decimal(2)), OrderedLine(pears.pk, Decimal(5))], actor=ACTOR)
    paper = draft(house, shop, line(some, 2, shop.shelf), line(more, 1, shop.shelf), line(some, 2, shop.shelf))

    with pytest.raises(InsufficientStock) as refusal, heard() as events:
        send_transfer(paper.pk, actor=RECEIVER)

    assert [(s.sku, s.asked, s.available) for s in refusal.value.shortages] == [("APPLES", 4, 3), ("PEARS", 1, 0)]
    assert refusal.value.shortages[0].skipped == (
        {"batch_location": some.pk, "location": "A-01", "lot": "L1", "reserved": "2"},
        {"order_ref": "shop:1", "reserved": "2"},
    )
    assert (Transfer.objects.get().status, events, contents(apples)) == ("draft", [], [("MAIN", "A-01", 5, "")])
    assert_books_balance()


def test_a_place_where_the_product_may_not_live_is_refused_before_it_leaves(apples: Product, house: Site, shop: Site) -> None:
    row = stocked(apples, house.shelf, 5)
    paper = draft(house, shop, line(row, 1), line(row, 1, shop.freezer))

    with pytest.raises(PlaceNotAllowed) as refusal:
        send_transfer(paper.pk, actor=RECEIVER)

    assert [error["location"] for error in refusal.value.errors] == ["F-01"]
    assert contents(apples) == [("MAIN", "A-01", 5, "")]


def test_a_target_that_was_closed_meanwhile(apples: Product, house: Site, shop: Site) -> None:
    row = stocked(apples, house.shelf, 5)
    paper, on_its_way = draft(house, shop, line(row, 1)), sent(house, shop, line(row, 1))
    Location.objects.filter(pk=shop.cool.pk).update(is_active=False)

    with pytest.raises(PlaceNotAllowed, match="C-01 is not an active place of this warehouse"):
        send_transfer(paper.pk, actor=RECEIVER)
    with pytest.raises(PlaceNotAllowed, match="C-01 is not an active place of this warehouse"):
        receive_transfer(on_its_way.pk, actor=RECEIVER)

    receive_transfer(on_its_way.pk, actor=RECEIVER, locations={on_its_way.items.get().pk: shop.shelf.pk})
    assert contents(apples) == [("MAIN", "A-01", 4, ""), ("SHOP", "A-01", 1, "")]


@pytest.mark.parametrize(
    ("quantity", "code"), [("0", "invalid_quantity"), ("-1", "invalid_quantity"), ("NaN", "invalid_quantity"), ("1e30", "invalid_quantity"), ("0.5", "off_step")]
)  # fmt: skip
def test_a_quantity_that_is_none(apples: Product, house: Site, shop: Site, quantity: str, code: str) -> None:
    row = stocked(apples, house.shelf, 5)

    with pytest.raises(ValidationFailed) as refusal:
        draft(house, shop, line(row, quantity))

    assert [(error["field"], error["code"]) for error in refusal.value.errors] == [("lines[0].quantity", code)]
    assert not Transfer.objects.exists()


def test_all_wrong_lines_are_named(apples: Product, house: Site, shop: Site) -> None:
    elsewhere = stocked(apples, shop.shelf, 5)
    bench = stocked(apples, house.bench, 5)
    here = stocked(apples, house.shelf, 5)

    with pytest.raises(ValidationFailed) as refusal:
        draft(house, shop, line(elsewhere), line(bench), line(here, 1, house.cool), line(here, 1, shop.bench), TransferLine(999_999, Decimal(1)))

    assert [error["field"] for error in refusal.value.errors] == [
        "lines[0].batch_location", "lines[1].batch_location", "lines[4].batch_location", "lines[2].target_location", "lines[3].target_location",
    ]  # fmt: skip
    assert not Transfer.objects.exists()


def test_sites_and_places_that_are_none(apples: Product, house: Site, shop: Site) -> None:
    closed = WarehouseFactory(is_active=False)
    for target in (closed.pk, 999_999):
        with pytest.raises(NotFound, match="no active warehouse"):
            create_transfer(source_warehouse_id=house.id, target_warehouse_id=target, actor=RECEIVER)
    for place in (house.cool, shop.transit, shop.bench):
        with pytest.raises(PlaceNotAllowed):
            draft(house, shop, target_location_id=place.pk)
    with pytest.raises(NotFound, match="no active receiving dock"):
        create_transfer(source_warehouse_id=house.id, target_warehouse_id=WarehouseFactory().pk, actor=RECEIVER)
    assert not Transfer.objects.exists()


def test_a_target_without_a_transit_place_says_what_to_do(apples: Product, house: Site) -> None:
    bare = LocationFactory(warehouse__code="BARE", kind=LocationKind.RECEIVING, condition="")
    paper = create_transfer(
        source_warehouse_id=house.id, target_warehouse_id=bare.warehouse_id, lines=[line(stocked(apples, house.shelf, 5))], actor=RECEIVER
    )

    with pytest.raises(NotFound, match=r"no active transit\. Make a location of this kind first"):
        send_transfer(paper.pk, actor=RECEIVER)

    assert not Stock.objects.filter(warehouse=bare.warehouse_id).exists()


def test_steps_in_the_wrong_order(apples: Product, house: Site, shop: Site) -> None:
    paper = draft(house, shop, line(stocked(apples, house.shelf, 5)))
    with pytest.raises(TransitionRefused):
        receive_transfer(paper.pk, actor=RECEIVER)
    with pytest.raises(StaleVersion):
        send_transfer(paper.pk, actor=RECEIVER, expected_version=7)
    send_transfer(paper.pk, actor=RECEIVER, expected_version=1)
    with pytest.raises(TransitionRefused):
        send_transfer(paper.pk, actor=RECEIVER)
    with pytest.raises(TransitionRefused, match="is sent: this is possible only while it is draft"):
        add_transfer_item(paper.pk, line(BatchLocation.objects.all()[0]), actor=RECEIVER)
    receive_transfer(paper.pk, actor=RECEIVER)
    for step in (lambda: receive_transfer(paper.pk, actor=RECEIVER), lambda: cancel_transfer(paper.pk, reason="late", actor=RECEIVER)):
        with pytest.raises(TransitionRefused):
            step()
    assert_books_balance()


def test_a_transfer_of_nothing(house: Site, shop: Site) -> None:
    with pytest.raises(ValidationFailed, match="has no lines"):
        send_transfer(draft(house, shop).pk, actor=RECEIVER)


@pytest.mark.parametrize("role", [Role.PICKER, Role.PACKER, Role.AUDITOR, Role.SELLER, Role.INTEGRATION, Role.VIEWER])
def test_who_may_not(apples: Product, house: Site, shop: Site, role: Role) -> None:
    paper = draft(house, shop, line(stocked(apples, house.shelf, 5)))
    stranger = Actor("s", ActorType.EMPLOYEE, frozenset({role}))

    for step in (
        lambda: create_transfer(source_warehouse_id=house.id, target_warehouse_id=shop.id, actor=stranger),
        lambda: change_transfer(paper.pk, notes="x", actor=stranger),
        lambda: send_transfer(paper.pk, actor=stranger),
        lambda: receive_transfer(paper.pk, actor=stranger),
        lambda: cancel_transfer(paper.pk, reason="x", actor=stranger),
    ):
        with pytest.raises(PermissionDenied):
            step()
