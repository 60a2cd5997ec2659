"""Goods that go from one site to another: the paper, the way, the arrival, and what gets lost."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.enums import LocationKind
from inventory.models import Batch, BatchLocation, Location, Movement, Product, Stock, Transfer, WriteOff
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    PlaceNotAllowed,
    ReceivingLine,
    TransferLine,
    WriteOffLine,
    add_transfer_item,
    approve_write_off,
    cancel_transfer,
    cancel_write_off,
    change_transfer,
    create_transfer,
    move_stock,
    promise_order,
    receive_at_once,
    receive_transfer,
    remove_stock,
    remove_transfer_item,
    send_transfer,
)
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, Site, StorefrontProductFactory, WarehouseFactory, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import about, days_pass, keeps_for
from tests.inventory.events import heard
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db

RECEIVER = Actor("rosa", ActorType.EMPLOYEE, frozenset({Role.RECEIVER}))


@pytest.fixture
def shop(house: Site) -> Site:
    """The site that the goods go to."""
    return site(code="SHOP", external_id="2")


@pytest.fixture
def apples(house: Site) -> Product:
    """They keep for 21 days outside and 42 in the cold."""
    return ProductFactory(sku="APPLES", lives={"ambient": 21, "chilled": 42})


def draft(house: Site, shop: Site, *lines: TransferLine, **more: Any) -> Transfer:
    return create_transfer(
        source_warehouse_id=house.id,
        target_warehouse_id=shop.id,
        lines=lines,
        actor=RECEIVER,
        **{"target_location_id": shop.cool.pk} | more,
    )


def line(row: BatchLocation, quantity: Any = 4, to: Location | None = None) -> TransferLine:
    return TransferLine(row.pk, Decimal(quantity), to.pk if to else None)


def sent(house: Site, shop: Site, *lines: TransferLine, **more: Any) -> Transfer:
    return send_transfer(draft(house, shop, *lines, **more).pk, actor=RECEIVER)


def ledger(transfer: Transfer) -> list[tuple[Any, ...]]:
    lines = Movement.objects.filter(document_type="transfer", document_id=transfer.pk).order_by("pk")
    return list(lines.values_list("type", "location__warehouse__code", "location__code", "quantity_change", "performed_by"))


def contents(product: Product) -> list[tuple[Any, ...]]:
    rows = BatchLocation.objects.filter(product=product, has_stock=True).order_by("pk")
    return list(rows.values_list("location__warehouse__code", "location__code", "quantity", "blocked_reason"))


# --- the life of a transfer --------------------------------------------------------------------------------------------------------------


def test_what_is_on_the_road_is_on_the_books(apples: Product, house: Site, shop: Site) -> None:
    StorefrontProductFactory(product=apples, external_listing_id="listing-1")
    shelf = stocked(apples, house.shelf, 10, lot="L1")
    paper = draft(house, shop, line(shelf))
    assert (paper.status, paper.number[:4], paper.target_location) == ("draft", "TRF-", shop.cool)
    assert totals(apples.pk, house.id) == (10, 0, 0, 10)

    with heard() as events:
        done = send_transfer(paper.pk, actor=RECEIVER)

    assert (done.status, done.version, done.sent_at is not None) == ("sent", 2, True)
    assert totals(apples.pk, house.id) == (6, 0, 0, 6)
    assert totals(apples.pk, shop.id) == (4, 0, 4, 0)
    assert contents(apples) == [("MAIN", "A-01", 6, ""), ("SHOP", "TRANSIT", 4, "place")]
    assert ledger(paper) == [("transfer_out", "MAIN", "A-01", -4, "rosa"), ("transfer_in", "SHOP", "TRANSIT", 4, "rosa")]
    assert [(kind, payload["warehouse_id"]) for kind, payload in events if kind.startswith("stock")] == [("stock.changed", "1")]
    (told,) = events.of("inventory.transfer.sent")
    (item,) = done.items.all()
    assert told == {
        "transfer_id": paper.pk, "number": paper.number, "from_warehouse_id": "1", "to_warehouse_id": "2",
        "items": [{"sku": "APPLES", "listing_id": "listing-1", "lot": "L1", "quantity": "4", "expires_at": item.expires_after.isoformat()}],
    }  # fmt: skip
    assert_books_balance()

    with heard() as events:
        done = receive_transfer(paper.pk, actor=RECEIVER)

    assert (done.status, done.version, done.received_at is not None, done.loss) == ("received", 3, True, None)
    assert totals(apples.pk, house.id) == (6, 0, 0, 6)
    assert totals(apples.pk, shop.id) == (4, 0, 0, 4)
    assert contents(apples) == [("MAIN", "A-01", 6, ""), ("SHOP", "C-01", 4, "")]
    assert ledger(paper)[2:] == [("transfer_out", "SHOP", "TRANSIT", -4, "rosa"), ("transfer_in", "SHOP", "C-01", 4, "rosa")]
    assert events.types() == ["stock.received", "stock.changed", "inventory.transfer.received"]
    assert events.of("stock.changed")[0]["available"] == "4"
    (told,) = events.of("inventory.transfer.received")
    assert [(entry["quantity"], entry["received"]) for entry in told["items"]] == [("4", "4")]
    item.refresh_from_db()
    assert (item.received_quantity, item.target.location, item.batch.lot_number) == (4, shop.cool, "L1")
    assert_books_balance()


def test_the_clock_of_the_new_condition_is_shown_when_it_is_sent_and_begins_when_it_arrives(apples: Product, house: Site, shop: Site) -> None:
    """Apples, seven of their 21 days outside, have two thirds of their life left: 14 days here, 28 in the cold."""
    shelf = stocked(apples, house.shelf, 10)
    days_pass(7)

    paper = sent(house, shop, line(shelf))

    (item,) = paper.items.all()
    assert (item.freshness_before, item.freshness_after) == (Decimal("0.6667"), Decimal("0.6667"))
    assert about(item.expires_before, 14)
    assert about(item.expires_after, 28)
    assert keeps_for(item.transit_id) == 14  # on the road the clock runs on as before

    days_pass(1)
    receive_transfer(paper.pk, actor=RECEIVER)

    item.refresh_from_db()
    assert keeps_for(item.target_id) == 26
    assert item.target.clock_condition == "chilled"
    assert (item.freshness_before, item.freshness_after) == (Decimal("0.6667"), Decimal("0.6190"))
    assert about(item.expires_after, 26)
    assert_books_balance()


def test_the_day_on_the_label_is_not_made_later_by_a_colder_place(apples: Product, house: Site, shop: Site) -> None:
    shelf = stocked(apples, house.shelf, 10, expires_in_days=9)

    paper = sent(house, shop, line(shelf))
    receive_transfer(paper.pk, actor=RECEIVER)

    (item,) = paper.items.all()
    assert item.expires_before == item.expires_after == shelf.effective_expires_at
    assert item.target.effective_expires_at == shelf.effective_expires_at


def test_goods_without_a_date_have_no_freshness(house: Site, shop: Site) -> None:
    lamp = ProductFactory(tracks_expiry=False, lives={})

    paper = sent(house, shop, line(stocked(lamp, house.shelf, 10)))

    (item,) = paper.items.all()
    assert (item.freshness_before, item.freshness_after, item.expires_before, item.expires_after) == (None, None, None, None)


def test_lines_go_to_their_own_places_and_the_others_to_the_dock(apples: Product, house: Site, shop: Site) -> None:
    shelf = stocked(apples, house.shelf, 10)
    paper = create_transfer(
        source_warehouse_id=house.id, target_warehouse_id=shop.id, lines=[line(shelf, 1), line(shelf, 2, shop.shelf)], actor=RECEIVER
    )
    assert paper.target_location == shop.dock

    first, second = paper.items.order_by("pk")
    send_transfer(paper.pk, actor=RECEIVER)
    receive_transfer(paper.pk, actor=RECEIVER, locations={first.pk: shop.cool.pk})

    assert contents(apples) == [("MAIN", "A-01", 7, ""), ("SHOP", "C-01", 1, ""), ("SHOP", "A-01", 2, "")]
    first.refresh_from_db()
    assert first.target_location == shop.cool
    assert second.target_location == shop.shelf


def test_within_one_warehouse(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.shelf, 10)
    paper = sent(house, house, line(shelf, 3))
    assert totals(apples.pk, house.id) == (10, 0, 3, 7)

    receive_transfer(paper.pk, actor=RECEIVER)

    assert contents(apples) == [("MAIN", "A-01", 7, ""), ("MAIN", "C-01", 3, "")]
    assert totals(apples.pk, house.id) == (10, 0, 0, 10)
    assert_books_balance()


def test_two_transfers_of_one_lot_share_the_transit_and_not_their_goods(apples: Product, house: Site, shop: Site) -> None:
    shelf = stocked(apples, house.shelf, 10)
    one, other = sent(house, shop, line(shelf, 4)), sent(house, shop, line(shelf, 3))
    assert one.items.get().transit == other.items.get().transit

    receive_transfer(one.pk, actor=RECEIVER)

    assert contents(apples) == [("MAIN", "A-01", 3, ""), ("SHOP", "TRANSIT", 3, "place"), ("SHOP", "C-01", 4, "")]
    cancel_transfer(other.pk, reason="not wanted", actor=RECEIVER)
    assert contents(apples) == [("MAIN", "A-01", 6, ""), ("SHOP", "C-01", 4, "")]
    assert_books_balance()


def test_goods_of_one_lot_with_two_clocks_stay_apart_on_the_way(apples: Product, house: Site, shop: Site) -> None:
    """Half of the lot has lain in the cold for a while: on the road it becomes a child lot, and the older clock is not forgotten."""
    shelf = stocked(apples, house.shelf, 10, lot="L1")
    cool = BatchLocation.objects.get(pk=move_stock(shelf.pk, Decimal(5), house.cool.pk, actor=RECEIVER))
    days_pass(8)

    paper = sent(house, shop, line(shelf, 5), line(cool, 5))
    receive_transfer(paper.pk, actor=RECEIVER)

    first, second = paper.items.order_by("pk")
    assert (first.target.batch.lot_number, second.target.batch.lot_number) == ("L1", "L1/1")
    assert (keeps_for(first.target_id), keeps_for(second.target_id)) == (26, 34)
    assert Batch.objects.get(lot_number="L1/1").parent == shelf.batch
    assert_books_balance()


# --- what is lost on the way -------------------------------------------------------------------------------------------------------------


def costing(row: BatchLocation, price: str) -> BatchLocation:
    Batch.objects.filter(pk=row.batch_id).update(purchase_price=Decimal(price))
    return row


def test_what_does_not_arrive_is_written_off_from_transit(apples: Product, house: Site, shop: Site) -> None:
    shelf = costing(stocked(apples, house.shelf, 10, lot="L1"), "2")
    pears = ProductFactory(sku="PEARS")
    paper = sent(house, shop, line(shelf, 4), line(stocked(pears, house.shelf, 2), 2, shop.shelf))
    first, second = paper.items.order_by("pk")

    with heard() as events:
        done = receive_transfer(paper.pk, received={first.pk: Decimal(1), second.pk: Decimal(0)}, actor=RECEIVER)

    loss = WriteOff.objects.get()
    assert (done.loss, loss.status, loss.origin, loss.warehouse) == (loss, "confirmed", "transfer", shop.warehouse)
    assert [(item.quantity, item.reason, item.value, item.note) for item in loss.items.order_by("pk")] == [
        (3, "lost_in_transit", 6, paper.number),
        (2, "lost_in_transit", 0, paper.number),
    ]
    assert totals(apples.pk, shop.id) == (1, 0, 0, 1)
    assert totals(pears.pk, shop.id) == (0, 0, 0, 0)
    assert [item.received_quantity for item in done.items.order_by("pk")] == [1, 0]
    assert done.items.order_by("pk")[1].target is None
    assert events.types() == ["stock.received", "stock.changed", "inventory.writeOff.confirmed", "inventory.transfer.received"]
    (told,) = events.of("inventory.transfer.received")
    assert ([entry["received"] for entry in told["items"]], told["loss"]) == (["1", "0"], loss.number)
    assert_books_balance()


@override_settings(WRITE_OFF_APPROVAL_LIMIT=Decimal(5))
def test_a_loss_above_the_limit_stays_in_transit_until_a_manager_agrees(apples: Product, house: Site, shop: Site) -> None:
    shelf = costing(stocked(apples, house.shelf, 10), "2")
    paper = sent(house, shop, line(shelf, 4))
    (item,) = paper.items.all()

    done = receive_transfer(paper.pk, received={item.pk: Decimal(1)}, actor=RECEIVER)

    assert (done.status, done.loss.status) == ("received", "awaiting_approval")
    assert totals(apples.pk, shop.id) == (4, 0, 3, 1)
    assert_books_balance()
    approve_write_off(done.loss_id, actor=ACTOR)
    assert totals(apples.pk, shop.id) == (1, 0, 0, 1)
    assert_books_balance()


@override_settings(WRITE_OFF_APPROVAL_LIMIT=Decimal(5))
def test_what_was_lost_is_found_and_moved_out_of_transit(apples: Product, house: Site, shop: Site) -> None:
    """What a transfer on its way brings is nobody's to take; what one has lost is."""
    shelf = costing(stocked(apples, house.shelf, 10), "2")
    lost, coming = sent(house, shop, line(shelf, 4)), sent(house, shop, line(shelf, 2))
    loss = receive_transfer(lost.pk, received={lost.items.get().pk: Decimal(0)}, actor=RECEIVER).loss
    cancel_write_off(loss.pk, reason="found behind the door", actor=RECEIVER)
    transit = coming.items.get().transit_id

    with pytest.raises(InsufficientStock) as refusal:
        move_stock(transit, Decimal(5), shop.cool.pk, actor=RECEIVER)
    assert [(s.asked, s.available) for s in refusal.value.shortages] == [(5, 4)]
    move_stock(transit, Decimal(4), shop.cool.pk, actor=RECEIVER)

    assert contents(apples) == [("MAIN", "A-01", 4, ""), ("SHOP", "TRANSIT", 2, "place"), ("SHOP", "C-01", 4, "")]
    receive_transfer(coming.pk, actor=RECEIVER)
    assert totals(apples.pk, shop.id) == (6, 0, 0, 6)
    assert_books_balance()


