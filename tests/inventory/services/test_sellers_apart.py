"""What one seller does in its sites leaves the pages of another seller's storefront alone."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group

from inventory.models import MarkdownStep, Product, Seller, StorefrontProduct
from inventory.orchestrator import Finding, ReceivingLine, ReturnLine, SaleLine, complete_return, create_return, inspect_return, place_stock
from inventory.orchestrator import process_offline_sale as sell
from inventory.services.markdowns import mark_down
from inventory.services.storefronts import copy_stock
from tests.factories.inventory import ACTOR, ProductFactory, SellerFactory, Site, StorefrontFactory, StorefrontProductFactory, site, stocked
from tests.factories.office import clerk
from warehouse.accounts.models import User
from warehouse.core.actor import Actor, Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def sellers() -> tuple[Seller, Seller]:
    return SellerFactory(), SellerFactory()


@pytest.fixture
def shop(sellers: tuple[Seller, Seller]) -> Site:
    return site(code="A", seller=sellers[0])


@pytest.fixture
def goods() -> Product:
    return ProductFactory(lives={"ambient": 100})


@pytest.fixture
def pages(sellers: tuple[Seller, Seller], goods: Product) -> list[StorefrontProduct]:
    """Of the shop's own seller, of another one, and of a storefront that sells everybody's goods."""
    prices = {"purchase_price": Decimal(10), "price": Decimal(20), "markup_percent": Decimal(100)}
    return [StorefrontProductFactory(product=goods, storefront=StorefrontFactory(seller=seller), **prices) for seller in (*sellers, None)]


def prices(pages: list[StorefrontProduct]) -> list[Decimal]:
    for page in pages:
        page.refresh_from_db()
    return [page.effective_price for page in pages]


def test_prices_follow_the_deliveries_of_ones_own_sites(shop: Site, goods: Product, pages: list[StorefrontProduct]) -> None:
    line = ReceivingLine(goods.pk, Decimal(1), location_id=shop.shelf.pk, purchase_price=Decimal("0.05"))
    place_stock(warehouse_id=shop.id, line=line, actor=ACTOR)
    assert prices(pages) == [Decimal("0.10"), 20, Decimal("0.10")]


def test_markdowns_follow_the_freshness_of_ones_own_goods(
    shop: Site, goods: Product, pages: list[StorefrontProduct], sellers: tuple[Seller, Seller]
) -> None:
    MarkdownStep.objects.create(freshness_percent=20, discount_percent=50)
    stocked(goods, shop.shelf, 5, lot="OLD", expires_in_days=5)
    stocked(goods, site(code="B", seller=sellers[1]).shelf, 5, lot="NEW", expires_in_days=99)
    mark_down(actor=ACTOR)
    assert prices(pages) == [10, 20, 10]


def test_figures_are_those_of_ones_own_sites(shop: Site, goods: Product, pages: list[StorefrontProduct], sellers: tuple[Seller, Seller]) -> None:
    stocked(goods, shop.shelf, 5)
    stocked(goods, site(code="B", seller=sellers[1]).shelf, 3)
    stocked(goods, site(code="C").shelf, 1)
    copy_stock([goods.pk])
    prices(pages)
    assert [page.stock_quantity for page in pages] == [6, 4, 9]


def test_a_returned_item_is_discounted_where_it_is_sold(shop: Site, goods: Product, pages: list[StorefrontProduct]) -> None:
    stocked(goods, shop.shelf, 5, expires_in_days=60)
    sale = sell(warehouse_id=shop.id, lines=[SaleLine(goods.pk, Decimal(1))], receipt_number="1", actor=ACTOR)
    paper = create_return(
        warehouse_id=shop.id, order_ref=sale.order_ref, location_id=shop.shelf.pk, lines=[ReturnLine(goods.pk, Decimal(1))], actor=ACTOR
    )
    finding = Finding(paper.items.get().pk, "intact", "return_with_discount", discount_percent=Decimal(25))
    inspect_return(paper.pk, findings=[finding], actor=ACTOR)
    complete_return(paper.pk, actor=ACTOR)
    assert prices(pages) == [15, 20, 15]


def test_a_seller_is_nothing_but_a_seller() -> None:
    user: User = clerk(Role.SELLER, Role.RECEIVER)
    assert Actor.of_user(user).roles == {Role.SELLER}
    user.groups.add(Group.objects.get(name=Role.MANAGER))
    assert Role.MANAGER in Actor.of_user(user).roles
