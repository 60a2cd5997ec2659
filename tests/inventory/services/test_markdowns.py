"""Automatic markdown by what is left of the life of the goods that leave first."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Batch, BatchLocation, Discount, MarkdownStep, PriceChange, Product, StorefrontProduct, Warehouse
from inventory.orchestrator import OrderedLine, promise_order
from inventory.queries.freshness import markdowns_due
from inventory.services.discounts import apply_discount, end_discount
from inventory.services.markdowns import change_markdown_step, create_markdown_step, delete_markdown_step, mark_down
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontFactory, StorefrontProductFactory, stocked
from tests.inventory.books import assert_books_balance
from tests.inventory.clocks import label_says
from tests.inventory.events import heard
from warehouse.core.errors import Conflict

pytestmark = pytest.mark.django_db


@pytest.fixture
def steps(db: None) -> list[MarkdownStep]:
    """−20 % at half of the life, −50 % at a quarter."""
    pairs = ((50, 20), (25, 50))
    return [create_markdown_step({"freshness_percent": left, "discount_percent": off}, actor=ACTOR) for left, off in pairs]


@pytest.fixture
def milk(db: None) -> Product:
    return ProductFactory(sku="MILK", lives={"chilled": 20, "frozen": 100, ("chilled", "opened"): 4})


@pytest.fixture
def offer(milk: Product) -> StorefrontProduct:
    return StorefrontProductFactory(product=milk, price=Decimal(10))


def left(lot: str, days: float) -> None:
    """As if time had passed: so many days are left to the goods of the lot."""
    label_says(BatchLocation.objects.filter(batch__lot_number=lot), timezone.now() + timedelta(days=days))


def costs(offer: StorefrontProduct) -> Decimal:
    offer.refresh_from_db()
    return offer.effective_price


def running() -> list[tuple[Decimal, str]]:
    return list(Discount.objects.filter(valid_to=None).order_by("pk").values_list("value", "reason"))


def test_it_begins_grows_and_ends_by_itself(milk: Product, offer: StorefrontProduct, house: Site, steps: Any) -> None:
    stocked(milk, house.cool, 4, lot="OLD", expires_in_days=20)
    assert (mark_down(actor=ACTOR), costs(offer)) == (0, 10)

    left("OLD", 10)
    with heard() as events:
        assert mark_down(actor=ACTOR) == 1
    assert (costs(offer), running()) == (8, [(20, "expiring_soon")])
    assert [payload["effective_price"] for payload in events.of("inventory.price.changed")] == ["8"]
    assert mark_down(actor=ACTOR) == 0

    left("OLD", 4.9)
    assert mark_down(actor=ACTOR) == 1
    assert (costs(offer), running()) == (5, [(50, "expiring_soon")])

    promise_order("shop:1", [OrderedLine(milk.pk, Decimal(4))], actor=ACTOR)  # the old goods are spoken for
    stocked(milk, house.cool, 4, lot="NEW", expires_in_days=20)
    with heard() as events:
        assert mark_down(actor=ACTOR) == 1
    assert (costs(offer), running(), mark_down(actor=ACTOR)) == (10, [], 0)
    assert [payload["effective_price"] for payload in events.of("inventory.price.changed")] == ["10"]
    assert list(PriceChange.objects.order_by("pk").values_list("after", flat=True)) == [8, 5, 10]
    assert set(PriceChange.objects.values_list("reason", flat=True)) == {"markdown by freshness"}
    assert_books_balance()


@pytest.mark.parametrize("sold_out", [False, True])
def test_without_sellable_goods_there_is_nothing_to_mark_down(
    milk: Product, offer: StorefrontProduct, house: Site, steps: Any, sold_out: bool
) -> None:
    stocked(milk, house.cool, 4, lot="OLD", expires_in_days=20)
    left("OLD", 4)
    mark_down(actor=ACTOR)
    assert costs(offer) == 5
    if sold_out:
        promise_order("shop:1", [OrderedLine(milk.pk, Decimal(4))], actor=ACTOR)
    else:
        left("OLD", -1)
    assert (mark_down(actor=ACTOR), costs(offer)) == (1, 10)


def test_what_may_not_be_sold_does_not_speak(milk: Product, offer: StorefrontProduct, house: Site, steps: Any) -> None:
    stocked(milk, house.quarantine, 4, lot="DAMAGED", expires_in_days=20)
    stocked(milk, house.cool, 4, lot="FRESH", expires_in_days=20)
    held = stocked(milk, house.cool, 4, lot="HELD", expires_in_days=20)
    left("DAMAGED", 1)
    left("HELD", 1)
    BatchLocation.objects.filter(pk=held.pk).update(blocked_reason="held")
    assert mark_down(actor=ACTOR) == 0
    Warehouse.objects.update(is_active=False)
    left("FRESH", 1)
    assert mark_down(actor=ACTOR) == 0
    Warehouse.objects.update(is_active=True)
    Product.objects.update(min_remaining_days=2)
    assert mark_down(actor=ACTOR) == 0
    Product.objects.update(min_remaining_days=0)
    assert mark_down(actor=ACTOR) == 1


def test_a_product_that_leaves_by_receipt_is_judged_by_what_was_received_first(
    milk: Product, offer: StorefrontProduct, house: Site, steps: Any
) -> None:
    stocked(milk, house.cool, 4, lot="FIRST", expires_in_days=20)
    stocked(milk, house.cool, 4, lot="SECOND", expires_in_days=20)
    left("SECOND", 1)
    Product.objects.update(rotation="fifo")
    assert mark_down(actor=ACTOR) == 0
    Product.objects.update(rotation="fefo")
    assert mark_down(actor=ACTOR) == 1


@pytest.mark.parametrize(
    ("lot", "change", "days", "percent"),
    [
        ("its label is longer than the shelf life", {"batch__label_life": timedelta(days=40)}, 19, 20),
        ("its label speaks of another condition", {"batch__label_condition": "ambient", "batch__label_life": timedelta(days=40)}, 19, None),
        ("frozen", {"clock_condition": "frozen"}, 51, None),
        ("frozen long ago", {"clock_condition": "frozen"}, 24, 50),
        ("opened", {"phase": "opened"}, 4, 50),
        ("where nothing is known: the label", {"clock_condition": "", "batch__label_life": timedelta(days=8)}, 4, 20),
        ("where there is no label: since the receipt", {"clock_condition": "", "batch__label_life": None}, 1, 50),
        ("undated", {"effective_expires_at": None}, None, None),
    ],
)
def test_the_whole_life(
    milk: Product, offer: StorefrontProduct, house: Site, steps: Any, lot: str, change: dict[str, Any], days: int | None, percent: int | None
) -> None:
    place = stocked(milk, house.cool, 4, lot=lot, expires_in_days=20)
    received = timezone.now() - timedelta(days=3, minutes=1)
    if days is not None:
        left(lot, days)
    batch = {name.removeprefix("batch__"): value for name, value in change.items() if name.startswith("batch__")}
    Batch.objects.filter(pk=place.batch_id).update(label_condition="chilled")
    if batch:
        Batch.objects.filter(pk=place.batch_id).update(**batch)
    own = {name: value for name, value in change.items() if not name.startswith("batch__")}
    BatchLocation.objects.filter(pk=place.pk).update(received_at=received, **own)
    assert [due.percent for due in markdowns_due()] == ([] if percent is None else [percent])


def test_a_storefronts_own_steps_add_to_those_of_all(milk: Product, offer: StorefrontProduct, house: Site, steps: Any) -> None:
    eager = StorefrontProductFactory(product=milk, price=Decimal(10), storefront=StorefrontFactory())
    own = create_markdown_step({"storefront_id": eager.storefront_id, "freshness_percent": 75, "discount_percent": 30}, actor=ACTOR)
    stocked(milk, house.cool, 4, lot="OLD", expires_in_days=20)
    left("OLD", 9)
    assert mark_down(actor=ACTOR) == 2
    assert (costs(offer), costs(eager)) == (8, 7)
    change_markdown_step(own.pk, {"discount_percent": 10}, actor=ACTOR)
    assert mark_down(actor=ACTOR) == 1
    assert (costs(offer), costs(eager)) == (8, 8)
    for step in MarkdownStep.objects.all():
        delete_markdown_step(step.pk, actor=ACTOR)
    assert mark_down(actor=ACTOR) == 2
    assert (costs(offer), costs(eager), running()) == (10, 10, [])


def test_beside_a_discount_of_a_person(milk: Product, offer: StorefrontProduct, house: Site, steps: Any) -> None:
    stocked(milk, house.cool, 4, lot="OLD", expires_in_days=20)
    left("OLD", 9)
    apply_discount(listing_ids=[offer.pk], kind="percent", value=Decimal(40), reason="expiring_soon", actor=ACTOR)
    mark_down(actor=ACTOR)
    assert costs(offer) == 6
    left("OLD", 4)
    mark_down(actor=ACTOR)
    assert costs(offer) == 5
    with pytest.raises(Conflict, match="ends by itself"):
        end_discount(Discount.objects.get(automatic=True, valid_to=None).pk, actor=ACTOR)
    left("OLD", 19)
    mark_down(actor=ACTOR)
    assert costs(offer) == 6


def test_the_same_step_twice_is_refused(steps: Any) -> None:
    with pytest.raises(Conflict):
        create_markdown_step({"freshness_percent": 50, "discount_percent": 30}, actor=ACTOR)


@pytest.mark.parametrize("many", [1, 25])
def test_statements_do_not_grow(house: Site, steps: Any, many: int) -> None:
    for _ in range(many):
        product = ProductFactory(lives={"chilled": 20})
        StorefrontProductFactory(product=product, price=Decimal(10))
        stocked(product, house.cool, 1, expires_in_days=20)
    BatchLocation.objects.update(effective_expires_at=timezone.now() + timedelta(days=9))
    with CaptureQueriesContext(connection) as queries:
        assert mark_down(actor=ACTOR) == many
    assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) == 6
    assert set(StorefrontProduct.objects.values_list("effective_price", flat=True)) == {8}