@pytest.mark.parametrize(
    ("received", "text"),
    [
        ({}, "say how much arrived"),
        ({"it": "5"}, "4 were sent, not 5"),
        ({"it": "-1"}, "is not a quantity"),
        ({"it": "NaN"}, "is not a quantity"),
        ({"it": "1e30"}, "is not a quantity"),
        ({"it": "0.5"}, "not a multiple of 1"),
        ({"it": "1", "other": "1"}, "has no line 999999"),
    ],
)
def test_counts_that_make_no_sense(apples: Product, house: Site, shop: Site, received: dict[str, str], text: str) -> None:
    paper = sent(house, shop, line(stocked(apples, house.shelf, 10)))
    ids = {"it": paper.items.get().pk, "other": 999_999}

    with pytest.raises(ValidationFailed, match=text):
        receive_transfer(paper.pk, received={ids[name]: Decimal(value) for name, value in received.items()}, actor=RECEIVER)

    assert Transfer.objects.get().status == "sent"
    assert totals(apples.pk, shop.id) == (4, 0, 4, 0)


def test_what_is_on_its_way_is_nobodys_to_write_off(apples: Product, house: Site, shop: Site) -> None:
    paper = sent(house, shop, line(stocked(apples, house.shelf, 10)))

    with pytest.raises(InsufficientStock):
        remove_stock(warehouse_id=shop.id, line=WriteOffLine(paper.items.get().transit_id, Decimal(1), "damaged"), actor=ACTOR)

    receive_transfer(paper.pk, actor=RECEIVER)


