"""What time alone does to stock: goods that have become too short dated leave the figures of what is for sale."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import DurationField, ExpressionWrapper, F, QuerySet, Value
from django.utils import timezone

from inventory.enums import BlockedReason
from inventory.models import BatchLocation
from inventory.stock.gate import StockKey, lock_stock
from inventory.stock.post import Header, block
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict
from warehouse.core.transactions import operation

logger = logging.getLogger(__name__)

AT_ONCE = 200


def expire_stock(*, actor: Actor) -> int:
    """The job that follows the clock: blocks what has become unfit by time, some products at a time, each lot of them in its own transaction.

    Reads without locks what is due and lets `block_expired` judge again behind the gates. Returns how many BatchLocations it blocked. A lot of products
    that is busy stays for the next run and does not keep the others waiting.
    """
    keys = [StockKey(*key) for key in _due().order_by("warehouse_id", "product_id").values_list("warehouse_id", "product_id").distinct()]
    blocked = 0
    for start in range(0, len(keys), AT_ONCE):
        lot = keys[start : start + AT_ONCE]
        try:
            blocked += block_expired(lot, actor=actor)
        except Conflict as error:
            logger.warning("%s products from %s on not judged now: %s", len(lot), lot[0], error.detail)
    return blocked


@operation()
def block_expired(keys: Sequence[StockKey], *, actor: Actor) -> int:
    """Block what is too short dated of these products, and count it. Takes the gates; emits stock.changed, stock.low, stock.out."""
    lock_stock(keys)
    due = _due().filter(warehouse__in={key.warehouse_id for key in keys}, product__in={key.product_id for key in keys})
    wanted = set(keys)
    rows = due.values_list("pk", "warehouse_id", "product_id")
    reasons = {pk: BlockedReason.EXPIRED.value for pk, *key in rows if StockKey(*key) in wanted}
    block(reasons, Header(actor=actor))
    return len(reasons)


def _due() -> QuerySet[BatchLocation]:
    """Goods for sale that are not fit any more: they expire within the days that the product must have left when it ships."""
    days = ExpressionWrapper(F("product__min_remaining_days") * Value(timedelta(days=1)), output_field=DurationField())
    return BatchLocation.objects.filter(has_stock=True, blocked_reason=BlockedReason.NONE, effective_expires_at__lte=timezone.now() + days)
