"""What the loops of the relay, the subscribers and the consumers share: to tell an outage from a mistake, to wait, to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.exceptions import ClusterDownError, TryAgainError
from redis.retry import Retry

# What a Redis server answers while it can't serve; the same command may succeed later.
REDIS_AWAY = frozenset({"OOM", "READONLY", "MISCONF", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "NOREPLICAS", "BUSY", "TRYAGAIN"})
# The same where the client has classes for them and takes the word away from the text.
REDIS_AWAY_ERRORS = (redis.ReadOnlyError, redis.OutOfMemoryError, ClusterDownError, TryAgainError)
# Connection lost, no resources (disk, memory, connections), server going down or starting, input/output error.
DATABASE_AWAY = ("08", "53", "57P", "58")
# A server that was made a standby while we were connected.
READ_ONLY_DATABASE = "25006"


def connect_redis(url: str, *, timeout: float = 2.0, decode: bool = True) -> redis.Redis:
    """A client that fails fast instead of repeating by itself: the loops decide when to try again. `timeout` in seconds."""
    return redis.Redis.from_url(
        url,
        decode_responses=decode,
        protocol=2,
        socket_timeout=timeout,
        socket_connect_timeout=min(timeout, 2.0),
        retry=Retry(NoBackoff(), 0),
    )


def is_outage(error: BaseException) -> bool:
    """Whether PostgreSQL or Redis was away, judged by the error and what it was raised from. Says nothing against the work that failed."""
    return any(_is_outage(link) for link in _chain(error))


def redis_is_away(answer: str) -> bool:
    """Whether this error text of a Redis server speaks about the server, not about the command."""
    return answer.partition(" ")[0] in REDIS_AWAY


def _is_outage(error: BaseException) -> bool:
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return True
    if isinstance(error, redis.ResponseError):
        return isinstance(error, REDIS_AWAY_ERRORS) or redis_is_away(str(error))
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        return error.sqlstate.startswith(DATABASE_AWAY) or error.sqlstate == READ_ONLY_DATABASE
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM or SIGINT sets: the loop ends what it is doing and leaves. Main thread only."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
