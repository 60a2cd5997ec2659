"""Deliveries drafted, and days on their labels: what tests of receiving share."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from inventory.models import Product, Receiving
from inventory.orchestrator import ReceivingLine, create_receiving
from tests.factories.inventory import ACTOR, Site

TODAY = timezone.now().date


def on(days: int) -> Any:
    return TODAY() + timedelta(days=days)


def draft(house: Site, *lines: ReceivingLine, **more: Any) -> Receiving:
    return create_receiving(warehouse_id=house.id, location_id=house.cool.pk, lines=lines, actor=ACTOR, **more)


def line(product: Product, quantity: int | str = 10, **more: Any) -> ReceivingLine:
    return ReceivingLine(product.pk, Decimal(quantity), **more)
