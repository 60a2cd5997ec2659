"""How a listing came to show what it shows: ledger, events, versions, commands, what was read back, and its orders. Reads without locks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from inventory import orchestrator
from stocksync.enums import CommandStatus, RemoteState
from stocksync.models import ChannelOrderLine, LevelCommand, ListingLevel
from warehouse.core.errors import NotFound
from warehouse.core.quantities import plain
from warehouse.outbox.models import OutboxEvent

DEFAULT_PERIOD = timedelta(days=7)
# Of each kind of row, the newest so many.
LIMIT = 500


class EntryKind(IntEnum):
    """What an entry tells of; in this order when they are of one moment, causes before effects."""

    LEDGER = 1
    EVENT = 2
    ORDER = 3
    WANTED = 4
    COMMAND = 5
    ANSWER = 6
    SHOWN = 7


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `quantity` is how many there were after it, in the warehouse or on the listing, where it says so.

    `links` names what it is about: movement, event and position, order, version, command.
    """

    at: datetime
    kind: EntryKind
    text: str
    quantity: Decimal | None = None
    links: dict[str, Any] = field(default_factory=dict)


def timeline(level_id: int, since: datetime | None = None, until: datetime | None = None, *, limit: int = LIMIT) -> list[Entry]:
    """Everything about a level from `since` (default: a week ago) on and before `until`, the oldest first; of each kind of row the newest `limit`.

    Five statements. Raises NotFound.
    """
    level = level_of(level_id)
    since, until = since or timezone.now() - DEFAULT_PERIOD, until or timezone.now() + timedelta(seconds=1)
    lines = orchestrator.ledger_of(level.product_id, level.channel.warehouse_id, since=since, until=until, limit=limit)
    entries = [
        *(_ledger(line) for line in lines),
        *(_event(row) for row in _events_of(level, since, until, limit)),
        *_orders(_lines_of(level, since, until, limit)),
        *_commands(_commands_of(level, since, until, limit)),
    ]
    return sorted((entry for entry in entries if since <= entry.at < until), key=lambda entry: (entry.at, entry.kind))


def level_of(level_id: int) -> ListingLevel:
    """The level with its channel, warehouse and product, and the stock that it follows (`stock_id`). One statement. Raises NotFound."""
    rows = ListingLevel.objects.filter(pk=level_id).select_related("channel__warehouse", "product")
    stock = ListingLevel.objects.filter(pk=OuterRef("pk"), product__stock__warehouse=OuterRef("channel__warehouse"))
    level = rows.annotate(stock_id=Subquery(stock.values("product__stock__pk")[:1])).first()
    if level is None:
        raise NotFound(f"There is no listing level {level_id}.", kind="listinglevel", id=level_id)
    return level


def _events_of(level: ListingLevel, since: datetime, until: datetime, limit: int) -> Iterable[OutboxEvent]:
    stock_id = level.stock_id  # type: ignore[attr-defined]
    rows = OutboxEvent.objects.filter(aggregate_type="stock", aggregate_id=str(stock_id), type=orchestrator.STOCK_CHANGED)
    return rows.filter(occurred_at__gte=since, occurred_at__lt=until).order_by("-sequence")[:limit]


def lines_of(level: ListingLevel) -> QuerySet[ChannelOrderLine]:
    """The lines of the channel's orders that are about a listing: bought at it, of its product, or of its SKU."""
    about = Q(offer_id=level.offer_id) | Q(product=level.product_id) | Q(sku__iexact=level.product.sku)
    return ChannelOrderLine.objects.filter(about, order__channel=level.channel_id)


def _lines_of(level: ListingLevel, since: datetime, until: datetime, limit: int) -> Iterable[ChannelOrderLine]:
    rows = lines_of(level)
    touched = Q(order__created_at__gte=since) | Q(order__deducted_at__gte=since) | Q(order__reversed_at__gte=since) | Q(order__changed_at__gte=since)
    return rows.filter(touched, order__created_at__lt=until).select_related("order").order_by("-order__created_at", "-pk")[:limit]


