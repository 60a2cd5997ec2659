"""Reading whole tables against each other: what reconciliations are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

AT_ONCE = 2000


@contextmanager
def snapshot() -> Iterator[None]:
    """One repeatable-read, read-only view of the database: all that is read within happened before the same moment. It locks nothing."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Sorts and hashes over the whole ledger; what does not fit goes to the server's disk.
        cursor.execute("SET LOCAL work_mem = '128MB'")
        yield


def stream(sql: str, parameters: Mapping[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
    """The rows of a query over whole tables, streamed. Requires an open transaction."""
    with connection.cursor() as settings, connection.chunked_cursor() as cursor:
        # Tables that were empty when statistics were last taken are believed to hold one row: joined row by row, thousands of rows take minutes.
        settings.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(sql, parameters)
        settings.execute("SET LOCAL enable_nestloop TO DEFAULT")
        while rows := cursor.fetchmany(AT_ONCE):
            yield from rows
