"""Write-offs drafted, and what goods cost: what tests of write-offs share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from inventory.models import Batch, BatchLocation, WriteOff
from inventory.orchestrator import WriteOffLine, create_write_off
from tests.factories.inventory import ACTOR, Site
from warehouse.core.actor import Actor


def lost(place: BatchLocation, quantity: Any = 1, reason: str = "damaged", note: str = "") -> WriteOffLine:
    return WriteOffLine(place.pk, Decimal(quantity), reason, note)


def draft(house: Site, *lines: WriteOffLine, actor: Actor = ACTOR, **more: Any) -> WriteOff:
    return create_write_off(warehouse_id=house.id, lines=lines, actor=actor, **more)


def priced(place: BatchLocation, price: str, currency: str = "EUR") -> BatchLocation:
    Batch.objects.filter(pk=place.batch_id).update(purchase_price=Decimal(price), currency=currency)
    return place
