"""Orders of others sold and taken back: what tests of such orders share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from inventory.models import BatchLocation, Movement, Product
from inventory.orchestrator import CameBack, OrderedLine, return_sold, sell_for_order
from tests.factories.inventory import ACTOR

REF = "allegro:1"


def sell(*lines: tuple[Product, int | str], ref: str = REF, **more: Any) -> list[int]:
    return sell_for_order(ref, [OrderedLine(product.pk, Decimal(quantity), **more) for product, quantity in lines], actor=ACTOR)


def back(*lines: tuple[Product, int | str], ref: str = REF) -> list[tuple[str, str, Decimal]]:
    """Without lines: all. What came back, as (lot, why not for sale, quantity)."""
    asked = {product.pk: Decimal(quantity) for product, quantity in lines} or None
    came = return_sold(ref, asked, reason="rolled back", actor=ACTOR)
    return [(_lot(part), part.blocked_reason, part.quantity) for part in came]


def _lot(part: CameBack) -> str:
    return BatchLocation.objects.select_related("batch").get(pk=part.batch_location_id).batch.lot_number


def ledger(*types: str, ref: str = REF) -> list[tuple[Any, ...]]:
    rows = Movement.objects.filter(order_ref=ref, type__in=types).order_by("pk")
    return list(rows.values_list("batch__lot_number", "location__code", "quantity_change", "reserved_change", "document_type", "reason"))


def sold(ref: str = REF) -> list[tuple[str, Decimal]]:
    return [(lot, quantity) for lot, _, quantity, *_ in ledger("sale", ref=ref)]