@override_settings(WRITE_OFF_APPROVAL_LIMIT=Decimal(5))
def test_a_loss_that_was_found_is_not_approved_at_the_cost_of_another_transfer(apples: Product, house: Site, shop: Site) -> None:
    shelf = costing(stocked(apples, house.shelf, 10), "2")
    lost, coming = sent(house, shop, line(shelf, 4)), sent(house, shop, line(shelf, 4))
    loss = receive_transfer(lost.pk, received={lost.items.get().pk: Decimal(0)}, actor=RECEIVER).loss
    move_stock(coming.items.get().transit_id, Decimal(4), shop.cool.pk, actor=RECEIVER)

    with pytest.raises(InsufficientStock) as refusal:
        approve_write_off(loss.pk, actor=ACTOR)

    assert [(s.asked, s.available) for s in refusal.value.shortages] == [(4, 0)]
    receive_transfer(coming.pk, actor=RECEIVER)
    assert totals(apples.pk, shop.id) == (8, 0, 0, 8)
    assert_books_balance()


# --- what is refused ---------------------------------------------------------------------------------------------------------------------


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


# --- how much it costs -------------------------------------------------------------------------------------------------------------------


def statements(work: Any) -> int:
    with CaptureQueriesContext(connection) as queries:
        work()
    return len(queries)


