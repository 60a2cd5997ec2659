"""The first page of the back office: how the day goes.

The figures are kept for a moment, so that a wall of open dashboards costs one. Each block is shown to those who may see what it counts, with links to the
pages that they may open.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from django.core.cache import cache
from django.db.models import Min
from django.http import HttpRequest
from django.urls import resolve, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.timesince import timesince
from redis.exceptions import RedisError

from fulfillment.enums import OrderStatus
from fulfillment.queries import reports as work
from inventory.queries import reports as stock
from stocksync.enums import OPEN_OPERATIONS
from stocksync.models import Channel, PendingStockOperation
from stocksync.queries.status import sync_status
from warehouse.core.access import may
from warehouse.core.actor import Actor, Role
from warehouse.core.admin import actor_of, plain
from warehouse.core.charts import Chart, bars
from warehouse.outbox.feed import backlog

logger = logging.getLogger(__name__)

FRESH_SECONDS, VALUE_SECONDS = 15, 300
DAYS, HOURS, ROWS = 7, 12, 8

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the first row: what it is, whether it is alarming, and where to look."""

    title: str
    value: str
    note: str
    link: str
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A cell that leads to a row's own page."""

    model: str
    pk: int
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    headers: list[str]
    rows: list[list[Any]]
    empty: str
    link: str

    @property
    def content(self) -> dict[str, Any]:
        return {"headers": self.headers, "rows": self.rows}


@dataclass(slots=True)
class Board:
    """What the page shows."""

    figures: list[Figure] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def add(self, other: Board) -> None:
        self.figures += other.figures
        self.charts += other.charts
        self.tables += other.tables


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's DASHBOARD_CALLBACK: what the signed-in user may see of the work, of stock, and of the machinery."""
    actor = actor_of(request)
    board = Board()
    if may(actor, "view", "fulfillment.order"):
        board.add(kept("work", FRESH_SECONDS, work_board))
    if may(actor, "view", "stocksync.pendingstockoperation"):
        board.add(kept("sync", FRESH_SECONDS, sync_board))
    if may(actor, "view", "inventory.alert"):
        board.add(kept(f"alerts:{_eyes(actor)}", FRESH_SECONDS, lambda: alerts_board(actor)))
    if may(actor, "view", "inventory.stock"):
        board.add(kept(f"stock:{_eyes(actor)}", FRESH_SECONDS, lambda: stock_board(actor)))
    if may(actor, "view", "inventory.writeoff"):
        board.add(kept(f"papers:{_eyes(actor)}", FRESH_SECONDS, lambda: papers_board(actor)))
    if actor.roles & {Role.MANAGER, Role.AUDITOR, Role.VIEWER, Role.SELLER}:
        board.add(kept(f"value:{_eyes(actor)}", VALUE_SECONDS, lambda: value_board(actor)))
    if may(actor, "view", "outbox.outboxevent"):
        board.add(kept("machinery", FRESH_SECONDS, machinery_board))
    return context | {"board": as_seen_by(actor, board), "now": timezone.localtime()}


def as_seen_by(actor: Actor, board: Board) -> Board:
    """The board with those links only that lead the actor somewhere: others see what is counted, without the page behind it."""

    def link(address: str) -> str:
        return address if address and _may_open(actor, resolve(urlsplit(address).path).url_name or "") else ""

    def cell(value: Any) -> Any:
        if not isinstance(value, Row):
            return value
        return _link(value) if _may_open(actor, f"{value.model}_change") else value.text

    return Board(
        [replace(figure, link=link(figure.link)) for figure in board.figures],
        board.charts,
        [replace(table, link=link(table.link), rows=[[cell(value) for value in row] for row in table.rows]) for table in board.tables],
    )


def _may_open(actor: Actor, page: str) -> bool:
    """Whether the actor sees the model of an admin page, by the page's name (`app_model_changelist`)."""
    return may(actor, "view", page.rpartition("_")[0].replace("_", ".", 1))


def kept(name: str, seconds: int, compute: Callable[[], T]) -> T:
    """The value of a moment ago, or a new one. Without Redis it is computed each time."""
    key = f"dashboard:{name}"
    try:
        found = cache.get(key)
        if found is None:
            found = compute()
            cache.set(key, found, seconds)
    except RedisError as error:
        logger.warning("The dashboard is computed anew: no cache (%s)", error)
        found = compute()
    return cast(T, found)


