"""What is wrong with synchronisation now, and in which words: the same for the alerts and for the status."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from django.conf import settings

from inventory.orchestrator import AlertDraft, Severity
from stocksync.enums import DiscrepancyKind
from stocksync.models import Channel
from stocksync.queries.figures import ChannelFigures
from warehouse.core.partners.breaker import CircuitState
from warehouse.core.partners.outages import long_outages
from warehouse.core.texts import counted

HIGH_PENDING = "high_pending_operations"
FAILURE_RATE = "sync_failure_rate"
STALE = "stale_operations"
FAILED = "failed_operations"
MANUAL_REVIEW = "sync_manual_review"
LEVEL = "level_differs"
UNREAD = "channel_unread"
# Fewer tries say nothing of a rate: one of three that fails is no trouble.
LEAST_TRIES = 10


def high_pending(figures: Sequence[ChannelFigures]) -> list[AlertDraft]:
    """Too much waits, in all channels together. Warned of and critical are two subjects, so that people are told of each."""
    count = sum(each.pending for each in figures)
    if count >= settings.STOCK_SYNC_MONITORING_MAX_PENDING_OPERATIONS:
        severity, limit = Severity.CRITICAL, settings.STOCK_SYNC_MONITORING_MAX_PENDING_OPERATIONS
    elif count >= settings.STOCK_SYNC_MONITORING_WARN_PENDING_OPERATIONS:
        severity, limit = Severity.WARNING, settings.STOCK_SYNC_MONITORING_WARN_PENDING_OPERATIONS
    else:
        return []
    text = (
        f"{count} operations wait to be told to marketplaces ({limit} or more is too many). See whether the marketplaces answer and the workers run."
    )
    return [AlertDraft(f"pending:{severity.value}", severity, text, {"pending": count, "limit": limit})]


def failure_rate(figures: Sequence[ChannelFigures]) -> list[AlertDraft]:
    """Channels of whose last tries too many failed."""
    minutes = settings.STOCK_SYNC_MONITORING_FAILURE_WINDOW_MINUTES
    return [
        _of(
            each.channel,
            Severity.WARNING,
            f"{each.failed_tries} of the last {each.tries} tries ({each.failure_rate:.0%}) at {each.channel} failed within {minutes} minutes."
            " Look at the errors of its operations.",
            tries=each.tries,
            failed=each.failed_tries,
            minutes=minutes,
        )
        for each in figures
        if each.tries >= LEAST_TRIES and each.failure_rate is not None and each.failure_rate > settings.STOCK_SYNC_MONITORING_FAILURE_RATE
    ]


def stale(figures: Sequence[ChannelFigures]) -> list[AlertDraft]:
    """Channels that are owed something for too long."""
    hours = settings.STOCK_SYNC_MONITORING_STALE_OPERATION_HOURS
    return [
        _of(
            each.channel,
            Severity.WARNING,
            f"{counted(each.stale, 'operation')} of {each.channel} not told for more than {hours} hours. Retry, or cancel if the marketplace need not know.",
            operations=each.stale,
            hours=hours,
        )
        for each in figures
        if each.stale
    ]


def failed(figures: Sequence[ChannelFigures]) -> list[AlertDraft]:
    """Channels that could not be told something after all tries."""
    if not settings.STOCK_SYNC_MONITORING_ALERT_ON_FAILED_RETRIES:
        return []
    return [
        failed_draft(each.channel, f"{counted(each.failed, 'operation')} of {each.channel} failed after all tries", each.failed)
        for each in figures
        if each.failed
    ]


def failed_draft(channel: Channel, what: str, count: int) -> AlertDraft:
    """That a channel could not be told something after all tries."""
    return _of(channel, Severity.WARNING, f"{what}. Find out why, then retry or cancel.", operations=count)


def manual_review(figures: Sequence[ChannelFigures]) -> list[AlertDraft]:
    """Channels with discrepancies that wait for a person, without those that have an alert of their own."""
    drafts = []
    for each in figures:
        kinds = {kind: count for kind, count in each.discrepancies.items() if kind not in (DiscrepancyKind.LEVEL, DiscrepancyKind.GIVEN_UP)}
        if kinds:
            words = ", ".join(f"{DiscrepancyKind(kind).label} ({count})" for kind, count in sorted(kinds.items()))
            text = f"{counted(sum(kinds.values()), 'discrepancy', 'discrepancies')} of {each.channel} for a person to look at: {words}."
            drafts.append(_of(each.channel, Severity.WARNING, text, kinds=kinds))
    return drafts


def level(figures: Sequence[ChannelFigures]) -> list[AlertDraft]:
    """Channels whose listings show another quantity than they were told."""
    return [
        _of(
            each.channel,
            Severity.WARNING,
            f"Another quantity than was sent is shown by {counted(count, 'listing')} of {each.channel}. Compare both sides, then send it again or accept it.",
            listings=count,
        )
        for each in figures
        if (count := each.discrepancies[DiscrepancyKind.LEVEL])
    ]


def unread(figures: Sequence[ChannelFigures]) -> list[AlertDraft]:
    """Channels whose orders could not be read for long: what is sold there is not deducted here."""
    return [
        _of(
            each.channel,
            Severity.CRITICAL,
            f"The orders of {each.channel} were not read to their end since {each.unread_since:%Y-%m-%d %H:%M} UTC. Check its credentials and its address.",
            unread_since=each.unread_since,
        )
        for each in figures
        if each.unread_since
    ]


def down_marketplaces(circuits: Iterable[CircuitState]) -> list[AlertDraft]:
    """Marketplaces that gave no answer for long, whoever asked."""
    return [AlertDraft(outage.subject, Severity.CRITICAL, outage.message, outage.data) for outage in long_outages(circuits)]


Drafts = Callable[[Sequence[ChannelFigures]], list[AlertDraft]]
# Each kind that the figures tell of, and what of it there is.
KINDS: dict[str, Drafts] = {
    HIGH_PENDING: high_pending,
    FAILURE_RATE: failure_rate,
    STALE: stale,
    FAILED: failed,
    MANUAL_REVIEW: manual_review,
    LEVEL: level,
    UNREAD: unread,
}


def all_problems(figures: Sequence[ChannelFigures]) -> list[AlertDraft]:
    """All that the figures tell of, the critical first."""
    found = [draft for drafts in KINDS.values() for draft in drafts(figures)]
    return sorted(found, key=lambda draft: draft.severity != Severity.CRITICAL)


def subject_of(channel: Channel) -> str:
    """How alerts name a channel."""
    return f"channel:{channel.code}"


def _of(channel: Channel, severity: Severity, message: str, **data: object) -> AlertDraft:
    return AlertDraft(subject_of(channel), severity, message, {"channel": channel.code} | data, warehouse_id=channel.warehouse_id)
