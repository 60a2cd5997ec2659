"""Entries of a Redis stream, each with its effects exactly once.

The handler commits the inbox row and the effects in one transaction; only then is the entry acknowledged:

    def handle(entry_id: str, fields: dict[str, str]) -> object:
        return run_once(InboxClaim(STREAM, entry_id), confirm_order, ..., actor=actor, render=lambda order: {"order": order.pk})

    StreamConsumer(settings.LISTINGS_REDIS_URL, STREAM, GROUP, "consumer-1", handle).run(stop_on_signals())
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import redis
from django.conf import settings
from django.db import connection

from warehouse.core.errors import Conflict, DomainError, StaleVersion, Unavailable, ValidationFailed
from warehouse.core.retry import full_jitter
from warehouse.outbox.claims import REPEATED
from warehouse.outbox.deliveries import Deliveries
from warehouse.outbox.resilience import connect_redis, is_outage

logger = logging.getLogger(__name__)

Handler = Callable[[str, dict[str, str]], object]

# May succeed later without anybody changing the entry.
RETRYABLE = (Conflict, StaleVersion, Unavailable)
LOG_EVERY_SECONDS = 60.0
# More waiting failures than this, and no new entry is read until some are settled.
MAX_WAITING = 1000


@dataclass(slots=True)
class Counters:
    """What became of the entries since the consumer started. `refused` counts the letters that Redis did not take."""

    handled: int = 0
    repeated: int = 0
    failed: int = 0
    dead: int = 0
    trimmed: int = 0
    refused: int = 0
    outages: int = 0


@dataclass(slots=True)
class _Waiting:
    """An entry that failed and is tried again when its time (monotonic seconds) has come. Uncounted ones never die."""

    due: float
    fields: dict[bytes, bytes]
    counted: bool


class StreamConsumer:
    """One member of a consumer group. Run as many as needed, each with a name of its own that it keeps over restarts.

    Own pending entries first, then those of members that died, then new ones. A permanent error (a DomainError that is not in RETRYABLE)
    sends the entry to `<stream>:dlq` at once; an unexpected one, or a conflict, after `max_deliveries` tries; an outage of PostgreSQL, of Redis
    or of a partner never. A letter that Redis refuses (its key is no stream, or may not be written) is no outage: the entry waits, the others go on.
    """

    def __init__(
        self,
        redis_url: str,
        stream: str,
        group: str,
        consumer_name: str,
        handler: Handler,
        *,
        max_deliveries: int | None = None,
        count: int = 50,
        block_seconds: float = 2.0,
        min_idle_seconds: float = 60.0,
        claim_every_seconds: float = 15.0,
        retry_base_seconds: float = 0.5,
        retry_cap_seconds: float = 30.0,
    ) -> None:
        """`min_idle_seconds` must be above the longest handler: an entry that is idle for longer is taken from its holder."""
        self.stream, self.group, self.name, self.handler = stream, group, consumer_name, handler
        self.max_deliveries = settings.STREAM_MAX_DELIVERIES if max_deliveries is None else max_deliveries
        self.count, self.block_seconds = count, block_seconds
        self.min_idle_seconds, self.claim_every_seconds = min_idle_seconds, claim_every_seconds
        self.retry_base_seconds, self.retry_cap_seconds = retry_base_seconds, retry_cap_seconds
        self.counters = Counters()
        # The socket has to outlive the longest block.
        self._client = connect_redis(redis_url, timeout=block_seconds + 3.0, decode=False)
        self._deliveries = Deliveries(self._client, stream, group)
        self._waiting: dict[bytes, _Waiting] = {}
        self._next_claim = 0.0
        self._next_log = 0.0
        self._logged = Counters()

    def run(self, stop: threading.Event) -> None:
        """Consume until told to stop; then the entry at hand is finished and what was read but not handled stays pending."""
        failures = 0
        logger.info("Consuming %s as %s of %s", self.stream, self.name, self.group)
        while not stop.is_set():
            try:
                self._begin(stop)
                while not stop.is_set():
                    self._step(stop, self.block_seconds)
                    failures = 0
            except redis.RedisError as error:
                failures += 1
                self._wait_for_redis(error, failures, stop)
        self._log_counters(always=True)

    def drain(self, stop: threading.Event | None = None) -> Counters:
        """Handle what there is now, retries included, and return; an entry that waits for an outage's end stays pending. Redis errors are raised."""
        stop = stop or threading.Event()
        self._begin(stop)
        while not stop.is_set():
            read = self._step(stop, 0.0)
            due = min((each.due for each in self._waiting.values() if each.counted), default=None)
            if not read and due is None:
                break
            if not read and due is not None:
                stop.wait(max(0.0, due - time.monotonic()))
        return self.counters

    def _begin(self, stop: threading.Event) -> None:
        self._deliveries.forget()
        self._make_group()
        self._next_claim = 0.0
        self._read_own_pending(stop)

    def _step(self, stop: threading.Event, block_seconds: float) -> int:
        """Claim and retry what is due, then read new entries. Returns how many entries were read."""
        read = 0
        if time.monotonic() >= self._next_claim:
            read += self._claim_from_the_dead(stop)
            self._next_claim = time.monotonic() + self.claim_every_seconds
        self._retry_due(stop)
        if len(self._waiting) < MAX_WAITING:
            read += self._read_new(stop, block_seconds)
        else:
            stop.wait(block_seconds)
        self._log_counters()
        return read

    def _make_group(self) -> None:
        """Make the group where it is missing, from the stream's beginning: what it saw before is known by the inbox."""
        try:
            self._client.xgroup_create(self.stream, self.group, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        else:
            logger.info("Made the group %s of %s", self.group, self.stream)

    def _wait_for_redis(self, error: redis.RedisError, failures: int, stop: threading.Event) -> None:
        if isinstance(error, redis.ResponseError) and str(error).startswith(("NOGROUP", "UNBLOCKED")):
            logger.warning("The group %s of %s is gone and will be made anew: %s", self.group, self.stream, error)
        else:
            self.counters.outages += 1
            logger.warning("Redis does not serve %s: %s: %s", self.stream, type(error).__name__, error)
        stop.wait(full_jitter(failures, base=0.05, cap=5.0))

    def _read_own_pending(self, stop: threading.Event) -> None:
        after = b"0"
        while not stop.is_set():
            reply: Any = self._client.xreadgroup(self.group, self.name, {self.stream: after}, count=self.count)
            entries = reply[0][1] if reply else []
            if not entries:
                return
            self._handle_batch(entries, stop, redelivered=True)
            after = entries[-1][0]

    def _claim_from_the_dead(self, stop: threading.Event) -> int:
        """Take over what has been idle for too long, looking through the whole list of pending entries."""
        cursor, claimed, nameless = b"0-0", 0, False
        while not stop.is_set():
            reply: Any = self._client.xautoclaim(
                self.stream, self.group, self.name, min_idle_time=int(self.min_idle_seconds * 1000), start_id=cursor, count=self.count
            )
            cursor, entries = reply[0], reply[1]
            # Redis 7 drops trimmed entries from the list itself and names them; 6.2 gives a nil without a name.
            for entry_id in reply[2] if len(reply) > 2 else ():
                self._trimmed(entry_id, acknowledge=False)
            nameless = nameless or any(entry_id is None for entry_id, _ in entries)
            entries = [entry for entry in entries if entry[0] is not None]
            claimed += len(entries)
            self._handle_batch(entries, stop, redelivered=True)
            if cursor == b"0-0":
                break
        if nameless:
            self._read_own_pending(stop)
        return claimed

    def _read_new(self, stop: threading.Event, block_seconds: float) -> int:
        if stop.is_set():
            return 0
        if self._waiting:
            next_due = min(each.due for each in self._waiting.values()) - time.monotonic()
            block_seconds = min(block_seconds, max(next_due, 0.0))
        block = max(int(block_seconds * 1000), 1) if block_seconds > 0 else None
        reply: Any = self._client.xreadgroup(self.group, self.name, {self.stream: ">"}, count=self.count, block=block)
        entries = reply[0][1] if reply else []
        self._handle_batch(entries, stop, redelivered=False)
        return len(entries)

    def _retry_due(self, stop: threading.Event) -> None:
        now = time.monotonic()
        with self._acknowledged():
            for entry_id, waiting in list(self._waiting.items()):
                if stop.is_set():
                    break
                if waiting.due <= now:
                    del self._waiting[entry_id]
                    self._handle(entry_id, waiting.fields, stop, redelivered=True)

    def _handle_batch(self, entries: list[tuple[bytes, dict[bytes, bytes]]], stop: threading.Event, *, redelivered: bool) -> None:
        with self._acknowledged():
            for entry_id, fields in entries:
                if stop.is_set():
                    break
                if entry_id in self._waiting:
                    continue
                if fields:
                    self._handle(entry_id, fields, stop, redelivered=redelivered)
                else:
                    self._trimmed(entry_id)

    @contextmanager
    def _acknowledged(self) -> Iterator[None]:
        """Acknowledge what the block has done, also when Redis refuses something within: what is committed is not to come again and be counted."""
        try:
            yield
        except redis.RedisError:
            self._deliveries.flush()
            raise
        self._deliveries.flush()

    def _handle(self, entry_id: bytes, fields: dict[bytes, bytes], stop: threading.Event, *, redelivered: bool) -> None:
        """One try of one entry. It is counted before it is made, so that an entry which kills the process dies in the end."""
        tries = self._deliveries.count(entry_id) if redelivered else 1
        if tries > self.max_deliveries:
            self._bury(entry_id, fields, tries, "delivered_too_often", f"Delivered {tries - 1} times without an end.")
            return
        try:
            answer = self._call_handler(entry_id, fields, stop)
        except DomainError as error:
            logger.warning("Entry %s of %s: %s: %s", entry_id.decode(), self.stream, error.code, error.detail)
            if not isinstance(error, RETRYABLE):
                self._bury(entry_id, fields, tries, error.code, error.detail, error.facts())
            elif isinstance(error, Unavailable):
                self._try_later(entry_id, fields, tries, counted=False)
            else:
                self._failed(entry_id, fields, tries, error.code, error.detail, error.facts())
        except Exception as error:
            logger.exception("Entry %s of %s, try %d", entry_id.decode(), self.stream, tries)
            self._failed(entry_id, fields, tries, "unexpected_error", f"{type(error).__name__}: {error}")
        else:
            if answer is _STOPPED:
                self._deliveries.uncount(entry_id)
                return
            if answer == REPEATED:
                self.counters.repeated += 1
            else:
                self.counters.handled += 1
            self._deliveries.acknowledge(entry_id)

    def _call_handler(self, entry_id: bytes, raw: dict[bytes, bytes], stop: threading.Event) -> object:
        """The handler's answer. While the database (or Redis) is away it is called again until it serves; _STOPPED when told to stop meanwhile."""
        try:
            fields = {name.decode(): value.decode() for name, value in raw.items()}
        except UnicodeDecodeError as error:
            raise ValidationFailed(f"The entry is not UTF-8: {error}.") from error
        failures = 0
        while not stop.is_set():
            try:
                return self.handler(entry_id.decode(), fields)
            except Exception as error:
                if not is_outage(error):
                    raise
                failures += 1
                self.counters.outages += 1
                logger.warning("Entry %s of %s waits for an outage to end: %s: %s", entry_id.decode(), self.stream, type(error).__name__, error)
                connection.close_if_unusable_or_obsolete()
                stop.wait(full_jitter(failures, base=0.1, cap=5.0))
        return _STOPPED

    def _failed(self, entry_id: bytes, fields: dict[bytes, bytes], tries: int, code: str, detail: str, facts: dict[str, Any] | None = None) -> None:
        self.counters.failed += 1
        if tries >= self.max_deliveries:
            self._bury(entry_id, fields, tries, code, detail, facts)
        else:
            self._try_later(entry_id, fields, tries, counted=True)

    def _try_later(self, entry_id: bytes, fields: dict[bytes, bytes], tries: int, *, counted: bool) -> None:
        if not counted:
            self._deliveries.uncount(entry_id)
        pause = full_jitter(tries, base=self.retry_base_seconds, cap=self.retry_cap_seconds)
        self._waiting[entry_id] = _Waiting(time.monotonic() + pause, fields, counted)

    def _trimmed(self, entry_id: bytes, *, acknowledge: bool = True) -> None:
        self.counters.trimmed += 1
        logger.error("Entry %s of %s was trimmed before it was handled; its sender has to send it again", entry_id.decode(), self.stream)
        if acknowledge:
            self._deliveries.acknowledge(entry_id)

    def _bury(self, entry_id: bytes, fields: dict[bytes, bytes], tries: int, code: str, detail: str, facts: dict[str, Any] | None = None) -> None:
        try:
            self._deliveries.bury(entry_id, fields, code, detail, json.dumps(facts or {}, default=str))
        except redis.ResponseError as error:
            if is_outage(error):
                raise
            self.counters.refused += 1
            logger.exception("Entry %s of %s waits: Redis refuses its letter", entry_id.decode(), self.stream)
            self._try_later(entry_id, fields, tries, counted=False)
            return
        self.counters.dead += 1
        logger.error("Entry %s of %s went to %s: %s: %s", entry_id.decode(), self.stream, self._deliveries.dead_letters, code, detail)

    def _log_counters(self, *, always: bool = False) -> None:
        if not always and (time.monotonic() < self._next_log or self._logged == self.counters):
            return
        self._next_log = time.monotonic() + LOG_EVERY_SECONDS
        self._logged = Counters(**asdict(self.counters))
        logger.info("%s as %s: %s", self.stream, self.name, ", ".join(f"{name} {value}" for name, value in asdict(self.counters).items()))


# The handler was not called, or not to an end, because the process is stopping.
_STOPPED = object()
