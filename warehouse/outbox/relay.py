"""From the outbox to the streams: at least once, in order per aggregate, one relay transaction at a time."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import timedelta

import redis
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from warehouse.core.retry import full_jitter
from warehouse.outbox.feed import NEWEST
from warehouse.outbox.fields import COLUMNS, Row, Unpublishable, fields_of, stream_of
from warehouse.outbox.resilience import redis_is_away

logger = logging.getLogger(__name__)

# An arbitrary number that only the relay uses: held for one transaction, so that it also works behind pgbouncer.
RELAY_LOCK = 0x0074_626F_7800
BATCH = 500
POLL_SECONDS = 0.1
PARK_BASE_SECONDS = 1.0
PARK_CAP_SECONDS = 300.0
OUTAGE_BASE_SECONDS = 0.1
OUTAGE_CAP_SECONDS = 5.0

# One round trip, and the server itself holds back what comes behind a refused event of the same aggregate: in a plain pipeline the
# later one would have overtaken it. Answers per event: 1 sent, 0 held back, or the error.
XADD_IN_ORDER = """
local answers, refused, at = {}, {}, 2
while at <= #ARGV do
    local aggregate, stream, size = ARGV[at], KEYS[tonumber(ARGV[at + 1])], tonumber(ARGV[at + 2])
    local answer = 0
    if not refused[aggregate] then
        local reply = redis.pcall('XADD', stream, 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, at + 3, at + 2 + size))
        answer = 1
        if type(reply) == 'table' and reply.err then
            refused[aggregate] = true
            answer = reply.err
        end
    end
    answers[#answers + 1] = answer
    at = at + 3 + size
end
return answers
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one relay transaction did. `more` says that it is worth going on at once."""

    published: int = 0
    parked: int = 0
    more: bool = False


@dataclass(slots=True)
class _Outcome:
    sent: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    away: str = ""


class RedisAway(Exception):
    """Redis took a part of the batch or nothing; no event is to blame."""


class Relay:
    """Publishes what the outbox holds. Several may run: one works, the others wait their turn."""

    def __init__(self, client: redis.Redis, *, batch: int = BATCH) -> None:
        self.batch = batch
        self._xadd_in_order = client.register_script(XADD_IN_ORDER)

    def publish_batch(self) -> Batch:
        """Send up to `batch` events and mark them, in one transaction under the relay's advisory lock.

        A relay that ends between sending and marking sends the same events again with the same event_id. An event that can't be published
        is parked with its error and a time to try again; later events of its aggregate wait behind it, the others go on.
        Raises redis.RedisError or RedisAway when Redis does not serve; then nothing is counted against an event.
        """
        with transaction.atomic(durable=True):
            if not _try_relay_lock():
                return Batch()
            rows = _unpublished(self.batch)
            if not rows:
                return Batch()
            outcome = self._send(rows)
            _mark_published(outcome.sent)
            _park(rows, outcome.refused)
        if outcome.away:
            raise RedisAway(outcome.away)
        return Batch(len(outcome.sent), len(outcome.refused), more=len(rows) == self.batch)

    def drain(self, stop: threading.Event) -> Batch:
        """Publish until nothing more can be published now. Waits while another relay works; an outage is raised."""
        published = parked = 0
        while not stop.is_set():
            batch = self.publish_batch()
            published += batch.published
            parked += batch.parked
            if not batch.more and not _something_to_publish():
                break
            if not batch.published and not batch.parked:
                stop.wait(POLL_SECONDS)
        return Batch(published, parked)

    def run(self, stop: threading.Event) -> None:
        """Publish until told to stop. When PostgreSQL or Redis goes away it backs off and goes on where it was."""
        failures = 0
        while not stop.is_set():
            try:
                batch = self.publish_batch()
            except (redis.RedisError, RedisAway, DatabaseError) as error:
                failures += 1
                pause = full_jitter(failures, base=OUTAGE_BASE_SECONDS, cap=OUTAGE_CAP_SECONDS)
                logger.warning("The relay waits %.1f s: %s: %s", pause, type(error).__name__, error)
                connection.close_if_unusable_or_obsolete()
                stop.wait(pause)
                continue
            if failures:
                logger.info("The relay goes on after %d failures", failures)
                failures = 0
            if not batch.more:
                connection.close_if_unusable_or_obsolete()
                stop.wait(POLL_SECONDS)

    def replay(self, after: int, stop: threading.Event) -> int:
        """Send again, with the same event_id, what was published behind this position: for streams that lost entries. Returns how many.

        Consumers that saw them drop them by event_id. Takes no lock and marks nothing. Raises RedisAway at the first event not taken.
        """
        count = 0
        while not stop.is_set():
            last, rows = _published_after(after, self.batch)
            if not rows:
                break
            outcome = self._send(rows)
            if outcome.away or outcome.refused or len(outcome.sent) < len(rows):
                raise RedisAway(f"The replay stopped behind position {after}: {outcome.away or next(iter(outcome.refused.values()), '')}")
            after = last
            count += len(rows)
        return count

    def _send(self, rows: list[Row]) -> _Outcome:
        outcome = _Outcome()
        streams: dict[str, int] = {}
        arguments: list[str | int] = [settings.OUTBOX_STREAM_MAXLEN]
        asked: list[Row] = []
        waiting: set[str] = set()
        for row in rows:
            if row.aggregate in waiting:
                continue
            try:
                stream, fields = stream_of(row), fields_of(row)
            except Unpublishable as error:
                outcome.refused[row.sequence] = str(error)
                waiting.add(row.aggregate)
                continue
            asked.append(row)
            arguments += [row.aggregate, streams.setdefault(stream, len(streams) + 1), 2 * len(fields)]
            for name, value in fields.items():
                arguments += [name, value]
        if asked:
            _read_answers(asked, self._xadd_in_order(keys=list(streams), args=arguments), outcome)
        return outcome


def _read_answers(rows: list[Row], answers: list[int | str], outcome: _Outcome) -> None:
    for row, answer in zip(rows, answers, strict=True):
        if isinstance(answer, str):
            if redis_is_away(answer):
                outcome.away = answer
            else:
                outcome.refused[row.sequence] = answer
        elif answer:
            outcome.sent.append(row.sequence)


def _try_relay_lock() -> bool:
    """The right to publish until this transaction ends; a statement of its own, so that the next one sees all that its last holder committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [RELAY_LOCK])
        row = cursor.fetchone()
    return bool(row and row[0])


