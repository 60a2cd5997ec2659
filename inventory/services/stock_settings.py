"""What people set on a Stock row."""

from __future__ import annotations

from decimal import Decimal

from django.db import connection

from inventory.locks import lock_stock_settings
from inventory.models import Stock
from inventory.models.stock import status_sql
from warehouse.core.actor import Actor
from warehouse.core.errors import StaleVersion, ValidationFailed
from warehouse.core.transactions import operation

_SET = f"""
    UPDATE inventory_stock s
    SET low_stock_threshold = %(threshold)s, status = {status_sql("s.available", "%(threshold)s")}, settings_version = s.settings_version + 1
    WHERE s.id = %(id)s
"""


@operation()
def set_low_stock_threshold(stock_id: int, threshold: Decimal, *, actor: Actor, expected_version: int | None = None) -> Stock:
    """Say below what a product counts as low in a warehouse. Locks the Stock row; `expected_version` is that of its settings, not of its quantities.

    The status follows at once; no event is sent, for what is available has not changed. Raises ValidationFailed for less than nothing, StaleVersion.
    """
    if threshold < 0:
        raise ValidationFailed("A threshold is zero or more.", errors=[{"field": "low_stock_threshold", "code": "too_small"}])
    stock = lock_stock_settings(stock_id)
    if expected_version is not None and stock.settings_version != expected_version:
        raise StaleVersion(
            "The settings were changed meanwhile. Read them again and repeat.", version=stock.settings_version, expected=expected_version
        )
    with connection.cursor() as cursor:
        cursor.execute(_SET, {"id": stock.pk, "threshold": threshold})
    stock.refresh_from_db()
    return stock
