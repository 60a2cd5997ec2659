"""Views of stock."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from django.db import connection, transaction

from inventory.enums import LocationKind
from inventory.models import Stock
from inventory.orchestrator import default_location, get_location_stock, get_low_stock, get_product_stock, set_low_stock_threshold
from inventory.queries.stock import visible_to
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, SellerFactory, Site, site, stocked
from warehouse.accounts.models import User
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import NotFound, StaleVersion
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db


def test_what_lies_in_a_place_in_the_order_of_leaving(house: Site) -> None:
    milk = ProductFactory(sku="MILK")
    late, soon, never = (stocked(milk, house.shelf, 1, lot=lot, expires_in_days=days) for lot, days in (("A", 9), ("B", 3), ("C", 6)))

    assert list(get_location_stock(house.shelf.pk)) == [soon, never, late]
    assert list(get_location_stock(house.cool.pk)) == []
    with pytest.raises(NotFound):
        get_location_stock(999_999)


def test_where_a_product_lies_over_all_sites(house: Site) -> None:
    second = site(priority=1)
    milk = ProductFactory()
    here, there = stocked(milk, house.shelf, 1, expires_in_days=1), stocked(milk, second.shelf, 1, expires_in_days=9)

    assert list(get_product_stock(milk.pk)) == [there, here]


def test_what_is_low_the_emptiest_first(house: Site) -> None:
    rows = {}
    for quantity in (3, 1, 9):
        product = ProductFactory()
        stocked(product, house.shelf, quantity)
        rows[quantity] = Stock.objects.get(product=product)

    assert list(get_low_stock()) == [rows[1], rows[3]]


def test_what_is_low_is_found_by_its_index() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # The table is small; whether the index can be used at all is asked.
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = get_low_stock().explain()

    assert re.search(r"stock_by_status.*\n\s+Index Cond: \(\(status\)", plan), plan


def test_a_threshold_changes_the_status_and_says_nothing(house: Site) -> None:
    stocked(ProductFactory(), house.shelf, 8)
    stock = Stock.objects.get()
    events = OutboxEvent.objects.count()

    assert set_low_stock_threshold(stock.pk, Decimal(8), actor=ACTOR, expected_version=1).status == "low_stock"
    assert set_low_stock_threshold(stock.pk, Decimal(7), actor=ACTOR, expected_version=2).status == "in_stock"
    assert OutboxEvent.objects.count() == events
    with pytest.raises(StaleVersion):
        set_low_stock_threshold(stock.pk, Decimal(1), actor=ACTOR, expected_version=2)


def test_goods_that_come_and_go_do_not_make_the_settings_stale(house: Site) -> None:
    milk = ProductFactory()
    stocked(milk, house.shelf, 8)
    stock = Stock.objects.get()
    stocked(milk, house.shelf, 8)

    assert set_low_stock_threshold(stock.pk, Decimal(8), actor=ACTOR, expected_version=stock.settings_version).low_stock_threshold == 8


def test_the_default_place_of_a_kind(house: Site) -> None:
    first = LocationFactory(warehouse=house.warehouse, code="BENCH-0", kind=LocationKind.PACKING, condition="")

    assert default_location(house.id, LocationKind.PACKING) == first.pk
    first.is_active = False
    first.save()
    assert default_location(house.id, LocationKind.PACKING) == house.bench.pk
    with pytest.raises(NotFound, match="has no active shipping dock"):
        default_location(house.id, LocationKind.SHIPPING)


def test_a_seller_sees_only_own_sites(house: Site) -> None:
    own = site(seller=SellerFactory())
    user = User.objects.create_user("jana")
    own.warehouse.seller.members.add(user)
    milk = ProductFactory()
    mine, other = stocked(milk, own.shelf, 1), stocked(milk, house.shelf, 1)

    def seen(*roles: Role) -> set[int]:
        actor = Actor("jana", ActorType.SELLER, frozenset(roles), user.pk)
        return set(visible_to(get_product_stock(milk.pk), actor).values_list("pk", flat=True))

    assert seen(Role.SELLER) == {mine.pk}
    assert seen(Role.SELLER, Role.MANAGER) == seen(Role.VIEWER) == {mine.pk, other.pk}
