"""Goods on their way from one site to another: the books, the clock, the arrival."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Batch, BatchLocation, Product
from inventory.orchestrator import ReceivingLine, cancel_transfer, create_transfer, move_stock, receive_at_once, receive_transfer, send_transfer
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontProductFactory, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import about, days_pass, keeps_for
from tests.inventory.events import heard
from tests.inventory.transfers import RECEIVER, contents, draft, ledger, line, sent

pytestmark = pytest.mark.django_db


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