def test_the_number_of_statements_does_not_grow_with_the_lines(house: Site, shop: Site) -> None:
    """One, three and five hundred lines; a delivery puts the goods there."""
    products = [ProductFactory(lives={"ambient": 21, "chilled": 42}) for _ in range(505)]
    receive_at_once(
        warehouse_id=house.id, location_id=house.shelf.pk, lines=[ReceivingLine(p.pk, Decimal(10)) for p in products], actor=ACTOR
    )  # fmt: skip
    rows = iter(BatchLocation.objects.order_by("pk"))
    counts = []
    for size in (1, 1, 3, 500):  # the first makes the sequences of numbers
        goods = [next(rows) for _ in range(size)]
        paper = draft(house, shop, *(line(row, 2) for row in goods))
        back = draft(house, shop, *(line(row, 2) for row in goods))
        sending = statements(lambda paper=paper: send_transfer(paper.pk, actor=RECEIVER))
        send_transfer(back.pk, actor=RECEIVER)
        half = {item.pk: Decimal(1) for item in paper.items.all()}
        receiving = statements(lambda paper=paper, half=half: receive_transfer(paper.pk, received=half, actor=RECEIVER))
        cancelling = statements(lambda back=back: cancel_transfer(back.pk, reason="x", actor=RECEIVER))
        counts.append((sending, receiving, cancelling))

    assert counts[1] == counts[2] == counts[3]
    assert counts[3] <= (21, 34, 16)
    assert_books_balance()