def work_board() -> Board:
    """Orders, picks, late tasks, waybills."""
    today, hours = work.orders_today(), work.picks_per_hour(hours=HOURS)
    stuck = work.orders_for_a_person()
    late_count, late = work.late_tasks(limit=ROWS)
    waybills, put_backs = work.waybills(), work.put_backs_pending()
    troubled = work.troubled_shipments(limit=ROWS)
    labels = {status.value: str(status.label) for status in OrderStatus}
    orders = _list("fulfillment_order")
    return Board(
        figures=[
            Figure("Orders today", str(sum(today.values())), f"{today[OrderStatus.SHIPPED]} of them shipped", orders),
            Figure(
                "Need a person",
                str(sum(stuck.values())),
                f"{stuck[OrderStatus.NEEDS_ATTENTION]} need attention, {stuck[OrderStatus.REJECTED]} rejected",
                f"{orders}?waits_for=person",
                alarm=bool(sum(stuck.values())),
            ),
            Figure("Picks this hour", str(list(hours.values())[-1]), f"{sum(hours.values())} in {HOURS} hours", _list("fulfillment_pickingtask")),
            Figure("Late tasks", str(late_count), "the time to ship has passed", _list("fulfillment_pickingtask"), alarm=late_count > 0),
            Figure(
                "Waiting for the carrier",
                str(waybills.waiting),
                f"{waybills.failing} failing, {waybills.stopped} given up, {waybills.ready} to hand over",
                f"{_list('fulfillment_shipment')}?waybill=waiting",
                alarm=waybills.failing + waybills.stopped > 0,
            ),
            Figure("To put back", str(put_backs), "goods of cancelled orders", f"{_list('fulfillment_putback')}?status__exact=pending"),
        ],
        charts=[
            bars("Orders today by state", {"orders": {labels[state]: count for state, count in today.items()}}, sideways=True),
            bars("Picks per hour", {"picks": {f"{hour:%H}:00": count for hour, count in hours.items()}}),
        ],
        tables=[
            Table("Late", ["task", "order", "site", "who", "late by"], [_late_row(row) for row in late], "Nothing is late.", ""),
            Table(
                "Shipments in trouble",
                ["shipment", "order", "carrier", "attempts", "problem"],
                [
                    [Row("fulfillment_shipment", row.pk, row.number), str(row.order), str(row.provider), row.attempts, row.last_error[:80]]
                    for row in troubled
                ],
                "Every carrier answers.",
                f"{_list('fulfillment_shipment')}?waybill=failing",
            ),
        ],
    )


def sync_board() -> Board:
    """Whether the marketplaces know what is sold, and what waits for a person; nothing without a channel."""
    if not Channel.objects.exists():
        return Board()
    status = sync_status()
    told, queue = status.statistics, _list("stocksync_pendingstockoperation")
    oldest = PendingStockOperation.objects.filter(status__in=sorted(OPEN_OPERATIONS)).aggregate(oldest=Min("created_at"))["oldest"]
    return Board(
        figures=[
            Figure(
                "Marketplaces",
                status.status,
                Truncator(" ".join(status.problems)).chars(110) if status.problems else "both sides are alike",
                _list("stocksync_channel"),
                alarm=status.status != "healthy",
            ),
            Figure(
                "To be told",
                str(told.pending_operations + told.processing_operations),
                f"the oldest for {timesince(oldest, depth=1)}" if oldest else "the marketplaces know everything",
                f"{queue}?due=open",
                alarm=told.stale_operations > 0,
            ),
            Figure(
                "Not taken by them",
                str(told.failed_operations),
                "after all tries: a person has to look",
                f"{queue}?status__exact=failed",
                alarm=told.failed_operations > 0,
            ),
            Figure(
                "Discrepancies",
                str(told.manual_reviews),
                f"in {told.open_discrepancies} of them the two sides differ",
                f"{_list('stocksync_discrepancy')}?state=open",
                alarm=told.manual_reviews > 0,
            ),
        ]
    )


