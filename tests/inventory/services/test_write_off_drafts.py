"""Write-offs that nobody wrote line by line: what has expired, and a quantity of a product."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.errors import InsufficientStock
from inventory.models import Batch, BatchLocation, Product, WriteOff, WriteOffItem
from inventory.orchestrator import (
    OrderedLine,
    WriteOffLine,
    cancel_write_off,
    confirm_write_off,
    create_write_off,
    draft_expired_write_offs,
    promise_order,
    write_off_stock,
)
from inventory.services.write_off_drafts import draft_expired
from inventory.tasks import draft_expired_write_offs_task
from tests.factories.fulfillment import person
from tests.factories.inventory import ACTOR, ProductFactory, SellerFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from warehouse.core.actor import Role
from warehouse.core.errors import NotFound, PermissionDenied, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK")


def expired(product: Product, location: Any, quantity: Any, lot: str = "") -> BatchLocation:
    return stocked(product, location, quantity, lot=lot, expires_in_days=-1)


def draft() -> int:
    return draft_expired_write_offs(actor=ACTOR)


def lines(write_off: WriteOff) -> list[tuple[int, Decimal, str]]:
    return list(write_off.items.order_by("pk").values_list("batch_location", "quantity", "reason"))


# --- what has expired ----------------------------------------------------------------------------------------------------------------------


def test_one_draft_per_warehouse_and_a_person_confirms(milk: Product, house: Site) -> None:
    other = site()
    here, docked, there = expired(milk, house.shelf, 3, "A"), expired(milk, house.quarantine, 2, "B"), expired(milk, other.shelf, 5, "A")
    stocked(milk, house.shelf, 9, lot="FRESH", expires_in_days=9)
    stocked(ProductFactory(tracks_expiry=False, lives={}), house.shelf, 1)

    with heard() as events:
        assert draft() == 3

    first, second = WriteOff.objects.order_by("pk")
    assert (first.warehouse_id, first.status, first.origin, lines(first)) == (
        house.id, "draft", "expiry", [(here.pk, 3, "expired"), (docked.pk, 2, "expired")],
    )  # fmt: skip
    assert (second.warehouse_id, lines(second)) == (other.id, [(there.pk, 5, "expired")])
    assert (events.types(), totals(milk.pk, house.id)[0]) == ([], 14)
    confirm_write_off(first.pk, actor=person(Role.RECEIVER))
    assert totals(milk.pk, house.id) == (9, 0, 0, 9)
    assert_books_balance()


def test_repeating_adds_nothing_and_what_expires_later_joins(milk: Product, house: Site) -> None:
    expired(milk, house.shelf, 3, "A")
    fresh = stocked(milk, house.shelf, 9, lot="FRESH", expires_in_days=9)
    assert (draft(), draft()) == (1, 0)
    version = WriteOff.objects.get().version

    BatchLocation.objects.filter(pk=fresh.pk).update(effective_expires_at=timezone.now())
    assert (draft(), draft()) == (1, 0)

    write_off = WriteOff.objects.get()
    assert (write_off.version, lines(write_off)[1]) == (version + 1, (fresh.pk, 9, "expired"))


def test_what_is_in_an_open_write_off_already(milk: Product, house: Site, settings: Any) -> None:
    place, waiting, cancelled = expired(milk, house.shelf, 10, "A"), expired(milk, house.shelf, 4, "B"), expired(milk, house.shelf, 2, "C")
    settings.WRITE_OFF_APPROVAL_LIMIT = Decimal(0)
    Batch.objects.filter(pk=waiting.batch_id).update(purchase_price=1)
    create_write_off(warehouse_id=house.id, lines=[WriteOffLine(place.pk, Decimal(4), "damaged")], actor=ACTOR)
    asked = create_write_off(warehouse_id=house.id, lines=[WriteOffLine(waiting.pk, Decimal(4), "damaged")], actor=ACTOR)
    assert confirm_write_off(asked.pk, actor=person(Role.RECEIVER)).status == "awaiting_approval"
    gone = create_write_off(warehouse_id=house.id, lines=[WriteOffLine(cancelled.pk, Decimal(2), "damaged")], actor=ACTOR)
    cancel_write_off(gone.pk, reason="x", actor=ACTOR)

    assert draft() == 2

    assert lines(WriteOff.objects.get(origin="expiry")) == [(place.pk, 6, "expired"), (cancelled.pk, 2, "expired")]


def test_a_draft_that_is_no_draft_any_more_is_followed_by_another(milk: Product, house: Site, settings: Any) -> None:
    settings.WRITE_OFF_APPROVAL_LIMIT = Decimal(0)
    place = expired(milk, house.shelf, 3, "A")
    Batch.objects.filter(pk=place.batch_id).update(purchase_price=1)
    draft()
    assert confirm_write_off(WriteOff.objects.get().pk, actor=person(Role.RECEIVER)).status == "awaiting_approval"
    expired(milk, house.shelf, 5, "B")

    assert draft() == 1

    assert list(WriteOff.objects.order_by("pk").values_list("status", flat=True)) == ["awaiting_approval", "draft"]


def test_promised_goods_and_goods_on_their_way_are_left(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=5)
    promise_order("shop:1", [OrderedLine(milk.pk, Decimal(4))], actor=ACTOR)
    for location in (house.transit, house.bench):
        expired(milk, location, 2, location.code)
    BatchLocation.objects.filter(pk=place.pk).update(effective_expires_at=timezone.now())

    assert draft() == 1
    assert lines(WriteOff.objects.get()) == [(place.pk, 6, "expired")]


def test_too_short_dated_is_not_expired(house: Site) -> None:
    product = ProductFactory(min_remaining_days=5)
    place = stocked(product, house.shelf, 10, lot="A", expires_in_days=2)
    assert place.blocked_reason == "expired"

    assert draft() == 0
    assert not WriteOff.objects.exists()


def test_as_many_statements_for_a_hundred_lots_as_for_one(house: Site) -> None:
    counts = []
    create_write_off(warehouse_id=house.id, actor=ACTOR)  # the year's numbers are there
    for number in (1, 100):
        place = site()
        for _ in range(number):
            expired(ProductFactory(), place.shelf, 1)
        with CaptureQueriesContext(connection) as queries:
            assert draft_expired(place.id, actor=ACTOR) == number
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_celery_does_it_every_hour(milk: Product, house: Site) -> None:
    expired(milk, house.shelf, 3)

    assert draft_expired_write_offs_task() == 1

    assert WriteOff.objects.get().created_by is None
    scheduled = [entry for entry in site_settings.CELERY_BEAT_SCHEDULE.values() if entry["task"] == "inventory.draft_expired_write_offs"]
    assert [entry["schedule"] for entry in scheduled] == [3600.0]


# --- a quantity of a product -----------------------------------------------------------------------------------------------------------------


def write_off(house: Site, product: Product, quantity: Any, **more: Any) -> WriteOff:
    values = {"reason": "damaged", "actor": ACTOR} | more
    return write_off_stock(warehouse_id=house.id, product_id=product.pk, quantity=Decimal(quantity), **values)


def test_what_can_not_be_sold_first_then_by_the_order_of_leaving(milk: Product, house: Site) -> None:
    late = stocked(milk, house.shelf, 5, lot="LATE", expires_in_days=60)
    early = stocked(milk, house.shelf, 5, lot="EARLY", expires_in_days=10)
    quarantined = stocked(milk, house.quarantine, 2, lot="LATE", expires_in_days=60)
    bad = expired(milk, house.shelf, 1, "BAD")
    stocked(milk, house.transit, 9, lot="AWAY")

    with heard() as events:
        done = write_off(house, milk, 10, note="the fridge", notes="seller's call")

    assert (done.status, done.notes) == ("confirmed", "seller's call")
    assert lines(done) == [(bad.pk, 1, "damaged"), (quarantined.pk, 2, "damaged"), (early.pk, 5, "damaged"), (late.pk, 2, "damaged")]
    assert set(done.items.values_list("note", flat=True)) == {"the fridge"}
    assert events.types()[-1] == "inventory.writeOff.confirmed"
    assert totals(milk.pk, house.id) == (12, 0, 9, 3)
    assert_books_balance()


def test_only_free_goods(milk: Product, house: Site) -> None:
    stocked(milk, house.shelf, 5, lot="A")
    stocked(milk, house.bench, 5, lot="B")
    promise_order("shop:1", [OrderedLine(milk.pk, Decimal(3))], actor=ACTOR)

    with pytest.raises(InsufficientStock) as refusal:
        write_off(house, milk, 3)

    assert [(s.asked, s.available) for s in refusal.value.shortages] == [(3, 2)]
    assert not WriteOff.objects.exists()
    assert write_off(house, milk, 2).status == "confirmed"
    assert totals(milk.pk, house.id) == (8, 3, 5, 0)
    assert_books_balance()


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "1e30", "0.5"])
def test_no_quantity(milk: Product, house: Site, quantity: str) -> None:
    stocked(milk, house.shelf, 5)
    with pytest.raises(ValidationFailed):
        write_off(house, milk, quantity)


def test_refusals(milk: Product, house: Site) -> None:
    stocked(milk, house.shelf, 5)
    with pytest.raises(NotFound, match="no product 999999"):
        write_off_stock(warehouse_id=house.id, product_id=999_999, quantity=Decimal(1), reason="damaged", actor=ACTOR)
    with pytest.raises(ValidationFailed, match="no reason"):
        write_off(house, milk, 1, reason="fun")
    with pytest.raises(ValidationFailed, match="Say what"):
        write_off(house, milk, 1, reason="other")
    with pytest.raises(InsufficientStock):
        write_off(site(), milk, 1)
    with pytest.raises(PermissionDenied):
        write_off(house, milk, 1, actor=person(Role.AUDITOR))
    assert WriteOffItem.objects.count() == 0


def test_a_seller_in_its_own_sites(milk: Product, house: Site) -> None:
    seller, owner = person(Role.SELLER), SellerFactory()
    owner.members.add(seller.user_id)
    own = site(seller=owner)
    for place in (own, house):
        stocked(milk, place.shelf, 5)

    assert write_off(own, milk, 2, actor=seller).created_by_id == seller.user_id
    with pytest.raises(NotFound):
        write_off(house, milk, 2, actor=seller)
    assert (totals(milk.pk, own.id)[0], totals(milk.pk, house.id)[0]) == (3, 5)


def test_above_the_limit_it_waits(milk: Product, house: Site, settings: Any) -> None:
    settings.WRITE_OFF_APPROVAL_LIMIT = Decimal(5)
    place = stocked(milk, house.shelf, 5)
    Batch.objects.filter(pk=place.batch_id).update(purchase_price=2)

    assert write_off(house, milk, 3, actor=person(Role.RECEIVER)).status == "awaiting_approval"
    assert totals(milk.pk, house.id)[0] == 5


def test_a_fifo_product_leaves_by_receipt(house: Site) -> None:
    product = ProductFactory(rotation="fifo")
    first = stocked(product, house.shelf, 2, lot="A", expires_in_days=60)
    BatchLocation.objects.filter(pk=first.pk).update(received_at=timezone.now() - timedelta(days=3))
    stocked(product, house.shelf, 2, lot="B", expires_in_days=10)

    assert lines(write_off(house, product, 1)) == [(first.pk, 1, "damaged")]
