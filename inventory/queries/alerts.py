"""What somebody should look at now, kind by kind: the causes as the database has them, put into words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from inventory.enums import AlertKind, ReservationStatus, Severity, StockStatus
from inventory.models import Reservation, Stock
from inventory.queries.freshness import LIFE, SHARE_LEFT
from warehouse.core.quantities import ZERO, plain

_LOTS = f"""
    SELECT bl.batch_id, bl.warehouse_id, bl.product_id, p.sku, b.lot_number, w.code, w.time_zone, bl.quantity, b.purchase_price, b.currency,
           bl.effective_expires_at, bl.effective_expires_at - p.min_remaining_days * interval '1 day', life.whole, {SHARE_LEFT} * 100
    FROM inventory_batchlocation bl
    JOIN inventory_batch b ON b.id = bl.batch_id
    JOIN inventory_product p ON p.id = bl.product_id
    JOIN inventory_warehouse w ON w.id = bl.warehouse_id
    {LIFE}
    WHERE bl.has_stock AND {{which}}
    ORDER BY bl.batch_id, bl.warehouse_id, bl.effective_expires_at, bl.id
"""
_EXPIRED = _LOTS.format(which="bl.effective_expires_at <= %(at)s::timestamptz")
_EXPIRING = _LOTS.format(
    which="""bl.effective_expires_at > %(at)s::timestamptz AND bl.blocked_reason <> 'recalled'
          AND (bl.effective_expires_at - p.min_remaining_days * interval '1 day' <= %(at)s::timestamptz + %(days)s * interval '1 day'"""
    + f" OR {SHARE_LEFT} * 100 <= %(freshness)s)"
)


@dataclass(frozen=True, slots=True)
class AlertDraft:
    """A cause that is there now. `subject` is the cause's key within its kind."""

    subject: str
    severity: Severity
    message: str
    data: dict[str, Any] = field(default_factory=dict)
    warehouse_id: int | None = None
    product_id: int | None = None


class _Lot(NamedTuple):
    """Goods of a lot in a place. Times: when they expire, and when they are too short dated to be sold."""

    batch_id: int
    warehouse_id: int
    product_id: int
    sku: str
    lot_number: str
    warehouse: str
    time_zone: str
    quantity: Decimal
    purchase_price: Decimal
    currency: str
    expires_at: datetime
    sold_until: datetime
    life: timedelta
    percent_left: Decimal | None


def current_causes(kind: AlertKind, stock_ids: Iterable[int] | None = None) -> list[AlertDraft]:
    """What there is of a kind now. `stock_ids` narrows the kinds that speak of totals. One statement, no locks."""
    if kind in _OF_STOCK:
        return _stock(kind, stock_ids)
    return _OTHERS[kind]()


def stock_subject(stock_id: int) -> str:
    return f"stock:{stock_id}"


def _expired() -> list[AlertDraft]:
    return [
        AlertDraft(
            f"batch:{lots[0].batch_id}:warehouse:{lots[0].warehouse_id}",
            Severity.CRITICAL,
            f"{_named(lots)} expired on {_day(lots[0], lots[0].expires_at)}: take it off the shelf and write it off.",
            _facts(lots),
            lots[0].warehouse_id,
            lots[0].product_id,
        )
        for lots in _lots(_EXPIRED, {"at": timezone.now()})
    ]


def _expiring() -> list[AlertDraft]:
    """One alert per lot and site, for the nearest step that it has reached; a nearer step is another subject, so it is told again.

    A step by days counts for goods whose whole life is longer than it: what keeps for five days is not `expiring within seven` on arrival.
    """
    now = timezone.now()
    steps = sorted(settings.ALERT_EXPIRING_DAYS)
    limits = {"at": now, "days": max(steps, default=-100_000), "freshness": settings.ALERT_EXPIRING_FRESHNESS}
    drafts = []
    for lots in _lots(_EXPIRING, limits):
        first = lots[0]
        reached = [days for days in steps if first.sold_until <= now + timedelta(days=days) and timedelta(days=days) < first.life]
        if reached:
            step, severity = f"{reached[0]}d", Severity.CRITICAL if reached[0] == steps[0] else Severity.WARNING
            told = f"within {reached[0]} days" if reached[0] != 1 else "within a day"
        elif first.percent_left is not None and first.percent_left <= settings.ALERT_EXPIRING_FRESHNESS:
            step, severity = f"{settings.ALERT_EXPIRING_FRESHNESS}%", Severity.INFO
            told = f"{int(first.percent_left)} % of its life left"
        else:
            continue
        message = f"{_named(lots)} keeps until {_day(first, first.expires_at)} {_sold(first, told, now)}."
        subject = f"batch:{first.batch_id}:warehouse:{first.warehouse_id}:{step}"
        drafts.append(AlertDraft(subject, severity, message, _facts(lots) | {"step": step}, first.warehouse_id, first.product_id))
    return drafts


def _stock(kind: AlertKind, stock_ids: Iterable[int] | None) -> list[AlertDraft]:
    status, severity, told = _OF_STOCK[kind]
    rows = Stock.objects.filter(status=status, product__is_active=True, warehouse__is_active=True).select_related("product", "warehouse")
    if stock_ids is not None:
        rows = rows.filter(pk__in=set(stock_ids))
    return [
        AlertDraft(
            stock_subject(row.pk),
            severity,
            f"{row.product.sku} in {row.warehouse.code} is {told}: {plain(row.available)} available, low at {plain(row.low_stock_threshold)}.",
            {"sku": row.product.sku, "warehouse": row.warehouse.code, "available": plain(row.available)},
            row.warehouse_id,
            row.product_id,
        )
        for row in rows.order_by("pk")
    ]


def overdue_reservations() -> QuerySet[Reservation]:
    """Promises past their time by more than the setting ALERT_OVERDUE_MINUTES that still hold goods."""
    limit = timezone.now() - timedelta(minutes=settings.ALERT_OVERDUE_MINUTES)
    return Reservation.objects.filter(status=ReservationStatus.ACTIVE, expires_at__lt=limit, started_at=None)


def _overdue() -> list[AlertDraft]:
    """Promises past their time that still hold goods: the job that releases them does not run, or can't."""
    minutes = settings.ALERT_OVERDUE_MINUTES
    return [
        AlertDraft(
            f"reservation:{row.pk}",
            Severity.CRITICAL,
            f"The reservation for {row.order_ref} in {row.warehouse.code} expired more than {minutes} minutes ago and still holds goods.",
            {"order_ref": row.order_ref, "expires_at": row.expires_at.isoformat() if row.expires_at else None},
            row.warehouse_id,
        )
        for row in overdue_reservations().select_related("warehouse").order_by("pk")
    ]


_OF_STOCK = {
    AlertKind.LOW_STOCK: (StockStatus.LOW_STOCK, Severity.WARNING, "low"),
    AlertKind.OUT_OF_STOCK: (StockStatus.OUT_OF_STOCK, Severity.CRITICAL, "out of stock"),
}
_OTHERS: dict[AlertKind, Callable[[], list[AlertDraft]]] = {
    AlertKind.EXPIRED: _expired,
    AlertKind.EXPIRING: _expiring,
    AlertKind.RESERVATION_OVERDUE: _overdue,
}


def _lots(statement: str, values: dict[str, Any]) -> list[list[_Lot]]:
    """The goods found, those of one lot in one site together, what expires first at the head."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = [_Lot(*row) for row in cursor.fetchall()]
    return [list(lots) for _, lots in groupby(rows, key=lambda lot: (lot.batch_id, lot.warehouse_id))]


def _named(lots: Sequence[_Lot]) -> str:
    return f"{plain(_quantity(lots))} of {lots[0].sku} lot {lots[0].lot_number} in {lots[0].warehouse}"


def _day(lot: _Lot, end: datetime) -> str:
    """The last day before the moment, as a label has it: it ends with the day, in the site's time zone."""
    last = end.astimezone(ZoneInfo(lot.time_zone)) - timedelta(microseconds=1)
    return f"{last:%Y-%m-%d}"


def _sold(lot: _Lot, told: str, now: datetime) -> str:
    """Until when it is sold, where the product must keep for some days when it ships."""
    if lot.sold_until == lot.expires_at:
        return f"({told})"
    if lot.sold_until <= now:
        return "and is too short dated to be sold"
    return f"and is sold until {_day(lot, lot.sold_until)} ({told})"


def _quantity(lots: Sequence[_Lot]) -> Decimal:
    return sum((lot.quantity for lot in lots), ZERO)


def _facts(lots: Sequence[_Lot]) -> dict[str, Any]:
    first = lots[0]
    value = sum((lot.quantity * lot.purchase_price for lot in lots), ZERO)
    return {
        "sku": first.sku,
        "lot": first.lot_number,
        "warehouse": first.warehouse,
        "quantity": plain(_quantity(lots)),
        "value": plain(round(value, 2)),
        "currency": first.currency,
        "expires_at": first.expires_at.isoformat(),
    }
