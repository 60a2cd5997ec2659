"""One replay at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from warehouse.core.errors import Conflict

# Without parameters: a statement with some would leave its portal open, and with it a snapshot that keeps vacuum away as long as the transaction lasts.
TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('a replay of an order history', 0))"


@contextmanager
def alone() -> Iterator[None]:
    """Within the block no other replay runs on this database: two would receive the same goods, each for itself. Raises Conflict when another one runs.

    The lock is held by a connection of its own, for operations open and end their transactions meanwhile; and by a transaction that does nothing else, so
    that a pooler that lends connections by transaction keeps it too. However the process ends, it is gone then.
    """
    keeper = connection.copy()
    try:
        keeper.set_autocommit(False)
        with keeper.cursor() as cursor:
            cursor.execute(TRY_LOCK)
            [[ours]] = cursor.fetchall()
        if not ours:
            raise Conflict("Another replay runs on this database. Wait until it has ended: this one then goes on where it stopped.")
        yield
    finally:
        keeper.close()
