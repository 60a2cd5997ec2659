"""Goods judged again, when what they are judged by has changed: their product, or the place where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from inventory.models import BatchLocation, Location
from inventory.stock.place import blocked_reason, clock_of, lives_of, require_welcome
from inventory.stock.post import Header, block
from inventory.stock.shelf_life import as_decimal
from warehouse.core.actor import Actor
from warehouse.core.columns import write_columns
from warehouse.core.transactions import require_transaction

_CLOCK = ("consumed_fraction", "clock_started_at", "clock_condition", "effective_expires_at")


def judge_contents(location: Location, rows: Sequence[BatchLocation], *, actor: Actor) -> None:
    """The goods that lie in a place (with their batch and product) go on there as it is now: clocks are charged to now and run in its condition, and it is
    said anew why they are not for sale. A constant number of statements.

    Requires the gates of all of them. Emits stock.changed, stock.low, stock.out. Raises PlaceNotAllowed naming every product that may not live there now.
    """
    require_transaction()
    now = timezone.now()
    lives = lives_of({row.batch_id: row.batch for row in rows}.values())
    require_welcome([(row, location) for row in rows], lives)
    clocks = {row.pk: clock_of(row).moved(lives[row.batch_id], now, location.condition) for row in rows}
    dates = {row.pk: clocks[row.pk].effective(lives[row.batch_id]) for row in rows}
    moved = [row.pk for row in rows if clocks[row.pk] != clock_of(row)]
    columns = [(pk, as_decimal(clocks[pk].fraction), clocks[pk].started_at, clocks[pk].condition, dates[pk]) for pk in moved]
    write_columns(BatchLocation, _CLOCK, columns)
    reasons = {row.pk: str(blocked_reason(row.batch, location, dates[row.pk], now)) for row in rows}
    block({row.pk: reasons[row.pk] for row in rows if reasons[row.pk] != row.blocked_reason}, Header(actor=actor))


def judge_again(product_id: int, *, actor: Actor) -> None:
    """Compute when the goods of the product expire, and why they are not for sale. At most four statements for any number of places.

    Requires the gates of all the product's stock. Emits stock.changed, stock.low, stock.out.
    """
    require_transaction()
    now = timezone.now()
    rows = list(BatchLocation.objects.filter(product=product_id, has_stock=True).select_related("batch__product", "location").order_by("pk"))
    lives = lives_of({row.batch_id: row.batch for row in rows}.values())
    dates: dict[int, datetime | None] = {}
    reasons: dict[int, str] = {}
    for row in rows:
        expires_at = clock_of(row).effective(lives[row.batch_id])
        if expires_at != row.effective_expires_at:
            dates[row.pk] = expires_at
        reason = str(blocked_reason(row.batch, row.location, expires_at, now))
        if reason != row.blocked_reason:
            reasons[row.pk] = reason
    write_columns(BatchLocation, ["effective_expires_at"], dates.items())
    block(reasons, Header(actor=actor))
