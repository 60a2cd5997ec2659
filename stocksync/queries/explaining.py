"""Why a listing shows what it shows, in a sentence. Reads without locks."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from stocksync.enums import OPEN_COMMANDS, ChannelMode, CommandStatus
from stocksync.models import LevelCommand, ListingLevel
from stocksync.queries.timeline import level_of, reckoned


def explain(level_id: int) -> str:
    """Answer "why does the marketplace show 7?": what was reckoned, sent and read back, and what is on its way or in the way. Times are the site's. Two statements.

    Raises NotFound.
    """
    level = level_of(level_id)
    versions = {level.version, level.sent_version, level.shown_version}
    commands = {row.version: row for row in LevelCommand.objects.filter(level=level, version__in=versions)}
    return " ".join(filter(None, (_seen(level, commands), _last(level, commands), _in_the_way(level))))


def _seen(level: ListingLevel, commands: dict[int, LevelCommand]) -> str:
    if level.shown is None or level.shown_at is None:
        return f"What listing {level.offer_id} shows was never read back."
    ended = "" if level.on_sale or not level.shown else ", but it is not on sale"
    command = commands.get(level.shown_version)
    if command is None or command.quantity != level.shown:
        sent = "" if command is None else f"; {reckoned(command)}, sent as version {command.version} at {_time(command.sent_at)}"
        return f"{level.shown} shown{ended}, read back at {_time(level.shown_at)}{sent}."
    return (
        f"{level.shown} shown{ended}: {reckoned(command)}, sent as version {command.version} at {_time(command.sent_at)}, "
        f"read back at {_time(level.shown_at)}."
    )


def _last(level: ListingLevel, commands: dict[int, LevelCommand]) -> str:
    """What has not been read back yet."""
    if level.version == level.shown_version:
        return ""
    newest, sent = commands.get(level.version), commands.get(level.sent_version)
    said = []
    if sent is not None and level.sent_version > level.shown_version:
        said.append(f"Version {sent.version} ({reckoned(sent)}) {_fate(sent).rstrip('.')}.")
    if newest is not None and level.version > level.sent_version:
        waits = "waits for the end of the one before" if sent is not None and sent.status in OPEN_COMMANDS else "waits for its turn"
        said.append(f"Version {newest.version} ({reckoned(newest)}) {waits}.")
    return " ".join(said)


def _fate(command: LevelCommand) -> str:
    match command.status:
        case CommandStatus.PENDING:
            trouble = f", without an answer yet: {command.error_message}" if command.error_message else ""
            return f"is sent since {_time(command.sent_at)}{trouble}"
        case CommandStatus.ACCEPTED:
            return f"is on its way since {_time(command.sent_at)}: the marketplace took it and has not done it yet"
        case CommandStatus.FAILED:
            return f"has failed: {command.error_message}"
    return f"is done there since {_time(command.finished_at)} and was not read back yet"


def _in_the_way(level: ListingLevel) -> str:
    if level.unlisted_at is not None:
        return f"It is unlisted since {_time(level.unlisted_at)}: nothing is told to it."
    if level.channel.mode != ChannelMode.ON:
        return f"{level.channel} is {level.channel.mode}: nothing is sent."
    if level.differences:
        times = "once" if level.differences == 1 else f"{level.differences} times in a row"
        return f"Another quantity than was sent was read back, or a command failed, {times}: see the discrepancy."
    return ""


def _time(moment: datetime | None) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S %Z}" if moment else "no time"
