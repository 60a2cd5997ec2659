"""Prices by purchase, by markup and by hand, with their history."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import PriceChange, Product, StorefrontProduct, Warehouse
from inventory.orchestrator import ReceivingLine, confirm_receiving, create_receiving
from inventory.services.discounts import apply_discount, end_discount
from inventory.services.pricing import NewPrice, marked_up, write_prices
from inventory.services.storefronts import change_listing, create_listing
from inventory.services.warehouses import change_warehouse
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontFactory, StorefrontProductFactory, site, stocked
from tests.inventory.books import assert_books_balance
from tests.inventory.events import heard
from warehouse.core.errors import Conflict, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk(db: None) -> Product:
    return ProductFactory(sku="MILK")


def page_of(product: Product, **values: Any) -> StorefrontProduct:
    return StorefrontProductFactory(product=product, **values)


def receive(house: Site, *lines: tuple[Product, int, str], currency: str = "EUR") -> str:
    """Deliver (product, quantity, price); the number of the delivery."""
    wanted = [
        ReceivingLine(product.pk, expected_quantity=Decimal(amount), purchase_price=Decimal(price), currency=currency)
        for product, amount, price in lines
    ]
    draft = create_receiving(warehouse_id=house.id, lines=wanted, location_id=house.shelf.pk, actor=ACTOR)
    confirm_receiving(draft.pk, actor=ACTOR)
    return draft.number


def history(page: StorefrontProduct) -> list[tuple[str, Decimal, Decimal]]:
    return list(PriceChange.objects.filter(storefront_product=page).order_by("pk").values_list("field", "before", "after"))


def prices(page: StorefrontProduct) -> tuple[Decimal, Decimal, Decimal]:
    page.refresh_from_db()
    return page.purchase_price, page.price, page.effective_price


def test_the_last_purchase_price_and_the_markup(milk: Product, house: Site) -> None:
    page = page_of(milk, purchase_price=Decimal(1), price=Decimal("1.30"), markup_percent=Decimal(30))
    by_hand = page_of(milk, price=Decimal(5))
    with heard() as events:
        number = receive(house, (milk, 1, "7"), (milk, 9, "2.4167"))

    assert prices(page) == (Decimal("2.4167"), Decimal("3.14"), Decimal("3.14"))
    assert history(page) == [
        ("purchase_price", 1, Decimal("2.4167")),
        ("price", Decimal("1.30"), Decimal("3.14")),
        ("effective_price", Decimal("1.30"), Decimal("3.14")),
    ]
    assert prices(by_hand) == (Decimal("2.4167"), 5, 5)
    assert history(by_hand) == [("purchase_price", 0, Decimal("2.4167"))]
    assert {change.reason for change in PriceChange.objects.all()} == {f"receiving {number}"}
    assert {change.changed_by for change in PriceChange.objects.all()} == {"tests"}
    assert [(payload["shop_product_id"], payload["price"]) for payload in events.of("inventory.price.changed")] == [(page.pk, "3.14")]
    assert_books_balance()


def test_the_weighted_average(milk: Product, house: Site, settings: LazySettings) -> None:
    settings.PURCHASE_PRICE_POLICY = "weighted_average"
    page = page_of(milk, markup_percent=Decimal(50))
    receive(house, (milk, 10, "1"))
    assert prices(page)[:2] == (1, Decimal("1.50"))
    receive(house, (milk, 5, "2"), (milk, 5, "3"))
    assert prices(page)[:2] == (Decimal("1.75"), Decimal("2.63"))  # (10·1 + 5·2 + 5·3) / 20; 2.625 goes up
    receive(house, (milk, 1, "0"))
    assert prices(page)[0] == Decimal("1.75")
    assert [(before, after) for field, before, after in history(page) if field == "purchase_price"] == [(0, 1), (1, Decimal("1.75"))]


def test_the_same_price_again_is_no_change(milk: Product, house: Site) -> None:
    page = page_of(milk, purchase_price=Decimal(2), price=Decimal(9), markup_percent=Decimal(50))
    with heard() as events:
        receive(house, (milk, 1, "2"))
    assert (prices(page)[1], history(page), events.of("inventory.price.changed")) == (9, [], [])


def test_another_currency_says_nothing(milk: Product, house: Site) -> None:
    page = page_of(milk, purchase_price=Decimal(2))
    receive(house, (milk, 1, "300"), currency="RSD")
    assert (prices(page)[0], history(page)) == (2, [])


def test_a_markup_that_no_column_holds(milk: Product, house: Site) -> None:
    page = page_of(milk, purchase_price=Decimal(1), markup_percent=Decimal(10000))
    with pytest.raises(ValidationFailed, match="too large"):
        receive(house, (milk, 1, "999999999"))
    assert (prices(page)[0], history(page)) == (1, [])


@pytest.mark.parametrize(
    ("purchase", "markup", "price"),
    [("1", "0.5", "1.01"), ("0.99", "0", "0.99"), ("3", "-50", "1.50"), ("1.005", "0", "1.01"), ("2", "33.33", "2.67")],
)
def test_to_the_cent_half_up(purchase: str, markup: str, price: str) -> None:
    assert marked_up(Decimal(purchase), Decimal(markup)) == Decimal(price)


def test_by_hand(milk: Product) -> None:
    page = page_of(milk, price=Decimal(5))
    with heard() as events:
        changed = change_listing(page.pk, {"price": Decimal(6)}, actor=ACTOR)
    assert (changed.price, changed.effective_price) == (6, 6)
    assert history(page) == [("price", 5, 6), ("effective_price", 5, 6)]
    assert PriceChange.objects.latest("pk").reason == "set by hand"
    assert [payload["effective_price"] for payload in events.of("inventory.price.changed")] == ["6"]
    change_listing(page.pk, {"price": Decimal(6), "external_listing_id": "other"}, actor=ACTOR)
    assert len(history(page)) == 2


def test_the_markup_speaks_when_it_or_the_purchase_price_changes(milk: Product, house: Site) -> None:
    page = page_of(milk, purchase_price=Decimal(2), price=Decimal(5))
    assert change_listing(page.pk, {"markup_percent": Decimal(50)}, actor=ACTOR).price == 3
    assert change_listing(page.pk, {"price": Decimal(4)}, actor=ACTOR).price == 4
    assert change_listing(page.pk, {"external_listing_id": "x"}, actor=ACTOR).price == 4
    assert change_listing(page.pk, {"purchase_price": Decimal(10)}, actor=ACTOR).price == 15
    assert change_listing(page.pk, {"markup_percent": None}, actor=ACTOR).price == 15
    assert change_listing(page.pk, {"markup_percent": Decimal(10), "price": Decimal(11)}, actor=ACTOR).price == 11
    with pytest.raises(ValidationFailed, match=r"With a markup of 20 % the price is 12\.00, not 13"):
        change_listing(page.pk, {"markup_percent": Decimal(20), "price": Decimal(13)}, actor=ACTOR)
    assert prices(page) == (10, 11, 11)


def test_a_new_listing(milk: Product, house: Site) -> None:
    stocked(milk, house.shelf, 7)
    values = {"storefront_id": StorefrontFactory().pk, "product_id": milk.pk, "currency": "EUR"}
    ruled = create_listing(values | {"external_listing_id": "1", "purchase_price": Decimal(2), "markup_percent": Decimal(25)}, actor=ACTOR)
    assert (ruled.price, ruled.effective_price, ruled.stock_quantity) == (Decimal("2.50"), Decimal("2.50"), 7)
    assert history(ruled) == [("purchase_price", 0, 2), ("price", 0, Decimal("2.50")), ("effective_price", 0, Decimal("2.50"))]
    unknown = create_listing(values | {"external_listing_id": "2", "price": Decimal(3), "markup_percent": Decimal(25)}, actor=ACTOR)
    assert unknown.price == 3
    with pytest.raises(ValidationFailed, match="Leave out the price"):
        create_listing(
            values | {"external_listing_id": "3", "price": Decimal(3), "purchase_price": Decimal(2), "markup_percent": Decimal(25)}, actor=ACTOR
        )
    assert StorefrontProduct.objects.count() == 2


def test_discounts_follow_the_price(milk: Product, house: Site) -> None:
    page = page_of(milk, purchase_price=Decimal(2), price=Decimal(4), markup_percent=Decimal(100))
    (percent,) = apply_discount(listing_ids=[page.pk], kind="percent", value=Decimal(50), actor=ACTOR)
    (amount,) = apply_discount(listing_ids=[page.pk], kind="fixed", value=Decimal("3.50"), actor=ACTOR)
    assert prices(page)[2] == Decimal("0.50")
    receive(house, (milk, 1, "1"))
    assert prices(page) == (1, 2, 1)  # the amount would use up the price, so it does not count
    receive(house, (milk, 1, "10"))
    assert prices(page) == (10, 20, 10)
    end_discount(percent.pk, actor=ACTOR)
    assert prices(page)[2] == Decimal("16.50")
    with pytest.raises(Conflict, match="Amounts are taken off in EUR"):
        change_listing(page.pk, {"currency": "RSD"}, actor=ACTOR)
    end_discount(amount.pk, actor=ACTOR)
    assert change_listing(page.pk, {"currency": "RSD"}, actor=ACTOR).currency == "RSD"


@pytest.mark.parametrize("many", [1, 30])
def test_statements_do_not_grow(milk: Product, many: int) -> None:
    pages = [page_of(milk, price=Decimal(n + 1)) for n in range(many)]
    apply_discount(product_id=milk.pk, kind="percent", value=Decimal(10), actor=ACTOR)
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        write_prices([NewPrice(page.pk, Decimal(1), Decimal(100)) for page in pages], reason="", actor=ACTOR)
    assert len(queries) == 1
    assert set(StorefrontProduct.objects.values_list("effective_price", flat=True)) == {90}


@pytest.mark.parametrize("many", [1, 12])
def test_a_delivery_prices_its_pages_in_two_statements(house: Site, many: int) -> None:
    products = [ProductFactory() for _ in range(many)]
    for product in products:
        page_of(product, markup_percent=Decimal(10))
    with CaptureQueriesContext(connection) as queries:
        receive(house, *((product, 1, "3") for product in products))
    assert len([query for query in queries if "inventory_storefrontproduct" in query["sql"] and "unnest" not in query["sql"]]) == 1
    assert len([query for query in queries if "inventory_pricechange" in query["sql"]]) == 1
    assert set(StorefrontProduct.objects.values_list("price", flat=True)) == {Decimal("3.30")}


def test_what_a_page_shows_follows_a_site_that_closes_and_opens(milk: Product, house: Site) -> None:
    other = site()
    stocked(milk, house.shelf, 5)
    stocked(milk, other.shelf, 4)
    page = page_of(milk)

    def shown() -> Decimal:
        page.refresh_from_db()
        return page.stock_quantity

    change_warehouse(other.id, {"is_active": False}, actor=ACTOR)
    assert shown() == 5
    change_warehouse(house.id, {"is_active": False}, actor=ACTOR)
    assert shown() == 0
    change_warehouse(house.id, {"is_active": True}, actor=ACTOR)
    assert (shown(), Warehouse.objects.get(pk=house.id).is_active) == (5, True)
    tea = ProductFactory()
    change_listing(page.pk, {"product_id": tea.pk}, actor=ACTOR)
    assert shown() == 0
    change_listing(page.pk, {"product_id": milk.pk}, actor=ACTOR)
    assert shown() == 5


def test_a_running_discount_is_taken_off_the_new_price(milk: Product) -> None:
    page = page_of(milk, price=Decimal(10))
    apply_discount(listing_ids=[page.pk], kind="percent", value=Decimal(10), valid_to=timezone.now() + timedelta(days=1), actor=ACTOR)
    assert change_listing(page.pk, {"price": Decimal(20)}, actor=ACTOR).effective_price == 18
