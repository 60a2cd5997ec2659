"""How synchronisation went within a stretch of time, from the log of the operations. Constant statements.

A *try* is a row of the log that says how a call ended: sync_success, sync_failed (refused), sync_error (no usable answer: nothing at all, 429, 5xx, an open
circuit) or error (a defect of ours: a failed try, which says nothing of the marketplace and so is in no fault window and ends none). A *fault window* of a
channel is a run of its tries, in their order of time, none of which got an answer, and which hit at least three orders: from the first to the last of them. A
single call that is lost is none, however busy the channel is, because the next one's answer ends the run; a marketplace that is away is one, however seldom
it is asked. Runs are followed from a day before the stretch.

What is owed is counted by *rounds*: from created, retried by hand or reopened until it is completed or given up. The share of first tries counts operations that
were first tried within the stretch; the time to retry is from a round's first failure to its completion, of the rounds completed within the stretch. Both are
told apart for rounds that met a fault window and for the others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone

from stocksync.enums import OPEN_OPERATIONS, DiscrepancyKind, LogAction, OperationStatus
from stocksync.models import Channel, Discrepancy, PendingStockOperation
from stocksync.queries.figures import BEGINNINGS, TRIES

LOOK_BACK = timedelta(days=1)
LEAST_ORDERS = 3
# The plan's criteria of success, outside of fault windows.
FIRST_TRY_SHARE, RETRY_SECONDS = 0.99, 300.0

_FAULTS = """
WITH tries AS MATERIALIZED (
    SELECT l.id, o.channel_id, o.order_id, l.timestamp AS at, l.action = 'sync_error' AS silent,
           count(*) FILTER (WHERE l.action <> 'sync_error')
               OVER (PARTITION BY o.channel_id ORDER BY l.timestamp, l.id ROWS UNBOUNDED PRECEDING) AS run
    FROM stocksync_stocksynchronizationlog l JOIN stocksync_pendingstockoperation o ON o.id = l.operation_id
    WHERE l.action = ANY(%(tries)s::text[]) AND l.action <> 'error' AND l.timestamp >= %(look_back)s AND l.timestamp < %(ends)s
), faults AS (
    SELECT channel_id, run, min(at) AS begins_at, max(at) AS ends_at, count(DISTINCT order_id) AS orders, count(*) AS tries
    FROM tries WHERE silent GROUP BY channel_id, run HAVING count(DISTINCT order_id) >= %(least_orders)s
)
"""

_WINDOWS = (
    _FAULTS
    + """
SELECT channel_id, begins_at, ends_at, orders, tries FROM faults WHERE ends_at >= %(begins)s ORDER BY begins_at, channel_id
"""
)

_ROUNDS = (
    _FAULTS
    + """
, steps AS (
    SELECT l.operation_id, l.timestamp AS at, l.action, f.run IS NOT NULL AS in_fault,
           count(*) FILTER (WHERE l.action = ANY(%(beginnings)s::text[]))
               OVER (PARTITION BY l.operation_id ORDER BY l.timestamp, l.action <> ALL(%(beginnings)s::text[])) AS round
    FROM stocksync_stocksynchronizationlog l
    LEFT JOIN tries t ON t.id = l.id AND t.silent
    LEFT JOIN faults f ON f.channel_id = t.channel_id AND f.run = t.run
    WHERE l.timestamp < %(ends)s AND l.operation_id IN (
        SELECT operation_id FROM stocksync_stocksynchronizationlog WHERE timestamp >= %(begins)s AND timestamp < %(ends)s
    )
), rounds AS (
    SELECT operation_id, round, bool_or(in_fault) AS in_fault,
           min(at) FILTER (WHERE action = ANY(%(tries)s::text[])) AS first_try_at,
           min(at) FILTER (WHERE action = 'sync_success') AS success_at,
           min(at) FILTER (WHERE action IN ('sync_failed', 'sync_error', 'error')) AS failure_at,
           max(at) FILTER (WHERE action = 'completed') AS completed_at
    FROM steps GROUP BY operation_id, round
), judged AS (
    SELECT o.channel_id, r.in_fault, (r.first_try_at AT TIME ZONE %(zone)s)::date AS day,
           r.round <= 1 AND r.first_try_at >= %(begins)s AS first_try,
           r.round <= 1 AND r.first_try_at >= %(begins)s AND r.success_at = r.first_try_at AS first_success,
           CASE WHEN r.completed_at >= %(begins)s AND r.failure_at < r.completed_at
                THEN extract(epoch FROM r.completed_at - r.failure_at)::float8 END AS seconds
    FROM rounds r JOIN stocksync_pendingstockoperation o ON o.id = r.operation_id
)
SELECT grouping(channel_id, in_fault, day), channel_id, in_fault, day,
       count(*) FILTER (WHERE first_try), count(*) FILTER (WHERE first_success), count(seconds),
       avg(seconds), percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds), max(seconds)
