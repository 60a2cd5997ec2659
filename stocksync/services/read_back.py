"""What a listing was seen to show, judged against what it was told."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from stocksync.enums import CommandStatus, DiscrepancyKind
from stocksync.locks import lock_level
from stocksync.marketplaces.base import Shown
from stocksync.models import LevelCommand, ListingLevel
from stocksync.queries.levels import sold_at_listing
from stocksync.services.discrepancies import close_discrepancies
from stocksync.services.level_commands import DIFFERENCE_CAP, MORE_PUSHES, Step, disagree, pause_after, take_back
from stocksync.services.reckoning import Cause, give_versions, reckon
from warehouse.core.actor import Actor
from warehouse.core.transactions import operation

# A listing is looked at again so often though nothing was sent: somebody may have changed it there.
READ_AGAIN = timedelta(hours=1)


@operation()
def record_shown(step: Step, shown: Shown, *, actor: Actor) -> None:
    """Lay down what a listing shows after a command was done. The orders must have been read to their end since it was read. Locks the level.

    As it was told: all is well, and what disagreed is resolved. A quantity on a listing that has ended: it is put on sale again, if it ended for having shown
    nothing. Anything else: first reckoned anew, because an order explains it; then a Discrepancy, looked at again after a growing pause, sent once more after
    each pause, three times. After that it waits for a person (`push_again`) or for another quantity.
    """
    level = lock_level(step.level_id)
    command = take_back(step)
    if command is None:
        return
    now = timezone.now()
    before = level.on_sale_at
    _note(level, command, shown, now)
    if shown.quantity != command.quantity:
        _judge(level, command, shown, now)
    elif command.quantity and not shown.active:
        _revive(level, command, before, now)
    else:
        _settle(level)
        command.next_look_at = None if level.unlisted_at else now + READ_AGAIN
    command.save()


def _note(level: ListingLevel, command: LevelCommand, shown: Shown, now: datetime) -> None:
    command.shown, command.shown_at, command.next_look_at = shown.quantity, now, None
    level.shown, level.shown_version, level.shown_at, level.on_sale = shown.quantity, command.version, now, shown.active
    level.on_sale_at = now if shown.active else level.on_sale_at
    level.save(update_fields=["shown", "shown_version", "shown_at", "on_sale", "on_sale_at"])


def _settle(level: ListingLevel) -> None:
    level.differences = 0
    level.works_again("differences")
    close_discrepancies(level, DiscrepancyKind.LEVEL)


def _judge(level: ListingLevel, command: LevelCommand, shown: Shown, now: datetime) -> None:
    """Another quantity is shown than was sent."""
    reckon([level], lambda _: Cause("reckoned after it was read back"))
    if level.version > command.version:
        return
    sold = sold_at_listing(level, command.sent_at or command.created_at)
    if sold and shown.quantity + sold == command.quantity:
        # What was sold there is back on the shelf here already: the same quantity is right again, and nothing disagrees.
        give_versions([level], lambda _: Cause("sold there since it was sent"))
        return
    _differs(level, command, f"{shown.quantity} are shown, {command.quantity} were sent as version {command.version}.", now)


def _revive(level: ListingLevel, command: LevelCommand, on_sale_at: datetime | None, now: datetime) -> None:
    """The quantity is right, and nobody can buy it: the listing has ended."""
    if level.version > command.version:
        return
    if command.revival:
        _differs(level, command, f"The listing is not on sale, though it was put on sale again with version {command.version}.", now)
    elif _ended_by_itself(level, on_sale_at):
        command.revival, command.next_look_at = CommandStatus.PENDING, now
    else:
        _differs(
            level, command, "The listing has ended, and not for having shown nothing: put it on sale there, or unlist it here.", now, again=False
        )


def _ended_by_itself(level: ListingLevel, on_sale_at: datetime | None) -> bool:
    """Whether since it was last seen on sale it was to show nothing, or was sold from: what somebody ended by hand is not put on sale by a program."""
    zero = level.commands.filter(quantity=0)
    if on_sale_at is not None:
        zero = zero.filter(Q(finished_at__gte=on_sale_at) | Q(created_at__gte=on_sale_at))
    return zero.exists() or sold_at_listing(level, on_sale_at or level.wanted_at) > 0


def _differs(level: ListingLevel, command: LevelCommand, detail: str, now: datetime, *, again: bool = True) -> None:
    """Look again after a pause; when it still differs then, send it once more, as often as that may be."""
    first = command.differed_at is None
    if first:
        command.differed_at = now
        level.differences += 1
        level.save(update_fields=["differences"])
    disagree(level, command, detail)
    if first:
        command.next_look_at = now + pause_after(level.differences)
    elif again and level.differences <= MORE_PUSHES:
        give_versions([level], lambda _: Cause("another quantity was read back"))
    else:
        command.next_look_at = now + DIFFERENCE_CAP
