"""What the pages of stock synchronisation share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar, cast

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from unfold.utils import display_for_label

from stocksync.enums import ChannelMode, LogAction, OperationStatus, RemoteState
from stocksync.models import Channel, ChannelOrder

COLOURS = {
    OperationStatus.PENDING: "info",
    OperationStatus.PROCESSING: "primary",
    OperationStatus.COMPLETED: "success",
    OperationStatus.FAILED: "danger",
    OperationStatus.CANCELLED: "default",
    OperationStatus.ROLLED_BACK: "warning",
}
ACTION_COLOURS = dict.fromkeys(LogAction.values, "default") | {
    LogAction.SYNC_SUCCESS: "success",
    LogAction.COMPLETED: "success",
    LogAction.SYNC_FAILED: "danger",
    LogAction.SYNC_ERROR: "warning",
    LogAction.MAX_RETRIES: "danger",
    LogAction.FAILED: "danger",
    LogAction.ERROR: "danger",
    LogAction.ROLLBACK_ASKED: "warning",
    LogAction.ROLLBACK_REFUSED: "danger",
    LogAction.ROLLED_BACK: "warning",
    LogAction.REOPENED: "warning",
}
MODE_COLOURS = {ChannelMode.OFF: "default", ChannelMode.SHADOW: "warning", ChannelMode.ON: "success"}
REMOTE_COLOURS = {RemoteState.WAITING: "default", RemoteState.READY: "info", RemoteState.CANCELLED: "warning"}

T = TypeVar("T")

DASH = "–"
MINUTE = timedelta(minutes=1)


def link(row: Model, text: object = None) -> SafeString:
    """The way to a row's page."""
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a class="text-link whitespace-nowrap" href="{}">{}</a>', address, row if text is None else text)


def badge(value: object, words: str, colours: Mapping[Any, str]) -> SafeString:
    """Words in the colour of a value, in lists, tables and on pages alike."""
    return _badge(words, colours.get(value, "default"))


@lru_cache(maxsize=1000)
def _badge(words: str, colour: str) -> SafeString:
    """Unfold's template costs milliseconds, and a list has hundreds of the same few."""
    return display_for_label((words, words), "", {words: colour})


def found(model: str, term: str, text: str) -> SafeString:
    """The way to a list of another app, searched."""
    address = reverse(f"admin:{model}_changelist", query={"q": term})
    return format_html('<a class="text-link" href="{}">{}</a>', address, text)


def once(row: Model, name: str, compute: Callable[[], T]) -> T:
    """What is costly to say of a row, computed once for the row in hand: a page asks for each of its fields several times."""
    key = f"_once_{name}"
    if key not in vars(row):
        vars(row)[key] = compute()
    return cast(T, vars(row)[key])


def age(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago, or until `now`."""
    if moment is None:
        return ""
    end = now or timezone.now()
    return timesince(moment, end, depth=1) if end - moment >= MINUTE else "a moment"


def ahead(moment: datetime) -> str:
    """When something comes that is due then."""
    now = timezone.now()
    return "now" if moment - now < MINUTE else f"in {timeuntil(moment, now, depth=1)}"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def duration(milliseconds: int | None) -> str:
    """How long a call took, as it is read at a glance."""
    if milliseconds is None:
        return ""
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def seconds(value: float | None) -> str:
    """A stretch of time in the unit that suits it."""
    if value is None:
        return DASH
    if value < 90:
        return f"{value:.0f} s"
    return f"{value / 60:.1f} min" if value < 5400 else f"{value / 3600:.1f} h"


def said(value: Any) -> str:
    """A fact that was kept as JSON, in words."""
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    moment = parse_datetime(value) if isinstance(value, str) and "T" in value else None
    return date_format(timezone.localtime(moment), "j M H:i:s") if moment and timezone.is_aware(moment) else str(value)


def orders_named(term: str) -> list[int]:
    """Orders with exactly this id at their marketplace, or this order_ref; through the index of each channel."""
    code, _, rest = term.strip().rpartition(":")
    channels = Channel.objects.filter(code=code) if code else Channel.objects.all()
    ids = list(channels.values_list("pk", flat=True))
    return list(ChannelOrder.objects.filter(channel__in=ids, external_id=rest).values_list("pk", flat=True))


def told_in_words(details: Mapping[str, Any]) -> str:
    """What a row of the log has to tell: its message, then what else is kept."""
    more = [
        f"{name.replace('_', ' ')}: {said(value)}" for name, value in details.items() if name not in ("message", "asked") and value not in (None, "")
    ]
    return "; ".join([str(details.get("message", "")), *more]).strip("; ")