FROM judged GROUP BY GROUPING SETS ((), (in_fault), (channel_id), (channel_id, in_fault), (day))
"""
)
# Which of the columns a row of totals leaves out, as `grouping` says it: channel, in_fault, day from the highest bit.
_ALL, _BY_FAULT, _BY_CHANNEL, _BY_CHANNEL_AND_FAULT, _BY_DAY = 0b111, 0b101, 0b011, 0b001, 0b110

_ACTIONS = """
SELECT o.channel_id, (l.timestamp AT TIME ZONE %(zone)s)::date, l.action, count(*)
FROM stocksync_stocksynchronizationlog l JOIN stocksync_pendingstockoperation o ON o.id = l.operation_id
WHERE l.timestamp >= %(begins)s AND l.timestamp < %(ends)s
GROUP BY 1, 2, 3
"""

Figures = dict[str, Any]


def sync_figures(begins_at: datetime, ends_at: datetime) -> Figures:
    """How synchronisation went from `begins_at` until `ends_at`: in all, by channel, by day of the site, and its fault windows. Times are in seconds.

    `still_owed` is what is owed now, whenever that began. Ready to be kept as JSON. Six statements, whatever there is.
    """
    codes = dict(Channel.objects.order_by("code").values_list("pk", "code"))
    asked = _asked(begins_at, ends_at)
    tries: dict[tuple[int | None, bool | None], Figures] = {}
    by_day: dict[date, Figures] = {}
    with connection.cursor() as cursor:
        cursor.execute(_ROUNDS, asked)
        for grouping, channel, in_fault, day, *counts in cursor.fetchall():
            if grouping == _BY_DAY and day is not None:
                by_day[day] = _rounds(*counts)
            elif grouping != _BY_DAY:
                key = (None if grouping in (_ALL, _BY_FAULT) else channel, in_fault if grouping in (_BY_FAULT, _BY_CHANNEL_AND_FAULT) else None)
                tries[key] = _rounds(*counts)
        cursor.execute(_WINDOWS, asked)
        windows = [
            {"channel": codes[channel], "begins_at": begins.isoformat(), "ends_at": ends.isoformat(), "orders": orders, "tries": count}
            for channel, begins, ends, orders, count in cursor.fetchall()
        ]
        cursor.execute(_ACTIONS, asked)
        actions = cursor.fetchall()
    found = _discrepancies(begins_at, ends_at)
    owed = _owed()
    channels = {}
    for pk, code in codes.items():
        done = _steps(count for count in actions if count[0] == pk)
        channels[code] = done | _of(tries, pk) | found[pk] | {"still_owed": owed[pk]}
    together = _steps(actions) | _of(tries, None) | _sum(found.values()) | {"still_owed": sum(owed.values())}
    together["fault_windows"] = len(windows)
    return {"all": together, "channels": channels, "fault_windows": windows, "days": _days(begins_at, ends_at, actions, by_day)}


def mean_retry_seconds(since: datetime, until: datetime) -> dict[int, float]:
    """The mean time to retry of what was completed between the two moments, by channel; those without any are left out. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_ROUNDS, _asked(since, until))
        return {row[1]: row[7] for row in cursor.fetchall() if row[0] == _BY_CHANNEL and row[7] is not None}


def _asked(begins_at: datetime, ends_at: datetime) -> dict[str, Any]:
    return {
        "begins": begins_at,
        "ends": ends_at,
        "look_back": begins_at - LOOK_BACK,
        "least_orders": LEAST_ORDERS,
        "tries": list(TRIES),
        "beginnings": list(BEGINNINGS),
        "zone": timezone.get_default_timezone_name(),
    }


