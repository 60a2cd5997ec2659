"""The circuit breaker of a partner, shared by all workers through Redis.

After some outages in a row nobody calls the partner for a while; then one call tries, and its end closes the circuit or opens it again. What a partner
refuses is no outage. Without Redis there is no breaker: calls go on as if the circuit were closed.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar, cast

import redis
from django.conf import settings
from django.utils import timezone
from pybreaker import STATE_CLOSED, STATE_OPEN, CircuitBreaker, CircuitBreakerError, CircuitRedisStorage

from warehouse.core.partners.errors import CircuitOpen, PermanentFailure, RetryableFailure

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A breaker must not cost more time than it saves.
REDIS_SECONDS = 1.0
UNKNOWN = "unknown"
# An outage that nobody has met for so long is forgotten: nobody knows whether it still lasts.
REMEMBERED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CircuitState:
    """How a partner's circuit stands: closed, open, half-open, or unknown while Redis is away.

    `down_since` and `down_until` are the first and the last call of an outage that no answer has ended yet.
    """

    partner: str
    state: str
    failures: int
    half_opens_at: datetime | None
    down_since: datetime | None = None
    down_until: datetime | None = None

    @property
    def down_for(self) -> timedelta:
        """How long the partner has given no answer, as far as it was asked."""
        return self.down_until - self.down_since if self.down_since and self.down_until else timedelta(0)


class Circuit:
    """The breaker of the partner at one address. Not to be shared between threads."""

    def __init__(self, partner: str, base_url: str) -> None:
        self.partner = partner
        self._namespace = f"wms:circuit:{partner}:{base_url}"
        self._outage = f"{self._namespace}:outage"
        self._made: CircuitBreaker | None = None

    def call(self, work: Callable[[], T]) -> T:
        """Do the work unless the circuit is open; how it ends is counted. Raises CircuitOpen, with the seconds until a call may try again."""
        breaker = self._breaker()
        if breaker is None:
            return work()
        begun = False

        def once() -> T:
            nonlocal begun
            begun = True
            return self._noted(work)

        try:
            return breaker.call(once)
        except CircuitBreakerError:
            left = (self._half_opens_at(breaker) or timezone.now()) - timezone.now()
            raise CircuitOpen(
                self.partner, "did not answer several times; it is left alone for a while", retry_after=max(left.total_seconds(), 0.0)
            ) from None
        except redis.RedisError as error:
            if begun:
                raise
            self._without(error)
            return work()

    def state(self) -> CircuitState:
        """How the circuit stands now, read without changing it."""
        breaker = self._breaker()
        if breaker is None:
            return CircuitState(self.partner, UNKNOWN, 0, None)
        state = breaker.current_state
        half_opens_at = self._half_opens_at(breaker) if state == STATE_OPEN else None
        try:
            kept = cast(dict[bytes, bytes], redis_connection(settings.REDIS_URL).hgetall(self._outage))
        except redis.RedisError as error:
            self._without(error)
            return CircuitState(self.partner, UNKNOWN, 0, None)
        since, until = (datetime.fromisoformat(kept[name].decode()) if name in kept else None for name in (b"since", b"until"))
        return CircuitState(self.partner, state, breaker.fail_counter, half_opens_at, since, until)

    def _noted(self, work: Callable[[], T]) -> T:
        """Do the work; an outage is written down with its beginning, any answer ends it."""
        try:
            result = work()
        except (RetryableFailure, PermanentFailure) as failure:
            self._note(down=is_down(failure))
            raise
        self._note(down=False)
        return result

    def _note(self, *, down: bool) -> None:
        try:
            with redis_connection(settings.REDIS_URL).pipeline() as pipe:
                if down:
                    now = timezone.now().isoformat()
                    pipe.hsetnx(self._outage, "since", now)
                    pipe.hset(self._outage, "until", now)
                    pipe.expire(self._outage, REMEMBERED)
                else:
                    pipe.delete(self._outage)
                pipe.execute()
        except redis.RedisError as error:
            logger.warning("%s: how it answers is not written down, because Redis is away: %s", self.partner, error)

    def _half_opens_at(self, breaker: CircuitBreaker) -> datetime | None:
        opened_at = breaker._state_storage.opened_at
        return opened_at + timedelta(seconds=breaker.reset_timeout) if opened_at else None

    def _breaker(self) -> CircuitBreaker | None:
        """Made when it is first needed: whoever only puts a client together doesn't ask Redis. None while Redis is away."""
        if self._made is None:
            try:
                storage = CircuitRedisStorage(STATE_CLOSED, redis_connection(settings.REDIS_URL), namespace=self._namespace)
            except redis.RedisError as error:
                self._without(error)
                return None
            self._made = CircuitBreaker(
                fail_max=settings.PARTNER_CIRCUIT_FAILURES,
                reset_timeout=settings.PARTNER_CIRCUIT_SECONDS,
                exclude=[lambda error: not is_down(error)],
                state_storage=storage,
                name=self.partner,
                # The failure that trips the breaker is told as what it is.
                throw_new_error_on_trip=False,
            )
        return self._made

    def _without(self, error: Exception) -> None:
        logger.warning("%s: called without a circuit breaker, because Redis is away: %s", self.partner, error)


def is_down(error: BaseException) -> bool:
    """Whether a failure says that the partner is down: no answer, or 5xx. A refusal, a wish to wait and an odd answer come from one that is up."""
    return isinstance(error, RetryableFailure) and not isinstance(error, CircuitOpen) and (error.status is None or error.status >= 500)


@functools.cache
def redis_connection(url: str) -> redis.Redis:
    """One pool for each process; a fork makes its own connections."""
    return redis.Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
