"""Reductions of prices: they start and end by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Discount, PriceChange, Product, StorefrontProduct
from inventory.queries.prices import effective_prices, listings_to_reprice
from inventory.services.discounts import apply_discount, end_discount, follow_discounts
from tests.factories.inventory import ACTOR, ProductFactory, StorefrontProductFactory
from tests.inventory.events import heard
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed

pytestmark = pytest.mark.django_db

PICKER = Actor("picker", ActorType.EMPLOYEE, frozenset({Role.PICKER}))


@pytest.fixture
def milk(db: None) -> Product:
    return ProductFactory(sku="MILK")


@pytest.fixture
def offer(milk: Product) -> StorefrontProduct:
    return StorefrontProductFactory(product=milk, price=Decimal(10), external_listing_id="100", storefront__external_id="7")


def costs(offer: StorefrontProduct) -> tuple[Decimal | None, Decimal]:
    offer.refresh_from_db()
    return offer.discounted_price, offer.effective_price


def history(offer: StorefrontProduct) -> list[tuple[str, Decimal, Decimal]]:
    return list(PriceChange.objects.filter(storefront_product=offer).order_by("pk").values_list("field", "before", "after"))


def later(monkeypatch: pytest.MonkeyPatch, **delta: float) -> datetime:
    """Move the clock."""
    moment = timezone.now() + timedelta(**delta)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    return moment


def test_it_counts_at_once_is_kept_in_the_history_and_told(offer: StorefrontProduct) -> None:
    with heard() as events:
        (discount,) = apply_discount(listing_ids=[offer.pk], kind="percent", value=Decimal(25), note="Tuesday", actor=ACTOR)

    assert costs(offer) == (Decimal("7.50"), Decimal("7.50"))
    change = PriceChange.objects.get()
    assert (change.field, change.before, change.after, change.currency) == ("effective_price", 10, Decimal("7.50"), "EUR")
    assert (change.reason, change.changed_by) == ("discount: manual, Tuesday", "tests")
    assert events == [
        (
            "inventory.price.changed",
            {
                "shop_product_id": offer.pk, "listing_id": "100", "storefront_id": "7", "product_id": offer.product_id, "price": "10",
                "effective_price": "7.5", "effective_price_before": "10", "currency": "EUR", "discount_id": discount.pk,
                "discount_reason": "manual", "reason": "discount: manual, Tuesday",
            },
        )
    ]  # fmt: skip


def test_all_pages_of_a_product_inside_another_operation(milk: Product, offer: StorefrontProduct) -> None:
    other = StorefrontProductFactory(product=milk, price=Decimal("3.33"))
    stranger = StorefrontProductFactory(price=Decimal(5))

    with transaction.atomic():
        made = apply_discount.inside(product_id=milk.pk, kind="percent", value=Decimal(50), reason="returned_item", actor=ACTOR)

    assert [discount.storefront_product_id for discount in made] == [offer.pk, other.pk]
    assert (costs(offer)[1], costs(other)[1], costs(stranger)[1]) == (5, Decimal("1.67"), 5)


def test_a_product_without_a_page_has_nothing_to_reduce(milk: Product) -> None:
    assert apply_discount(product_id=milk.pk, kind="percent", value=Decimal(10), actor=ACTOR) == []


def test_of_two_the_one_that_makes_the_price_lowest_counts(offer: StorefrontProduct) -> None:
    (small,) = apply_discount(listing_ids=[offer.pk], kind="percent", value=Decimal(10), actor=ACTOR)
    (big,) = apply_discount(listing_ids=[offer.pk], kind="fixed", value=Decimal(4), actor=ACTOR)
    assert costs(offer)[1] == 6
    assert effective_prices([offer.pk])[offer.pk].discount_id == big.pk
    end_discount(big.pk, actor=ACTOR)
    assert costs(offer)[1] == 9
    end_discount(small.pk, actor=ACTOR)
    assert costs(offer) == (None, 10)
    assert [after for _, _, after in history(offer)] == [9, 6, 9, 10]


def test_it_starts_and_ends_by_itself(offer: StorefrontProduct, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    apply_discount(
        listing_ids=[offer.pk], kind="fixed", value=Decimal(3), valid_from=now + timedelta(hours=1), valid_to=now + timedelta(hours=3), actor=ACTOR
    )
    assert (costs(offer)[1], follow_discounts(actor=ACTOR), history(offer)) == (10, 0, [])

    later(monkeypatch, hours=2)
    assert effective_prices([offer.pk])[offer.pk].effective_price == 7
    with heard() as events:
        assert follow_discounts(actor=ACTOR) == 1
    assert costs(offer)[1] == 7
    assert [payload["effective_price"] for payload in events.of("inventory.price.changed")] == ["7"]
    assert follow_discounts(actor=ACTOR) == 0

    later(monkeypatch, hours=1)
    with heard() as events:
        assert follow_discounts(actor=ACTOR) == 1
    assert costs(offer) == (None, 10)
    assert [payload["discount_id"] for payload in events.of("inventory.price.changed")] == [None]
    assert follow_discounts(actor=ACTOR) == 0
    assert [(before, after) for _, before, after in history(offer)] == [(10, 7), (7, 10)]


def test_its_first_moment_counts_and_its_last_does_not(offer: StorefrontProduct) -> None:
    now = timezone.now()
    start, end = now + timedelta(hours=1), now + timedelta(hours=2)
    apply_discount(listing_ids=[offer.pk], kind="percent", value=Decimal(10), valid_from=start, valid_to=end, actor=ACTOR)
    tick = timedelta(microseconds=1)
    found = [effective_prices([offer.pk], at)[offer.pk].effective_price for at in (start - tick, start, end - tick, end)]
    assert found == [10, 9, 9, 10]
    assert [listings_to_reprice(at) for at in (start - tick, start, end)] == [[], [offer.pk], []]


def test_one_called_off_before_it_began_never_counts(offer: StorefrontProduct, monkeypatch: pytest.MonkeyPatch) -> None:
    start = timezone.now() + timedelta(hours=1)
    (discount,) = apply_discount(listing_ids=[offer.pk], kind="percent", value=Decimal(10), valid_from=start, actor=ACTOR)
    assert end_discount(discount.pk, actor=ACTOR).valid_to == start
    later(monkeypatch, hours=1)
    assert effective_prices([offer.pk], start)[offer.pk].effective_price == 10
    assert follow_discounts(actor=ACTOR) == 0


def test_half_a_cent_goes_up_and_a_price_is_never_used_up(milk: Product) -> None:
    offer = StorefrontProductFactory(product=milk, price=Decimal("0.35"))
    apply_discount(listing_ids=[offer.pk], kind="percent", value=Decimal(90), actor=ACTOR)
    assert costs(offer)[1] == Decimal("0.04")
    cheap = StorefrontProductFactory(product=milk, price=Decimal("0.01"))
    apply_discount(listing_ids=[cheap.pk], kind="percent", value=Decimal(99), actor=ACTOR)
    assert costs(cheap) == (None, Decimal("0.01"))


def test_an_amount_that_uses_up_a_price_is_refused_and_names_the_pages(milk: Product, offer: StorefrontProduct) -> None:
    StorefrontProductFactory(product=milk, price=Decimal(4), external_listing_id="cheap")
    StorefrontProductFactory(product=milk, external_listing_id="unpriced")
    with heard() as events, pytest.raises(ValidationFailed) as refusal:
        apply_discount(product_id=milk.pk, kind="fixed", value=Decimal(4), actor=ACTOR)
    assert [error["listing"] for error in refusal.value.errors] == ["cheap", "unpriced"]
    assert "leaves nothing of the price. cheap: the price is 4 EUR" in refusal.value.detail
    assert (Discount.objects.count(), costs(offer)[1], events) == (0, 10, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": Decimal(0)},
        {"value": Decimal(-5)},
        {"value": Decimal(100)},
        {"value": Decimal("1e30")},
        {"value": Decimal("NaN")},
        {"value": Decimal("sNaN")},
        {"value": Decimal("Infinity")},
        {"value": Decimal("0.00001")},
        {"kind": "gift"},
        {"reason": "because"},
        {"kind": "fixed", "value": Decimal("1e12")},
        {"valid_to": timedelta(days=-1)},
        {"valid_from": timedelta(days=2), "valid_to": timedelta(days=1)},
        {"listing_ids": []},
    ],
    ids=str,
)
def test_what_is_no_discount(offer: StorefrontProduct, wrong: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"listing_ids": [offer.pk], "kind": "percent", "value": Decimal(10), **wrong}
    asked = {name: timezone.now() + value if isinstance(value, timedelta) else value for name, value in asked.items()}
    with pytest.raises(ValidationFailed):
        apply_discount(**asked, actor=ACTOR)
    assert (Discount.objects.count(), PriceChange.objects.count(), costs(offer)[1]) == (0, 0, 10)


def test_unknown_pages_and_strangers(offer: StorefrontProduct) -> None:
    with pytest.raises(NotFound):
        apply_discount(listing_ids=[offer.pk, 10**9], kind="percent", value=Decimal(10), actor=ACTOR)
    with pytest.raises(NotFound):
        end_discount(10**9, actor=ACTOR)
    with pytest.raises(PermissionDenied):
        apply_discount(listing_ids=[offer.pk], kind="percent", value=Decimal(10), actor=PICKER)
    (discount,) = apply_discount(listing_ids=[offer.pk], kind="percent", value=Decimal(10), actor=ACTOR)
    with pytest.raises(PermissionDenied):
        end_discount(discount.pk, actor=PICKER)
    end_discount(discount.pk, actor=ACTOR)
    with pytest.raises(Conflict, match="has ended already"):
        end_discount(discount.pk, actor=ACTOR)


@pytest.mark.parametrize("many", [1, 40])
def test_statements_do_not_grow(milk: Product, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(many):
        StorefrontProductFactory(product=milk, price=Decimal(10))
    end = timezone.now() + timedelta(hours=1)
    with (
        transaction.atomic(),
        CaptureQueriesContext(
            connection,
        ) as queries,
    ):
        apply_discount.inside(product_id=milk.pk, kind="percent", value=Decimal(10), valid_to=end, actor=ACTOR)
    assert len(queries) == 3
    later(monkeypatch, hours=2)
    with CaptureQueriesContext(connection) as queries:
        assert follow_discounts(actor=ACTOR) == many
    assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) == 3
    assert PriceChange.objects.count() == 2 * many
