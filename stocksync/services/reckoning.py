"""What locked levels are to show, reckoned anew; and the versions, each with its command, that come of it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone

from inventory import orchestrator
from stocksync.enums import ChannelMode, CommandStatus
from stocksync.models import LevelCommand, ListingLevel
from stocksync.queries.levels import ordered_not_deducted
from stocksync.services.background import PUSH_LEVELS
from warehouse.core.background import soon
from warehouse.core.quantities import ZERO, plain

# No marketplace of ours shows more.
MOST_SHOWN = 99_999


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a level was reckoned: in words or as the type of an event, and the position of that event in the feed."""

    text: str
    position: int | None = None


def reckon(levels: Sequence[ListingLevel], cause_of: Callable[[ListingLevel], Cause]) -> list[ListingLevel]:
    """Reckon what locked levels are to show; those that got a new version by it. Seven statements for any number of levels of one warehouse.

    Wanted = max(0, sellable in the channel's warehouse − safety buffer − ordered there and not deducted), in whole pieces, rounded down. What is ordered is
    read first: an order that is deducted in between is then missing from both, never from neither, and the event of its deduction corrects it.
    """
    ordered = ordered_not_deducted(levels)
    sellable = _sellable(levels)
    moved: list[ListingLevel] = []
    changed: list[ListingLevel] = []
    for level in levels:
        before = (level.sellable, level.ordered, level.wanted)
        level.sellable, level.ordered = sellable[level.pk], ordered[level.pk]
        wanted = wanted_quantity(level.sellable, buffer_of(level), level.ordered)
        if wanted != level.wanted:
            level.wanted, level.differences = wanted, 0
            moved.append(level)
        if before != (level.sellable, level.ordered, level.wanted):
            changed.append(level)
    ListingLevel.objects.bulk_update(changed, ["sellable", "ordered"])
    give_versions(moved, cause_of)
    return moved


def give_versions(levels: Sequence[ListingLevel], cause_of: Callable[[ListingLevel], Cause]) -> None:
    """Give locked levels their next version, whose command waits for its turn; what was not sent of the versions before is not sent any more.

    Each is due at once, also when the one before failed: it is other news. Workers are asked to push. Three statements.
    """
    if not levels:
        return
    now = timezone.now()
    for level in levels:
        level.version, level.wanted_at, level.next_push_at = level.version + 1, now, now
    ListingLevel.objects.bulk_update(levels, ["version", "wanted", "wanted_at", "differences", "next_push_at"])
    unsent = LevelCommand.objects.filter(level__in=[level.pk for level in levels], status=CommandStatus.PENDING, sent_at=None)
    unsent.update(status=CommandStatus.SUPERSEDED, finished_at=now)
    LevelCommand.objects.bulk_create(command_for(level, cause_of(level)) for level in levels)
    ask_to_push(levels)


def command_for(level: ListingLevel, cause: Cause) -> LevelCommand:
    """The command of a level's version, to be written."""
    reckoning = {"sellable": plain(level.sellable), "buffer": buffer_of(level), "ordered": plain(level.ordered)}
    return LevelCommand(
        level=level,
        version=level.version,
        quantity=level.wanted,
        cause=cause.text[:200],
        cause_position=cause.position,
        reckoning=reckoning,
        created_at=timezone.now(),
    )


def ask_to_push(levels: Iterable[ListingLevel]) -> None:
    """Have a worker push, when this is committed, for each channel that is on."""
    for channel_id in sorted({level.channel_id for level in levels if level.channel.mode == ChannelMode.ON}):
        soon(PUSH_LEVELS, channel_id)


def buffer_of(level: ListingLevel) -> int:
    """The safety buffer that counts: the listing's own, else its channel's, which must be loaded."""
    return level.channel.safety_buffer if level.safety_buffer is None else level.safety_buffer


def wanted_quantity(sellable: Decimal, buffer: int, ordered: Decimal) -> int:
    """How many whole pieces a listing is to show, as far as a listing can count."""
    return min(MOST_SHOWN, max(0, math.floor(sellable - buffer - ordered)))


def _sellable(levels: Sequence[ListingLevel]) -> dict[int, Decimal]:
    products: dict[int, set[int]] = defaultdict(set)
    for level in levels:
        products[level.channel.warehouse_id].add(level.product_id)
    known = {warehouse: orchestrator.sellable_in(warehouse, wanted) for warehouse, wanted in products.items()}
    return {level.pk: known[level.channel.warehouse_id].get(level.product_id, ZERO) for level in levels}
