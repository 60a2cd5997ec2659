"""What time alone does to stock: goods that have become too short dated leave the figures of what is for sale, and come back when they are fit again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from django.db.models import DurationField, ExpressionWrapper, F, Max, Q, QuerySet, Value
from django.utils import timezone

from inventory.enums import BatchStatus, BlockedReason
from inventory.models import BatchLocation, Product
from inventory.stock.gate import StockKey, lock_stock
from inventory.stock.post import Header, block
from warehouse.core.actor import Actor
from warehouse.core.jobs import in_parts, one_by_one
from warehouse.core.transactions import operation

AT_ONCE = 200


def expire_stock(*, actor: Actor) -> int:
    """The job that follows the clock: blocks what has become unfit by time and frees what is fit again, some products at a time, each lot of them in
    its own transaction.

    Reads without locks what is to change and lets `judge_by_time` judge again behind the gates. Returns how many BatchLocations it changed. A lot of
    products that is busy stays for the next run and does not keep the others waiting.
    """
    names = ("warehouse_id", "product_id")
    # A bound that knows no product: the index by date finds the few that may be due, whose products are then asked.
    longest = Product.objects.aggregate(days=Max("min_remaining_days"))["days"] or 0
    due = _due().filter(effective_expires_at__lte=timezone.now() + timedelta(days=longest))
    keys = sorted(StockKey(*key) for key in due.values_list(*names).union(_fit_again().values_list(*names)))
    return one_by_one(partial(judge_by_time, actor=actor), in_parts(keys, AT_ONCE), told="judge goods by time")


@operation()
def judge_by_time(keys: Sequence[StockKey], *, actor: Actor) -> int:
    """Block what is too short dated of these products, free what was blocked for that and is fit again, and count both.

    Takes the gates; emits stock.changed, stock.low, stock.out.
    """
    lock_stock(keys)
    wanted = set(keys)
    here = Q(warehouse__in={key.warehouse_id for key in keys}, product__in={key.product_id for key in keys})
    names = ("pk", "warehouse_id", "product_id", "blocked_reason")
    rows = _due().filter(here).values_list(*names).union(_fit_again().filter(here).values_list(*names))
    other = {BlockedReason.NONE: BlockedReason.EXPIRED, BlockedReason.EXPIRED: BlockedReason.NONE}
    reasons = {pk: other[BlockedReason(now)].value for pk, warehouse, product, now in rows if StockKey(warehouse, product) in wanted}
    block(reasons, Header(actor=actor))
    return len(reasons)


def _must_be_left() -> ExpressionWrapper:
    """The life that the product must have left when it ships."""
    return ExpressionWrapper(F("product__min_remaining_days") * Value(timedelta(days=1)), output_field=DurationField())


def _due() -> QuerySet[BatchLocation]:
    """Goods for sale that are not fit any more."""
    return BatchLocation.objects.filter(has_stock=True, blocked_reason=BlockedReason.NONE, effective_expires_at__lte=timezone.now() + _must_be_left())


def _fit_again() -> QuerySet[BatchLocation]:
    """Goods that only their date kept from sale, and it does not any more."""
    in_time = Q(effective_expires_at=None) | Q(effective_expires_at__gt=timezone.now() + _must_be_left())
    blocked = BatchLocation.objects.filter(has_stock=True, blocked_reason=BlockedReason.EXPIRED)
    return blocked.filter(in_time, batch__status=BatchStatus.AVAILABLE, location__is_pickable=True, location__is_active=True)
