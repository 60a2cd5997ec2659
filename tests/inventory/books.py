"""The invariants, asked of the real reconciliation."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction

from inventory.models import Stock
from inventory.queries.reconciliation import everything_that_disagrees


def assert_books_balance() -> None:
    with transaction.atomic():
        assert everything_that_disagrees() == []


def totals(product_id: int, warehouse_id: int) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """quantity, reserved, blocked, available."""
    return Stock.objects.values_list("quantity", "reserved", "blocked", "available").get(product=product_id, warehouse=warehouse_id)