def _parked_aggregates() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT aggregate_type || '/' || aggregate_id FROM outbox_outboxevent WHERE published_at IS NULL AND retry_at > %s",
            [timezone.now()],
        )
        return [aggregate for (aggregate,) in cursor.fetchall()]


def _unpublished(limit: int) -> list[Row]:
    """The next events by sequence, without the aggregates that wait behind a parked event."""
    parked = _parked_aggregates()
    condition = "AND NOT (aggregate_type || '/' || aggregate_id = ANY(%s))" if parked else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM outbox_outboxevent WHERE published_at IS NULL {condition} ORDER BY sequence LIMIT %s",
            [parked, limit] if parked else [limit],
        )
        return [Row(*values) for values in cursor.fetchall()]


def _something_to_publish() -> bool:
    return bool(_unpublished(1))


def _published_after(position: int, limit: int) -> tuple[int, list[Row]]:
    """The next published events and the position of the last of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT position, {COLUMNS} FROM outbox_outboxevent WHERE position > %s ORDER BY position LIMIT %s",
            [position, limit],
        )
        found = cursor.fetchall()
    return found[-1][0] if found else position, [Row(*values) for _, *values in found]


def _mark_published(sequences: list[int]) -> None:
    """Give the events the next positions, in this order. Gapless because the relay's lock is held from reading the last one to the commit.

    The last one is kept beside the events, so that positions go on where they were when events are archived.
    """
    if not sequences:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH last AS MATERIALIZED ({NEWEST}),
            kept AS (
                INSERT INTO outbox_feedend (id, position) SELECT 1, last.position + %s FROM last
                ON CONFLICT (id) DO UPDATE SET position = excluded.position
            )
            UPDATE outbox_outboxevent AS event
            SET published_at = clock_timestamp(), position = last.position + sent.place, retry_at = NULL
            FROM last, unnest(%s::bigint[]) WITH ORDINALITY AS sent (sequence, place)
            WHERE event.sequence = sent.sequence
            """,
            [len(sequences), sequences],
        )
        if cursor.rowcount != len(sequences):
            raise DatabaseError(f"{len(sequences)} events were sent but {cursor.rowcount} could be marked.")


def _park(rows: list[Row], refused: dict[int, str]) -> None:
    """Count the failure of each refused event and set the time of its next try, spread by full jitter. One statement."""
    now = timezone.now()
    parked = []
    for row in rows:
        if (error := refused.get(row.sequence)) is None:
            continue
        pause = full_jitter(row.attempts, base=PARK_BASE_SECONDS, cap=PARK_CAP_SECONDS)
        logger.error("Event %s (%s of %s) can't be published, next try in %.1f s: %s", row.id, row.type, row.aggregate, pause, error)
        parked.append((row.sequence, error[:1000], now + timedelta(seconds=pause)))
    if not parked:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE outbox_outboxevent AS event
            SET attempts = event.attempts + 1, last_error = refused.error, retry_at = refused.retry_at
            FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS refused (sequence, error, retry_at)
            WHERE event.sequence = refused.sequence
            """,
            [list(column) for column in zip(*parked, strict=True)],
        )
