"""The figures that storefronts show follow the stock events."""

from __future__ import annotations

from decimal import Decimal

import pytest

from inventory.orchestrator import OrderedLine, promise_order
from inventory.subscribers import follow_stock
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontProductFactory, site, stocked
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db


def test_they_show_what_is_available_over_all_active_sites(house: Site) -> None:
    second, closed = site(), site(is_active=False)
    milk = ProductFactory()
    pages = [StorefrontProductFactory(product=milk) for _ in range(2)]
    stocked(milk, house.shelf, 5)
    stocked(milk, second.shelf, 4)
    stocked(milk, second.quarantine, 9)
    closed.warehouse.is_active = True
    closed.warehouse.save()
    stocked(milk, closed.shelf, 100)
    closed.warehouse.is_active = False
    closed.warehouse.save()
    promise_order("shop:1", [OrderedLine(milk.pk, Decimal(2))], actor=ACTOR)

    follow_stock(list(OutboxEvent.objects.filter(type="stock.changed")))

    for page in pages:
        page.refresh_from_db()
        assert page.stock_quantity == 7
