"""Quantities on their way to listings: taken by a worker, laid down with how it fares there, read back and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from stocksync.enums import OPEN_COMMANDS, ChannelMode, CommandStatus, DiscrepancyKind
from stocksync.locks import lock_free_levels, lock_level
from stocksync.marketplaces.base import PATIENCE_SECONDS, CommandState
from stocksync.models import Channel, LevelCommand, ListingLevel
from stocksync.queries.levels import to_push, under_way_now
from stocksync.services.discrepancies import open_discrepancy
from stocksync.services.reckoning import Cause, command_for, give_versions, reckon
from warehouse.core.actor import Actor
from warehouse.core.partners.http import longest_call
from warehouse.core.partners.retry import next_retry
from warehouse.core.transactions import operation

BATCH = 20
# At the most a command is given, found used up, and its state and its tasks asked for.
REQUESTS = 3
# A worker begins no step whose calls could outlast its lease (`Step.in_time`): what a slow marketplace leaves of a batch, and what a worker held that died, is
# taken by another one after it.
LEASE = timedelta(seconds=180)
ERROR_LENGTH = 500
# How long a command may be under way at the marketplace before it is given up as lost.
LOST_AFTER = timedelta(hours=1)
# Seconds between two looks at a command: as long as it is under way already, within these.
SOONEST_LOOK, LATEST_LOOK = 2.0, 60.0
# Seconds: buyers see the old quantity meanwhile, so the first tries follow soon.
RETRY_BASE, RETRY_CAP = 5.0, 600.0
# So often a quantity that the marketplace does not take, or does not show, is sent once more by itself; after that a person or a new quantity must come.
MORE_PUSHES = 3
DIFFERENCE_BASE, DIFFERENCE_CAP = timedelta(seconds=60), timedelta(hours=1)


class Todo(Enum):
    """What is to be done about a command."""

    PUSH = "send it"
    POLL = "ask how it fares"
    READ = "read the listing back"
    REVIVE = "put the listing on sale again"
    POLL_REVIVAL = "ask how that fares"


@dataclass(frozen=True, slots=True)
class Step:
    """What a worker needs to take a command one step on. `lease` proves, when the result is laid down, that nobody else took it since."""

    command_id: UUID
    revival_id: UUID
    level_id: int
    offer_id: str
    quantity: int
    todo: Todo
    lease: datetime

    @property
    def in_time(self) -> bool:
        """Whether its calls end before the lease does, however slow they are."""
        return timezone.now() + longest_call(REQUESTS, PATIENCE_SECONDS) <= self.lease


@operation()
def claim_looks(channel_id: int, *, actor: Actor, limit: int = BATCH) -> list[Step]:
    """Take commands of a channel that is on and that are due for a while, the longest due first.

    Locks their levels, passing over those that others hold; four statements.
    """
    now = timezone.now()
    due = LevelCommand.objects.filter(next_look_at__lte=now, level__channel=channel_id)
    if not _is_on(channel_id):
        return []
    first = due.filter(level=OuterRef("pk")).order_by("next_look_at").values("next_look_at")[:1]
    waiting = ListingLevel.objects.filter(pk__in=due.values("level")).order_by(Subquery(first), "pk")
    levels = {level.pk: level for level in lock_free_levels(waiting, limit)}
    commands = list(due.filter(level__in=levels).order_by("next_look_at", "version"))
    return _lease(commands, levels, now)


@operation()
def claim_pushes(channel_id: int, *, actor: Actor, limit: int = BATCH) -> list[Step]:
    """Take levels of a channel that is on whose newest version was not sent, for a while: its command is sent from now on, until it has an answer.

    What they are to show is reckoned once more. A level of which something is on its way waits for the end of that, so that nothing older can land after
    something newer. Locks the levels, passing over those that others hold; the number of statements does not grow with them.
    """
    now = timezone.now()
    if not _is_on(channel_id):
        return []
    found = lock_free_levels(to_push(now).filter(channel=channel_id).order_by("next_push_at", "pk"), limit)
    # Another worker may have sent a command of theirs between the beginning of that statement and its locks.
    busy = set(LevelCommand.objects.filter(under_way_now(), level__in=found).values_list("level", flat=True))
    levels = [level for level in found if level.pk not in busy]
    if not levels:
        return []
    reckon(levels, lambda _: Cause("reckoned before it was sent"))
    commands = _commands_of(levels)
    for level, command in zip(levels, commands, strict=True):
        level.sent, level.sent_version, level.sent_at = command.quantity, command.version, now
        command.sent_at = now
    ListingLevel.objects.bulk_update(levels, ["sent", "sent_version", "sent_at"])
    LevelCommand.objects.bulk_update(commands, ["sent_at"])
    older = LevelCommand.objects.filter(level__in=levels, next_look_at__isnull=False)
    older.exclude(pk__in=[command.pk for command in commands]).update(next_look_at=None)
    return _lease(commands, {level.pk: level for level in levels}, now)


@operation()
def record_state(step: Step, state: CommandState, *, actor: Actor) -> None:
    """Lay down how the marketplace says that a command (or its revival) fares; one that another worker took since is left to that one. Locks the level."""
    level = lock_level(step.level_id)
    command = take_back(step)
    if command is None:
        return
    now = timezone.now()
    about = "revival" if step.todo in (Todo.REVIVE, Todo.POLL_REVIVAL) else "status"
    setattr(command, about, state.status)
    command.answer = {**command.answer, about: state.answer}
    since = command.accepted_at if about == "status" else command.finished_at
    since = since or now
    if about == "status":
        command.accepted_at = since
    if state.status == CommandStatus.FAILED:
        _refuse(level, command, about, state.error or "the marketplace gives no reason")
    elif state.status == CommandStatus.SUCCEEDED:
        command.finished_at, command.next_look_at = now, now
    elif now - since >= LOST_AFTER:
        _refuse(level, command, about, f"not done {LOST_AFTER} after it was taken: given up as lost")
    else:
        command.next_look_at = now + timedelta(seconds=min(max((now - since).total_seconds(), SOONEST_LOOK), LATEST_LOOK))
    if level.failing_since is not None and state.status != CommandStatus.FAILED:
        level.works_again()
    command.save()


@operation()
def record_no_answer(step: Step, error: str, retry_after: float | None, *, asked: bool, actor: Actor) -> None:
    """There was no usable answer: the same step is taken again after full jitter, not before the marketplace's wish. Nothing newer goes first meanwhile.

    `asked`: false when nothing was sent, because others had found it away. Locks the level.
    """
    level = lock_level(step.level_id)
    command = take_back(step)
    if command is None:
        return
    now = timezone.now()
    command.next_look_at = next_retry(now, level.failures, retry_after, base=RETRY_BASE, cap=RETRY_CAP)
    command.error_message = error[:ERROR_LENGTH]
    command.save(update_fields=["next_look_at", "error_message"])
    level.failures += asked
    level.failing_since, level.next_push_at = level.failing_since or now, command.next_look_at
    level.error_message = error[:ERROR_LENGTH]
    level.save(update_fields=["failures", "failing_since", "next_push_at", "error_message"])


@operation()
def record_refusal(step: Step, error: str, *, actor: Actor) -> None:
    """The marketplace refused the call itself: the same again would be refused again, so that a person, or a new quantity, must come. Opens a Discrepancy.

    Locks the level. A listing that can't be read back is looked at again after the longest pause.
    """
    level = lock_level(step.level_id)
    command = take_back(step)
    if command is None:
        return
    now = timezone.now()
    command.next_look_at, command.error_message = None, error[:ERROR_LENGTH]
    if step.todo in (Todo.PUSH, Todo.POLL):
        command.status, command.finished_at = CommandStatus.FAILED, now
    elif step.todo == Todo.READ:
        command.next_look_at = now + DIFFERENCE_CAP
    else:
        command.revival = CommandStatus.FAILED
    command.save()
    _note_failure(level, error, now)
    disagree(level, command, f"The marketplace refused it: {error}")


def take_back(step: Step) -> LevelCommand | None:
    """The command of a step whose level is locked, if nobody else took it since."""
    command = LevelCommand.objects.get(pk=step.command_id)
    return command if command.next_look_at == step.lease else None


def pause_after(differences: int) -> timedelta:
    """How long to wait after so many disappointments in a row."""
    return min(DIFFERENCE_BASE * 2 ** min(differences - 1, 16), DIFFERENCE_CAP)


def disagree(level: ListingLevel, command: LevelCommand, detail: str) -> None:
    """Have a person look at a locked level, with both sides."""
    here = {"wanted": level.wanted, "version": level.version, "sent": command.quantity, "sent_version": command.version}
    there = {"shown": level.shown, "on_sale": level.on_sale, "seen_at": level.shown_at and level.shown_at.isoformat()}
    open_discrepancy(level, DiscrepancyKind.LEVEL, detail, here=here, there=there)


def send_once_more(level: ListingLevel, after: timedelta, why: str) -> None:
    """Give a locked level a version with the same quantity, due after a pause: an id that was used can't be used again."""
    give_versions([level], lambda _: Cause(why))
    level.next_push_at = timezone.now() + after
    level.save(update_fields=["next_push_at"])


