"""What a delivery brings onto the books: goods, dates, damage, prices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Batch, BatchLocation, Movement, Product
from inventory.orchestrator import confirm_receiving
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontProductFactory, SupplierFactory, site
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.receiving import draft, line, on

pytestmark = pytest.mark.django_db


def test_a_delivery_comes_onto_the_books(milk: Product, house: Site) -> None:
    StorefrontProductFactory(product=milk, external_listing_id="listing-1")
    supplier = SupplierFactory()
    receiving = draft(
        house,
        line(milk, 10, lot_number="L1", label_expires_on=on(9), purchase_price=Decimal("1.25"), currency="RSD"),
        line(milk, 6, actual_quantity=Decimal(4), lot_number="L2", label_expires_on=on(5)),
        supplier_id=supplier.pk,
    )

    with heard() as events:
        done = confirm_receiving(receiving.pk, actor=ACTOR)

    assert (done.status, done.version, done.confirmed_at is not None) == ("confirmed", 2, True)
    assert totals(milk.pk, house.id) == (14, 0, 0, 14)
    batch = Batch.objects.get(lot_number="L1")
    assert (batch.supplier, batch.purchase_price, batch.currency, batch.label_condition) == (supplier, Decimal("1.25"), "RSD", "chilled")
    assert batch.label_life == timedelta(days=14)
    place = BatchLocation.objects.get(batch=batch)
    end = datetime.combine(on(10), datetime.min.time(), UTC)
    assert (place.effective_expires_at, place.not_after, place.clock_condition, place.blocked_reason) == (end, end, "chilled", "")
    assert [item.batch for item in done.items.order_by("pk")] == [batch, Batch.objects.get(lot_number="L2")]
    assert list(Movement.objects.order_by("pk").values_list("type", "quantity_change", "document_type", "document_id")) == [
        ("receiving", 10, "receiving", receiving.pk),
        ("receiving", 4, "receiving", receiving.pk),
    ]
    assert events.types() == ["stock.received", "stock.changed", "inventory.placed", "inventory.placed", "inventory.receiving.confirmed"]
    assert events.of("inventory.placed")[1] == {
        "listing_id": "listing-1", "warehouse_id": "1", "quantity": "4", "location": "C-01", "product_id": milk.pk,
        "batch_id": Batch.objects.get(lot_number="L2").pk,
    }  # fmt: skip
    assert events.of("inventory.receiving.confirmed") == [
        {
            "receiving_id": receiving.pk, "number": done.number, "warehouse_id": "1",
            "differences": [{"sku": "MILK", "expected": "6.000", "actual": "4.000"}],
        }
    ]  # fmt: skip
    assert_books_balance()


def test_the_damaged_part_goes_to_quarantine_and_is_not_for_sale(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 10, damaged_quantity=Decimal(3), label_expires_on=on(9)))

    with heard() as events:
        confirm_receiving(receiving.pk, actor=ACTOR)

    assert totals(milk.pk, house.id) == (10, 0, 3, 7)
    assert list(BatchLocation.objects.order_by("pk").values_list("location__code", "quantity", "blocked_reason")) == [
        ("C-01", 7, ""),
        ("QUAR", 3, "place"),
    ]
    assert [(e["location"], e["quantity"]) for e in events.of("inventory.placed")] == [("C-01", "7"), ("QUAR", "3")]
    assert_books_balance()


def test_all_of_it_damaged(milk: Product, house: Site) -> None:
    """Short dated too, but nothing of it is for sale: there is nothing to refuse."""
    confirm_receiving(draft(house, line(milk, 2, damaged_quantity=Decimal(2), label_expires_on=on(1))).pk, actor=ACTOR)

    assert totals(milk.pk, house.id) == (2, 0, 2, 0)


def test_a_lot_number_is_made_up(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 1), line(milk, 2))

    confirm_receiving(receiving.pk, actor=ACTOR)

    items = list(receiving.items.order_by("pk"))
    assert [item.batch.lot_number for item in items] == [f"{receiving.number}-{item.pk}" for item in items]
    assert Batch.objects.count() == 2


def test_the_same_lot_in_two_lines_and_two_places_is_one_batch(milk: Product, house: Site) -> None:
    other = ProductFactory(lives={"chilled": 14})
    lines = [line(milk, n, lot_number="L1", label_expires_on=on(9)) for n in (1, 2)]
    confirm_receiving(
        draft(house, *lines, line(milk, 4, lot_number="L1", location_id=house.dock.pk), line(other, 8, lot_number="L1")).pk, actor=ACTOR
    )

    assert list(BatchLocation.objects.filter(product=milk).order_by("pk").values_list("location__code", "quantity")) == [("C-01", 3), ("DOCK", 4)]
    assert Batch.objects.filter(product=milk).count() == 1
    # The same code on another product is another lot.
    assert set(Batch.objects.filter(lot_number="L1").values_list("product_id", flat=True)) == {milk.pk, other.pk}
    assert_books_balance()


def test_goods_without_a_date_keep_for_their_life_from_their_production(house: Site) -> None:
    apples = ProductFactory(lives={"ambient": 21})
    confirm_receiving(
        draft(house, line(apples, 1, location_id=house.shelf.pk), line(apples, 1, location_id=house.shelf.pk, produced_on=on(-8))).pk, actor=ACTOR
    )

    fresh, old = BatchLocation.objects.order_by("pk")
    assert fresh.effective_expires_at - fresh.clock_started_at == timedelta(days=21)
    produced = datetime.combine(on(-7), datetime.min.time(), UTC)
    assert abs(old.effective_expires_at - (produced + timedelta(days=21))) < timedelta(milliseconds=1)


def test_goods_that_do_not_expire_go_anywhere(house: Site) -> None:
    lamp = ProductFactory(tracks_expiry=False, lives={})
    confirm_receiving(draft(house, line(lamp, 1, location_id=house.freezer.pk)).pk, actor=ACTOR)

    assert BatchLocation.objects.get().effective_expires_at is None


@pytest.mark.parametrize(
    ("zone", "hours_before_utc"),
    [("Pacific/Honolulu", -10), ("America/New_York", None), ("UTC", 0), ("Europe/Belgrade", None), ("Pacific/Kiritimati", 14)],
)
def test_a_label_ends_with_the_day_of_the_warehouse(zone: str, hours_before_utc: int | None) -> None:
    """On the last day of a month, seen from both ends of the world."""
    house = site(code=zone, time_zone=zone)
    milk = ProductFactory(lives={"chilled": 14})
    last = datetime(2150, 1, 31).date()  # noqa: DTZ001
    confirm_receiving(draft(house, line(milk, 1, label_expires_on=last)).pk, actor=ACTOR)

    place = BatchLocation.objects.get()
    assert place.batch.label_expires_on == last
    if hours_before_utc is not None:
        assert place.effective_expires_at == datetime(2150, 2, 1, tzinfo=UTC) - timedelta(hours=hours_before_utc)


def test_purchase_prices_follow_the_last_delivery(milk: Product, house: Site) -> None:
    page = StorefrontProductFactory(product=milk, purchase_price=Decimal(1))
    confirm_receiving(draft(house, line(milk, 1, purchase_price=Decimal(3)), line(milk, 9, purchase_price=Decimal(2))).pk, actor=ACTOR)
    confirm_receiving(draft(house, line(milk, 1)).pk, actor=ACTOR)

    page.refresh_from_db()
    assert page.purchase_price == 2


@pytest.mark.parametrize("policy", ["last", "weighted_average"])
def test_a_price_in_another_currency_is_not_the_storefronts(milk: Product, house: Site, settings: Any, policy: str) -> None:
    settings.PURCHASE_PRICE_POLICY = policy
    euros = StorefrontProductFactory(product=milk, purchase_price=Decimal(1))
    dinars = StorefrontProductFactory(product=milk, currency="RSD")
    lines = [line(milk, 2, purchase_price=Decimal(117), currency="RSD"), line(milk, 2, purchase_price=Decimal(1), currency="EUR")]
    confirm_receiving(draft(house, *lines).pk, actor=ACTOR)

    for page in (euros, dinars):
        page.refresh_from_db()
    assert (euros.purchase_price, dinars.purchase_price) == (1, 117)
    confirm_receiving(draft(house, line(milk, 2, purchase_price=Decimal(500), currency="USD")).pk, actor=ACTOR)
    euros.refresh_from_db()
    assert euros.purchase_price == 1


def test_purchase_prices_as_a_weighted_average(milk: Product, house: Site, settings: Any) -> None:
    settings.PURCHASE_PRICE_POLICY = "weighted_average"
    page = StorefrontProductFactory(product=milk)
    confirm_receiving(draft(house, line(milk, 10, purchase_price=Decimal(1))).pk, actor=ACTOR)
    confirm_receiving(draft(house, line(milk, 20, purchase_price=Decimal(3)), line(milk, 10, purchase_price=Decimal(5))).pk, actor=ACTOR)

    page.refresh_from_db()
    assert page.purchase_price == Decimal(10 * 1 + 20 * 3 + 10 * 5) / 40


def test_as_many_statements_for_a_thousand_lines_as_for_three(house: Site) -> None:
    counts = []
    for number in (3, 1000):
        products = [ProductFactory(lives={"chilled": 14}) for _ in range(number)]
        lines = [line(p, 2, damaged_quantity=Decimal(1), label_expires_on=on(9), purchase_price=Decimal(1)) for p in products]
        receiving = draft(house, *lines)
        with CaptureQueriesContext(connection) as queries:
            confirm_receiving(receiving.pk, actor=ACTOR)
        counts.append(len(queries))

    assert counts[0] == counts[1]
    assert_books_balance()
