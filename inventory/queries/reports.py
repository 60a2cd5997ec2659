"""Figures of stock for people: what expires soon, what runs out, what it is worth. Each is one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Case, Count, F, Q, Sum, When
from django.db.models.functions import TruncDate
from django.utils import timezone

from inventory.enums import AlertKind, Severity, StockStatus, WriteOffStatus
from inventory.models import Alert, BatchLocation, Stock, WriteOff
from inventory.queries.stock import get_low_stock, visible_to
from warehouse.core.actor import Actor
from warehouse.core.quantities import ZERO


@dataclass(frozen=True, slots=True)
class ExpiringDay:
    """What expires on a day: places, and its value at purchase prices in one currency."""

    day: date
    currency: str
    places: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class SiteValue:
    """What lies in a site, at purchase prices in one currency."""

    warehouse: str
    currency: str
    value: Decimal


def expiring_by_day(actor: Actor, *, days: int) -> list[ExpiringDay]:
    """What on the shelves expires within so many days (site time), by day and currency; what has expired already counts on the first day."""
    start = _start_of_day(timezone.now())
    rows = visible_to(BatchLocation.objects.all(), actor).filter(has_stock=True, effective_expires_at__lt=start + timedelta(days=days))
    found = (
        rows.annotate(day=TruncDate("effective_expires_at", tzinfo=timezone.get_current_timezone()))
        .values("day", "batch__currency")
        .annotate(places=Count("pk"), value=Sum(F("quantity") * F("batch__purchase_price")))
    )
    today = start.date()
    totals: dict[tuple[date, str], ExpiringDay] = {}
    for row in found:
        key = (max(row["day"], today), row["batch__currency"])
        before = totals.get(key, ExpiringDay(*key, 0, ZERO))
        totals[key] = ExpiringDay(*key, before.places + row["places"], before.value + row["value"])
    return [totals[key] for key in sorted(totals)]


def write_offs_waiting(actor: Actor) -> int:
    """How many write-offs wait for a manager's approval."""
    return visible_to(WriteOff.objects.filter(status=WriteOffStatus.AWAITING_APPROVAL), actor).count()


def stock_alarms(actor: Actor) -> dict[str, int]:
    """How many totals are low, and how many are out."""
    rows = visible_to(Stock.objects.exclude(status=StockStatus.IN_STOCK), actor).order_by()
    counts = dict(rows.values_list("status").annotate(Count("pk")))
    return {status.value: counts.get(status.value, 0) for status in (StockStatus.LOW_STOCK, StockStatus.OUT_OF_STOCK)}


def emptiest_stock(actor: Actor, *, limit: int) -> Sequence[Stock]:
    """Totals at or below their threshold, the emptiest first."""
    return list(visible_to(get_low_stock(), actor)[:limit])


def stock_value(actor: Actor) -> list[SiteValue]:
    """What lies in each site, at the purchase prices of the batches. Reads everything in stock: keep the answer for a while."""
    rows = visible_to(BatchLocation.objects.all(), actor).filter(has_stock=True)
    found = rows.values_list("warehouse__code", "batch__currency").annotate(value=Sum(F("quantity") * F("batch__purchase_price")))
    return [SiteValue(*row) for row in found.order_by("warehouse__code", "batch__currency")]


@dataclass(frozen=True, slots=True)
class OpenAlerts:
    """Alerts whose cause is still there: how many, how many of them are critical, and how many nobody looks after."""

    count: int
    critical: int
    new: int


def open_alerts(actor: Actor) -> OpenAlerts:
    """How many alerts there are for the actor to see."""
    found = visible_to(Alert.objects.filter(resolved_at=None), actor).aggregate(
        count=Count("pk"), critical=Count("pk", filter=Q(severity=Severity.CRITICAL)), new=Count("pk", filter=Q(acknowledged_at=None))
    )
    return OpenAlerts(**found)


def newest_alerts(actor: Actor, *, limit: int) -> Sequence[Alert]:
    """The open alerts that nobody looks after, the gravest and then the newest first."""
    rows = visible_to(Alert.objects.filter(resolved_at=None, acknowledged_at=None), actor).select_related("warehouse")
    gravity = Case(When(severity=Severity.CRITICAL, then=0), When(severity=Severity.WARNING, then=1), default=2)
    return list(rows.order_by(gravity, "-pk")[:limit])


def open_alerts_by_kind() -> dict[str, int]:
    """How many alerts are open, by kind; inventory's own kinds also where there is none."""
    none: dict[str, int] = {kind.value: 0 for kind in AlertKind}
    return none | dict(Alert.objects.filter(resolved_at=None).order_by().values_list("kind").annotate(Count("pk")))


def _start_of_day(moment: datetime) -> datetime:
    return timezone.localtime(moment).replace(hour=0, minute=0, second=0, microsecond=0)
