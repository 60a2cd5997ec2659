"""Goods sold and brought back: what tests of returns share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from inventory.models import Location, Movement, Product, Return, ReturnItem
from inventory.orchestrator import (
    Finding,
    OrderedLine,
    ReturnLine,
    complete_return,
    consume_reservation,
    create_return,
    inspect_return,
    reserve_for_order,
)
from tests.factories.inventory import ACTOR, Site

REF = "shop:1"
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)


def ship(house: Site, *lines: tuple[Product, int | str], ref: str = REF) -> None:
    """Sell through the real reservation: the goods leave by FEFO."""
    ordered = [OrderedLine(product.pk, Decimal(quantity)) for product, quantity in lines]
    consume_reservation(reserve_for_order(ref, ordered, warehouse_id=house.id, actor=ACTOR).reservation_id, actor=ACTOR)


def line(product: Product, quantity: int | str, **more: Any) -> ReturnLine:
    return ReturnLine(product.pk, Decimal(quantity), **more)


def draft(house: Site, *lines: ReturnLine, ref: str = REF, place: Location | None = None, **more: Any) -> Return:
    return create_return(warehouse_id=house.id, order_ref=ref, location_id=(place or house.cool).pk, lines=lines, actor=ACTOR, **more)


def found(item: ReturnItem, decision: str = "return_to_shelf", condition: str = "intact", **more: Any) -> Finding:
    return Finding(item.pk, condition, decision, **more)


def looked_at(document: Return, **more: Any) -> Return:
    """Every line inspected alike."""
    return inspect_return(document.pk, findings=[found(item, **more) for item in document.items.order_by("pk")], actor=ACTOR)


def returned(house: Site, *lines: ReturnLine, ref: str = REF, place: Location | None = None, **more: Any) -> Return:
    return complete_return(looked_at(draft(house, *lines, ref=ref, place=place), **more).pk, actor=ACTOR)


def ledger(document: Return) -> list[tuple[Any, ...]]:
    rows = Movement.objects.filter(document_type="return", document_id=document.pk).order_by("pk")
    return list(rows.values_list("type", "batch__lot_number", "location__code", "quantity_change", "order_ref"))