def _rounds(first_tries: int, successes: int, retried: int, mean: float | None, p95: float | None, longest: float | None) -> Figures:
    return {
        "first_tries": first_tries,
        "first_try_successes": successes,
        "first_try_share": successes / first_tries if first_tries else None,
        "retried": retried,
        "retry_seconds_mean": mean,
        "retry_seconds_p95": p95,
        "retry_seconds_max": longest,
    }


def _of(tries: dict[tuple[int | None, bool | None], Figures], channel: int | None) -> Figures:
    """What a channel's tries brought (None: all channels'), inside and outside of fault windows, and whether that meets the criteria."""
    nothing = _rounds(0, 0, 0, None, None, None)
    outside = tries.get((channel, False), nothing)
    share, mean = outside["first_try_share"], outside["retry_seconds_mean"]
    return tries.get((channel, None), nothing) | {
        "outside": outside,
        "inside": tries.get((channel, True), nothing),
        "first_try_met": None if share is None else share >= FIRST_TRY_SHARE,
        "retry_time_met": None if mean is None else mean < RETRY_SECONDS,
    }


def _steps(actions: Any) -> Figures:
    """How many operations took which step."""
    counts: Counter[str] = Counter()
    for _, _, action, count in actions:
        counts[action] += count
    return {
        "operations": counts[LogAction.CREATED],
        "tries": sum(counts[action] for action in TRIES),
        "completed": counts[LogAction.COMPLETED],
        "failed": counts[LogAction.MAX_RETRIES] + counts[LogAction.FAILED],
        "cancelled": counts[LogAction.CANCELLED],
        "rolled_back": counts[LogAction.ROLLED_BACK],
        "retried_by_hand": counts[LogAction.MANUAL_RETRY],
        "told_again": counts[LogAction.REOPENED],
    }


def _discrepancies(begins_at: datetime, ends_at: datetime) -> dict[int, Figures]:
    """Discrepancies by channel: found and resolved within the stretch by kind, those that a person resolved, and those open at its end. One statement."""
    found = Q(found_at__gte=begins_at, found_at__lt=ends_at)
    resolved = Q(resolved_at__gte=begins_at, resolved_at__lt=ends_at)
    left = Q(found_at__lt=ends_at) & (Q(resolved_at=None) | Q(resolved_at__gte=ends_at))
    rows = Discrepancy.objects.filter(found | resolved | left).values("channel", "kind").order_by("channel", "kind")
    rows = rows.annotate(
        found=Count("pk", filter=found),
        resolved=Count("pk", filter=resolved),
        by_hand=Count("pk", filter=resolved & Q(resolved_by__isnull=False)),
        left=Count("pk", filter=left),
    )
    result: dict[int, Figures] = defaultdict(lambda: {"discrepancies": {}, "manual_reviews": 0})
    for row in rows:
        counts = {"found": row["found"], "resolved": row["resolved"], "resolved_by_hand": row["by_hand"], "open": row["left"]}
        result[row["channel"]]["discrepancies"][DiscrepancyKind(row["kind"]).value] = counts
        result[row["channel"]]["manual_reviews"] += row["found"]
    return result


def _sum(found: Any) -> Figures:
    together: Figures = {"discrepancies": {}, "manual_reviews": 0}
    for each in found:
        together["manual_reviews"] += each["manual_reviews"]
        for kind, counts in each["discrepancies"].items():
            known = together["discrepancies"].setdefault(kind, dict.fromkeys(counts, 0))
            for name, count in counts.items():
                known[name] += count
    return together


def _owed() -> dict[int, int]:
    rows = PendingStockOperation.objects.filter(status__in=[*OPEN_OPERATIONS, OperationStatus.FAILED])
    return defaultdict(int, rows.values_list("channel").annotate(Count("pk")))


def _days(begins_at: datetime, ends_at: datetime, actions: list[Any], by_day: dict[date, Figures]) -> list[Figures]:
    """One row for each day of the site, for the chart."""
    zone = timezone.get_default_timezone()
    day, last = timezone.localdate(begins_at, zone), timezone.localdate(ends_at - timedelta(microseconds=1), zone)
    rows = []
    while day <= last:
        first = {name: by_day.get(day, {}).get(name, nothing) for name, nothing in (("first_tries", 0), ("first_try_share", None))}
        rows.append({"day": day.isoformat(), **_steps(row for row in actions if row[1] == day), **first})
        day += timedelta(days=1)
    return rows
