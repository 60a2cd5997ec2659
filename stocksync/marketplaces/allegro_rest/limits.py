"""How often Allegro may be asked, by all workers together: counted in Redis. Without Redis calls go on uncounted.

Allegro lets a client make 9,000 requests a minute and 250,000 changes of offers an hour, and blocks one that asks for more: everything is answered with
429 for a minute. The counters have fixed windows much shorter than those, so that no minute and no hour, wherever it begins, can hold more than is
allowed: 61 seconds of 140 requests are 8,540, 61 minutes of 4,000 changes are 244,000.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import redis
from django.conf import settings

from stocksync.marketplaces.base import PATIENCE_SECONDS
from warehouse.core.partners.breaker import redis_connection
from warehouse.core.partners.errors import RetryableFailure

logger = logging.getLogger(__name__)

BLOCKED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Limit:
    """So many within each window of so many seconds."""

    name: str
    most: int
    seconds: int


REQUESTS = Limit("requests", 140, 1)
OFFER_CHANGES = Limit("offer-changes", 4_000, 60)


class SharedLimits:
    """The counters of one account. `patience` is how many seconds a request may wait for its turn."""

    def __init__(
        self,
        partner: str,
        account: str,
        *,
        requests: Limit = REQUESTS,
        offer_changes: Limit = OFFER_CHANGES,
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._partner = partner
        self._namespace = f"wms:limit:{partner}:{account}"
        self._requests, self._offer_changes = requests, offer_changes
        self._patience, self._clock, self._sleep = patience, clock, sleep

    def request(self) -> None:
        """Wait for the turn of a request. Raises RetryableFailure when it does not come soon, or while the account is blocked."""
        left = self._blocked_for()
        if left:
            raise self._later("is left alone: it blocked this account for too many requests", left)
        self._take(self._requests)

    def offer_change(self) -> None:
        """Wait for the turn of a change of an offer. Raises RetryableFailure when it does not come soon."""
        self._take(self._offer_changes)

    def blocked(self, seconds: float | None) -> None:
        """The marketplace answered 429: nobody asks it again for so long, because each request would lengthen the block."""
        wait = seconds if seconds is not None else BLOCKED_SECONDS
        try:
            redis_connection(settings.REDIS_URL).set(f"{self._namespace}:blocked", "1", px=max(int(wait * 1000), 1))
        except redis.RedisError as error:
            self._without(error)

    def _blocked_for(self) -> float:
        try:
            milliseconds = redis_connection(settings.REDIS_URL).pttl(f"{self._namespace}:blocked")
        except redis.RedisError as error:
            self._without(error)
            return 0
        return max(milliseconds, 0) / 1000

    def _take(self, limit: Limit) -> None:
        waited = 0.0
        while (left := self._over(limit)) > 0:
            if waited + left > self._patience:
                raise self._later(f"is asked as often as it allows ({limit.name})", left)
            self._sleep(left)
            waited += left

    def _over(self, limit: Limit) -> float:
        """Count one; 0 when it fits into the window, else the seconds until the next one begins."""
        now = self._clock()
        window = math.floor(now / limit.seconds)
        key = f"{self._namespace}:{limit.name}:{window}"
        try:
            with redis_connection(settings.REDIS_URL).pipeline() as pipe:
                pipe.incr(key)
                pipe.expire(key, 2 * limit.seconds)
                counted = pipe.execute()[0]
        except redis.RedisError as error:
            self._without(error)
            return 0
        return 0 if counted <= limit.most else (window + 1) * limit.seconds - now

    def _later(self, detail: str, seconds: float) -> RetryableFailure:
        return RetryableFailure(self._partner, detail, retry_after=seconds, status=429)

    def _without(self, error: Exception) -> None:
        logger.warning("%s: called without counting, because Redis is away: %s", self._partner, error)