def _refuse(level: ListingLevel, command: LevelCommand, about: str, error: str) -> None:
    """A command of a locked level failed there after it was taken: sent once more after a growing pause, a few times."""
    now = timezone.now()
    setattr(command, about, CommandStatus.FAILED)
    command.error_message, command.next_look_at = error[:ERROR_LENGTH], None
    command.finished_at = command.finished_at or now
    _note_failure(level, error, now)
    level.differences += 1
    level.save(update_fields=["differences"])
    disagree(level, command, f"Version {command.version} failed there: {error}")
    if level.version == command.version and level.differences <= MORE_PUSHES:
        send_once_more(level, pause_after(level.differences), f"version {command.version} failed there")


def _note_failure(level: ListingLevel, error: str, now: datetime) -> None:
    level.failures, level.failing_since, level.error_message = level.failures + 1, level.failing_since or now, error[:ERROR_LENGTH]
    level.save(update_fields=["failures", "failing_since", "error_message"])


def _is_on(channel_id: int) -> bool:
    return Channel.objects.filter(pk=channel_id, mode=ChannelMode.ON).exists()


def _commands_of(levels: Sequence[ListingLevel]) -> list[LevelCommand]:
    """The commands of the newest versions of locked levels, in their order; made where there is none."""
    newest = {level.pk: level.version for level in levels}
    rows = LevelCommand.objects.filter(level__in=levels, status=CommandStatus.PENDING, sent_at=None)
    known = {row.level_id: row for row in rows if row.version == newest[row.level_id]}
    missing = [command_for(level, Cause("")) for level in levels if level.pk not in known]
    LevelCommand.objects.bulk_create(missing)
    known |= {row.level_id: row for row in missing}
    return [known[level.pk] for level in levels]


def _lease(commands: Sequence[LevelCommand], levels: dict[int, ListingLevel], now: datetime) -> list[Step]:
    for command in commands:
        command.next_look_at = now + LEASE
    LevelCommand.objects.bulk_update(commands, ["next_look_at"])
    return [Step(row.pk, row.revival_id, row.level_id, levels[row.level_id].offer_id, row.quantity, _todo(row), now + LEASE) for row in commands]


def _todo(command: LevelCommand) -> Todo:
    if command.status in OPEN_COMMANDS:
        return Todo.PUSH if command.status == CommandStatus.PENDING else Todo.POLL
    if command.revival in OPEN_COMMANDS:
        return Todo.REVIVE if command.revival == CommandStatus.PENDING else Todo.POLL_REVIVAL
    return Todo.READ
