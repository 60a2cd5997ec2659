"""Finding lots by their numbers; case does not count."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models.functions import Upper

from inventory.models import Batch


def find_lot(product_id: int, lot_number: str) -> Batch | None:
    """The product's lot with this number, if there is one and a number."""
    return Batch.objects.filter(product=product_id, lot_number__iexact=lot_number).first() if lot_number else None


def lot_ids(lots: Iterable[tuple[int, str]]) -> set[int]:
    """The ids of those of these lots that are known, and perhaps of others with the same numbers. One statement."""
    pairs = list(lots)
    rows = Batch.objects.annotate(key=Upper("lot_number")).filter(
        product__in={product for product, _ in pairs}, key__in={number.upper() for _, number in pairs}
    )
    return set(rows.values_list("pk", flat=True)) if pairs else set()