def alerts_board(actor: Actor) -> Board:
    """What somebody should look at, as far as the actor sees it."""
    alerts, rows = stock.open_alerts(actor), stock.newest_alerts(actor, limit=ROWS)
    listed = _list("inventory_alert")
    return Board(
        figures=[
            Figure(
                "Open alerts",
                str(alerts.count),
                f"{alerts.critical} critical, {alerts.new} that nobody looks after",
                f"{listed}?state=open",
                alarm=alerts.critical > 0,
            )
        ],
        tables=[
            Table(
                "Alerts",
                ["severity", "what", "site", "for"],
                [
                    [
                        row.get_severity_display(),
                        Row("inventory_alert", row.pk, row.message),
                        row.warehouse.code if row.warehouse else "",
                        timesince(row.first_seen_at, depth=1),
                    ]
                    for row in rows
                ],
                "Nothing waits to be looked at.",
                f"{listed}?state=new",
            )
        ],
    )


def stock_board(actor: Actor) -> Board:
    """What runs out and what expires, as far as the actor sees it."""
    alarms, rows, days = stock.stock_alarms(actor), stock.emptiest_stock(actor, limit=ROWS), stock.expiring_by_day(actor, days=DAYS)
    places = sum(day.places for day in days)
    currencies = sorted({day.currency for day in days})
    known = {(day.day, day.currency): float(round(day.value, 2)) for day in days}
    week = [timezone.localdate() + timedelta(days=n) for n in range(DAYS)]
    values = {currency: {date_format(day, "D j"): known.get((day, currency), 0) for day in week} for currency in currencies or ["EUR"]}
    listed = _list("inventory_stock")
    return Board(
        figures=[
            Figure(
                "Low or out of stock",
                str(sum(alarms.values())),
                f"{alarms['low_stock']} low, {alarms['out_of_stock']} out",
                f"{listed}?status__in=low_stock,out_of_stock",
                alarm=bool(sum(alarms.values())),
            ),
            Figure(
                f"Expiring in {DAYS} days",
                str(places),
                "lots in places, those already expired among them",
                _list("inventory_batchlocation"),
                alarm=places > 0,
            ),
        ],
        charts=[bars("Value expiring by day", values)],
        tables=[
            Table(
                "Running out",
                ["product", "site", "available", "low at"],
                [
                    [Row("inventory_stock", row.pk, str(row.product)), row.warehouse.code, plain(row.available), plain(row.low_stock_threshold)]
                    for row in rows
                ],
                "Nothing is low.",
                f"{listed}?status__in=low_stock,out_of_stock",
            ),
            Table(
                "Expiring",
                ["day", "places", "value"],
                [[date_format(day.day, "D j M"), day.places, f"{day.value:,.2f} {day.currency}"] for day in days],
                f"Nothing expires within {DAYS} days.",
                "",
            ),
        ],
    )


def papers_board(actor: Actor) -> Board:
    """What waits for a signature."""
    waiting = stock.write_offs_waiting(actor)
    listed = f"{_list('inventory_writeoff')}?status__exact=awaiting_approval"
    return Board(figures=[Figure("Awaiting approval", str(waiting), "write-offs above the limit", listed, alarm=waiting > 0)])


def value_board(actor: Actor) -> Board:
    """What lies in the sites, in money."""
    values = [[site.warehouse, f"{site.value:,.2f} {site.currency}"] for site in stock.stock_value(actor)]
    return Board(tables=[Table("Stock value", ["site", "at purchase prices"], values, "Nothing is in stock.", "")])


def machinery_board() -> Board:
    """Whether events leave."""
    outbox = backlog()
    oldest = f"the oldest for {timesince(outbox.oldest)}" if outbox.oldest else "all are published"
    stuck = bool(outbox.parked) or bool(outbox.oldest and (timezone.now() - outbox.oldest).total_seconds() > FRESH_SECONDS)
    return Board(figures=[Figure("Events waiting", str(outbox.waiting), oldest, f"{_list('outbox_outboxevent')}?state=waiting", alarm=stuck)])


def _late_row(late: work.LateTask) -> list[Any]:
    task = late.task
    name = f"fulfillment_{late.kind}task"
    late_by = timesince(task.ship_by, depth=1) if task.ship_by else ""
    return [Row(name, task.pk, task.number), str(task.order), task.warehouse.code, str(task.worker or "nobody"), late_by]


def _eyes(actor: Actor) -> str:
    """Who sees the same: a seller only what it sees itself, everybody else everything."""
    return f"seller-{actor.user_id}" if actor.own_sites_only else "all"


def _list(model: str) -> str:
    return reverse(f"admin:{model}_changelist")


def _link(row: Row) -> str:
    return format_html('<a href="{}" class="text-link">{}</a>', reverse(f"admin:{row.model}_change", args=[row.pk]), row.text)
