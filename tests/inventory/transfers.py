"""Transfers drafted and sent, and what they did to the books: what tests of transfers share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from inventory.models import BatchLocation, Location, Movement, Product, Transfer
from inventory.orchestrator import TransferLine, create_transfer, send_transfer
from tests.factories.inventory import Site
from warehouse.core.actor import Actor, ActorType, Role

RECEIVER = Actor("rosa", ActorType.EMPLOYEE, frozenset({Role.RECEIVER}))


def draft(house: Site, shop: Site, *lines: TransferLine, **more: Any) -> Transfer:
    return create_transfer(
        source_warehouse_id=house.id,
        target_warehouse_id=shop.id,
        lines=lines,
        actor=RECEIVER,
        **{"target_location_id": shop.cool.pk} | more,
    )


def line(row: BatchLocation, quantity: Any = 4, to: Location | None = None) -> TransferLine:
    return TransferLine(row.pk, Decimal(quantity), to.pk if to else None)


def sent(house: Site, shop: Site, *lines: TransferLine, **more: Any) -> Transfer:
    return send_transfer(draft(house, shop, *lines, **more).pk, actor=RECEIVER)


def ledger(transfer: Transfer) -> list[tuple[Any, ...]]:
    lines = Movement.objects.filter(document_type="transfer", document_id=transfer.pk).order_by("pk")
    return list(lines.values_list("type", "location__warehouse__code", "location__code", "quantity_change", "performed_by"))


def contents(product: Product) -> list[tuple[Any, ...]]:
    rows = BatchLocation.objects.filter(product=product, has_stock=True).order_by("pk")
    return list(rows.values_list("location__warehouse__code", "location__code", "quantity", "blocked_reason"))