# --- a clock change on the way -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leaves", "label", "ends"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), date(2026, 3, 30), datetime(2026, 3, 30, 22, tzinfo=UTC)),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), date(2026, 10, 31), datetime(2026, 10, 31, 23, tzinfo=UTC)),
    ],
)
def test_a_transfer_that_crosses_a_clock_change(monkeypatch: pytest.MonkeyPatch, leaves: datetime, label: date, ends: datetime) -> None:
    """Between two sites at the two ends of the day, while summer time begins or ends: the date on the label ends in the time zone of the warehouse that
    received the goods, wherever they go, and the clock is charged the hours that passed, not what a clock on the wall showed."""
    monkeypatch.setattr(timezone, "now", lambda: leaves)
    house = site(code="MAIN", external_id="1", time_zone="Europe/Belgrade")
    shop = site(code="FAR", external_id="2", time_zone="Pacific/Kiritimati")
    apples = ProductFactory(lives={"ambient": 10, "chilled": 40})
    lines = [
        ReceivingLine(apples.pk, Decimal(5), lot_number="label", label_expires_on=label),
        ReceivingLine(apples.pk, Decimal(5), lot_number="loose"),
    ]
    receive_at_once(warehouse_id=house.id, location_id=house.shelf.pk, lines=lines, actor=ACTOR)
    rows = BatchLocation.objects.order_by("pk")
    assert [row.effective_expires_at for row in rows] == [ends, leaves + timedelta(days=10)]
    paper = sent(house, shop, *(line(row, 5) for row in rows))

    monkeypatch.setattr(timezone, "now", lambda: leaves + timedelta(hours=24))
    receive_transfer(paper.pk, actor=RECEIVER)

    first, second = paper.items.order_by("pk")
    assert first.target.effective_expires_at == first.target.not_after == ends
    assert second.target.consumed_fraction == Decimal("0.1")
    assert second.target.effective_expires_at == leaves + timedelta(days=1 + 36)
    assert (second.freshness_before, second.freshness_after) == (1, Decimal("0.9"))
