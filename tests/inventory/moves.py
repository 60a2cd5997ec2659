"""Who moves goods, and what it did to the books: what tests of moving share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from inventory.models import BatchLocation, Movement
from warehouse.core.actor import Actor, ActorType, Role

WORKER = Actor("wim", ActorType.EMPLOYEE, frozenset({Role.RECEIVER}))


def amount(value: Any) -> Decimal:
    return Decimal(value)


def ledger(since: int = 0) -> list[tuple[Any, ...]]:
    lines = Movement.objects.exclude(type="receiving").order_by("pk")
    return list(lines.values_list("type", "location__code", "quantity_change", "reason"))[since:]


def row_of(pk: int) -> BatchLocation:
    return BatchLocation.objects.select_related("batch", "location").get(pk=pk)
