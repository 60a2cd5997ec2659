"""Prices, markdowns, copied figures and alerts that several change at once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from inventory.enums import AlertKind
from inventory.models import Alert, BatchLocation, Discount, MarkdownStep, PriceChange, Product, StorefrontProduct
from inventory.orchestrator import ReceivingLine, place_stock
from inventory.services.alerts import evaluate_kind, settle_alerts
from inventory.services.discounts import apply_discount, end_discount
from inventory.services.markdowns import mark_down_pages
from inventory.services.pricing import NewPrice, write_prices
from inventory.services.storefronts import change_listing, copy_stock
from tests.concurrency.threads import Started, race, wait_for_waiter
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontProductFactory, stocked
from warehouse.core.errors import Conflict

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK", lives={"chilled": 20})


@pytest.fixture
def offer(milk: Product) -> StorefrontProduct:
    return StorefrontProductFactory(product=milk, price=Decimal(10), markup_percent=Decimal(100))


def off(offer: StorefrontProduct, percent: int) -> list[Discount]:
    return apply_discount(listing_ids=[offer.pk], kind="percent", value=Decimal(percent), actor=ACTOR)


def chain(offer: StorefrontProduct) -> list[Decimal]:
    """What buyers paid, one after the other; every change begins where the one before it ended."""
    changes = list(PriceChange.objects.filter(storefront_product=offer, field="effective_price").order_by("pk"))
    assert [change.before for change in changes[1:]] == [change.after for change in changes[:-1]]
    return [changes[0].before, *(change.after for change in changes)]


def test_the_second_of_two_discounts_sees_the_first(offer: StorefrontProduct) -> None:
    with transaction.atomic():
        apply_discount.inside(listing_ids=[offer.pk], kind="percent", value=Decimal(30), actor=ACTOR)
        waiting = Started(lambda: off(offer, 10))
        wait_for_waiter()

    assert waiting.finish().won
    offer.refresh_from_db()
    assert (offer.effective_price, chain(offer)) == (7, [10, 7])


def test_without_the_lock_it_does_not(offer: StorefrontProduct) -> None:
    """The control: what the lock of the page is for."""

    def without_the_lock() -> None:
        with transaction.atomic():
            Discount.objects.create(storefront_product=offer, kind="percent", value=10)
            write_prices([NewPrice.unchanged(offer)], reason="", actor=ACTOR)

    with transaction.atomic():
        apply_discount.inside(listing_ids=[offer.pk], kind="percent", value=Decimal(30), actor=ACTOR)
        waiting = Started(without_the_lock)
        wait_for_waiter()

    assert waiting.finish().won
    offer.refresh_from_db()
    assert offer.effective_price == 9


def test_a_delivery_a_hand_and_a_discount_at_once(offer: StorefrontProduct, milk: Product, house: Site) -> None:
    line = ReceivingLine(milk.pk, expected_quantity=Decimal(1), purchase_price=Decimal(8), location_id=house.cool.pk)
    for outcome in race(
        [
            lambda: place_stock(warehouse_id=house.id, line=line, actor=ACTOR),
            lambda: off(offer, 50),
            lambda: off(offer, 20),
            lambda: change_listing(offer.pk, {"price": Decimal(12)}, actor=ACTOR),
        ]
    ):
        assert outcome.won, outcome.error
    offer.refresh_from_db()
    assert offer.price in (12, 16)
    assert (offer.effective_price, chain(offer)[-1]) == (offer.price / 2, offer.price / 2)


def test_a_discount_is_ended_once(offer: StorefrontProduct) -> None:
    (discount,) = off(offer, 30)
    outcomes = race([lambda: end_discount(discount.pk, actor=ACTOR)] * 4)
    assert sum(outcome.won for outcome in outcomes) == 1
    assert all(isinstance(outcome.error, Conflict) for outcome in outcomes if not outcome.won)
    assert chain(offer) == [10, 7, 10]


def test_two_runs_of_the_markdown_make_one(offer: StorefrontProduct, milk: Product, house: Site) -> None:
    stocked(milk, house.cool, 4, expires_in_days=20)
    BatchLocation.objects.update(effective_expires_at=timezone.now() + timedelta(days=5))
    MarkdownStep.objects.create(freshness_percent=50, discount_percent=40)
    outcomes = race([lambda: mark_down_pages([offer.pk], actor=ACTOR)] * 4)
    assert sorted(outcome.value for outcome in outcomes) == [0, 0, 0, 1]
    assert (Discount.objects.count(), chain(offer)) == (1, [10, 6])


def test_of_two_copies_of_a_figure_the_younger_stays(offer: StorefrontProduct, milk: Product, house: Site) -> None:
    stocked(milk, house.cool, 4, expires_in_days=20)

    def copy() -> None:
        with transaction.atomic():
            copy_stock([milk.pk])

    with transaction.atomic():
        copy_stock([milk.pk])
        waiting = Started(copy)
        wait_for_waiter()
        stocked_later = Started(lambda: stocked(milk, house.cool, 3, expires_in_days=20))
        stocked_later.finish()

    assert waiting.finish().won
    offer.refresh_from_db()
    assert offer.stock_quantity == 7


def test_the_same_causes_found_by_many_are_one_alert_each(house: Site) -> None:
    for _ in range(3):
        stocked(ProductFactory(), house.shelf, 1)
    for outcome in race([lambda: evaluate_kind(AlertKind.LOW_STOCK, actor=ACTOR)] * 6):
        assert outcome.won, outcome.error
    assert list(Alert.objects.values_list("count", flat=True)) == [6, 6, 6]


def test_who_reads_later_has_the_last_word(house: Site) -> None:
    stocked(ProductFactory(), house.shelf, 1)
    with transaction.atomic():
        settle_alerts.inside("low_stock", [], actor=ACTOR)
        waiting = Started(lambda: evaluate_kind(AlertKind.LOW_STOCK, actor=ACTOR))
        wait_for_waiter()
    assert waiting.finish().won
    assert Alert.objects.filter(resolved_at=None).count() == 1
