"""Whether a scanned code names the place or the goods at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from fulfillment.models import PackingTaskItem, QualityCheckItem
from inventory import orchestrator

Goods = TypeVar("Goods", PackingTaskItem, QualityCheckItem)


def names_place(scan: str, location: Any) -> bool:
    """Whether the code is this location's code or barcode; case does not count."""
    return scan.strip().casefold() in {location.code.casefold(), location.barcode.casefold()}


def names_goods(scan: str, *, product: Any, batch: Any, warehouse_id: int) -> bool:
    """Whether the code is the product's SKU, this batch's lot, a barcode of the product, or a GS1 code of it that names no other lot.

    SKU and lot are compared without asking the database.
    """
    code = scan.strip()
    if not code:
        return False
    if code.casefold() in {product.sku.casefold(), batch.lot_number.casefold()}:
        return True
    found = orchestrator.find_by_scan(code, warehouse_id=warehouse_id)
    return found.product_id == product.pk and (not found.lot_number or found.lot_number == batch.lot_number)


def scanned_goods(scan: str, items: Sequence[Goods], *, warehouse_id: int) -> list[Goods]:
    """The items that the code names: by SKU, lot, barcode or GS1 code. Products and batches must be loaded."""
    code = scan.strip()
    if not code:
        return []
    by_name = [item for item in items if code.casefold() == item.product.sku.casefold()]
    by_lot = [item for item in items if code.casefold() == item.batch.lot_number.casefold()]
    # A lot that two products of this task share names neither.
    if by_name or len({item.product_id for item in by_lot}) == 1:
        return by_name or by_lot
    found = orchestrator.find_by_scan(code, warehouse_id=warehouse_id)
    return [item for item in items if item.product_id == found.product_id and (not found.lot_number or found.lot_number == item.batch.lot_number)]
