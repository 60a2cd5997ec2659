"""A promise at the back office: why these goods, in words."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.utils import timezone

from inventory.models import BatchLocation, Reservation
from inventory.orchestrator import OrderedLine, promise_order, reallocate_item, reserve_for_order
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.factories.office import office, page
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


def explanation(row: Reservation) -> str:
    """The text of the explanation, one space between its words."""
    html = office(Role.VIEWER).get(page(row)).content.decode()
    parts = re.findall(r'<section class="explained">(.*?)</section>', html, re.DOTALL)
    return " | ".join(" ".join(unescape(re.sub("<[^>]*>", " ", part)).split()) for part in parts)


def test_why_these_goods(house: Site) -> None:
    milk = ProductFactory(sku="MILK")
    for lot, days in (("L3", 3), ("L10", 10), ("L30", 30)):
        stocked(milk, house.shelf, 5, lot=lot, expires_in_days=days)
    line = OrderedLine(milk.pk, Decimal(2), min_remaining_days=5)
    promised = reserve_for_order("shop:1", [line], warehouse_id=house.id, actor=ACTOR, ttl=timedelta(minutes=5))
    row = Reservation.objects.get()

    text = explanation(row)

    assert text.startswith("MILK: 2 asked First expired, first out; 3 looked at. Judged for shipping on ")
    assert "with 5 days left then." in text
    assert re.search(r"L10 A-01 took 2 expires \S", text)
    assert re.search(r"L3 A-01 passed over: expires \S+ \S+ UTC, too early 5 free$", text)

    other = BatchLocation.objects.get(batch__lot_number="L30")
    reallocate_item(promised.items[0].id, other.pk, reason="<b>The carton</b> is open", actor=ACTOR)
    promise_order("shop:1", [OrderedLine(milk.pk, Decimal(2), min_remaining_days=8)], ship_at=timezone.now(), actor=ACTOR)
    _, override, adopted = explanation(row).split(" | ")
    assert override == (
        "MILK: other goods by tests, because: <b>The carton</b> is open Instead of lot L10 in A-01. Lot Place What became of it L30 A-01 took 2"
    )
    assert adopted.startswith("MILK: the confirmed order asked for more than the checkout Judged for shipping on ")


def test_nothing_is_explained(house: Site) -> None:
    row = Reservation.objects.create(order_ref="old:1", warehouse=house.warehouse)

    assert "No explanation is kept." in office(Role.VIEWER).get(page(row)).content.decode()
