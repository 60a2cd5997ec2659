"""What an orchestrator asks: does this process live, and can it serve?"""

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

_migrated = False


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process answers at all; asks nobody else, so that an outage elsewhere restarts nothing."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database and Redis answer and no migration is missing, else 503 with what is wrong."""
    found = {"database": _database(), "redis": _redis(settings.REDIS_URL), "orders": _redis(settings.LISTINGS_REDIS_URL)}
    found["migrations"] = _migrations() if found["database"] == "ok" else "unknown"
    ready = all(answer == "ok" for answer in found.values())
    return JsonResponse({"status": "ok" if ready else "unavailable", **found}, status=200 if ready else 503)


def _answer(check: Callable[[], object], *failures: type[Exception]) -> str:
    try:
        check()
    except failures as error:
        # The class only: a message may hold the address and the user name.
        return type(error).__name__
    return "ok"


def _database() -> str:
    def check() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    return _answer(check, DatabaseError)


def _redis(url: str) -> str:
    with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
        return _answer(client.ping, redis.RedisError)


def _migrations() -> str:
    """Once applied they stay applied while this code runs: looked at until they are."""
    global _migrated  # noqa: PLW0603
    if not _migrated:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            return f"{len(missing)} not applied"
        _migrated = True
    return "ok"