def _commands_of(level: ListingLevel, since: datetime, until: datetime, limit: int) -> Iterable[LevelCommand]:
    touched = Q(created_at__gte=since) | Q(finished_at__gte=since) | Q(shown_at__gte=since)
    return level.commands.filter(touched, created_at__lt=until).order_by("-version")[:limit]


def _ledger(line: orchestrator.LedgerLine) -> Entry:
    change = [f"{line.quantity_change:+f}".rstrip("0").rstrip(".")] if line.quantity_change else []
    held = [f"{line.reserved_change:+f}".rstrip("0").rstrip(".") + " promised"] if line.reserved_change else []
    about = f" for {line.order_ref}" if line.order_ref else ""
    text = f"{line.type} {', '.join(change + held)}{about} at {line.location}, by {line.actor}"
    links = {"movement": line.id, "order_ref": line.order_ref, "document_type": line.document_type, "document_id": line.document_id}
    return Entry(line.at, EntryKind.LEDGER, text, line.free_after, {name: value for name, value in links.items() if value})


def _event(row: OutboxEvent) -> Entry:
    available = Decimal(row.payload["available"])
    return Entry(
        row.occurred_at, EntryKind.EVENT, f"{row.type}: {plain(available)} available", available, {"event": str(row.id), "position": row.position}
    )


def _orders(lines: Iterable[ChannelOrderLine]) -> Iterator[Entry]:
    for line in lines:
        order, much = line.order, plain(line.quantity)
        links = {"order": order.pk, "order_id": order.external_id, "offer_id": line.offer_id}
        yield Entry(order.created_at, EntryKind.ORDER, f"order {order.external_id} of {much} was seen", links=links)
        if order.deducted_at is not None:
            yield Entry(order.deducted_at, EntryKind.ORDER, f"order {order.external_id} of {much} was deducted", links=links)
        if order.reversed_at is not None:
            yield Entry(order.reversed_at, EntryKind.ORDER, f"order {order.external_id} of {much} was given back", links=links)
        elif order.state == RemoteState.CANCELLED:
            yield Entry(order.changed_at or order.updated_at, EntryKind.ORDER, f"order {order.external_id} of {much} was cancelled", links=links)


def _commands(rows: Iterable[LevelCommand]) -> Iterator[Entry]:
    for row in rows:
        links = {"version": row.version, "command": str(row.pk)}
        quantity = Decimal(row.quantity)
        because = f" ({row.cause})" if row.cause else ""
        position = {} if row.cause_position is None else {"position": row.cause_position}
        yield Entry(
            row.created_at, EntryKind.WANTED, f"version {row.version} wants {row.quantity}: {reckoned(row)}{because}", quantity, links | position
        )
        if row.sent_at is not None:
            yield Entry(row.sent_at, EntryKind.COMMAND, f"version {row.version} is sent as command {row.pk}", quantity, links)
        if row.accepted_at is not None:
            yield Entry(row.accepted_at, EntryKind.ANSWER, f"the marketplace took the command of version {row.version}", None, links)
        if row.finished_at is not None:
            yield Entry(row.finished_at, EntryKind.ANSWER, _end_of(row), None, links | ({"answer": row.answer} if row.answer else {}))
        if row.shown_at is not None and row.shown is not None:
            yield Entry(row.shown_at, EntryKind.SHOWN, f"{row.shown} shown, read back after version {row.version}", Decimal(row.shown), links)


def reckoned(command: LevelCommand) -> str:
    """How the quantity of a version came about, in one expression."""
    told = command.reckoning
    if not told:
        return str(command.quantity)
    parts = [f"sellable {told['sellable']}", f"buffer {told['buffer']}"]
    if told["ordered"] != "0":
        parts.append(f"ordered and not deducted {told['ordered']}")
    return f"{' − '.join(parts)} = {command.quantity}"


def _end_of(row: LevelCommand) -> str:
    match row.status:
        case CommandStatus.SUPERSEDED:
            return f"version {row.version} is not sent any more: a newer one goes first"
        case CommandStatus.FAILED:
            return f"version {row.version} failed: {row.error_message}"
    revived = f"; put on sale again: {row.get_revival_display()}" if row.revival else ""
    return f"version {row.version} is done there{revived}"
