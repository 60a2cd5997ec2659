"""Real threads, each with a connection of its own, let go at the same moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one thread: its result, or what it raised."""

    value: Any = None
    error: BaseException | None = None

    @property
    def won(self) -> bool:
        return self.error is None


def race(works: Sequence[Callable[[], Any]], timeout: float = 120) -> list[Outcome]:
    """Run all works at once, each in its thread, and return what became of each, in their order."""
    barrier = threading.Barrier(len(works))
    outcomes: list[Outcome] = [Outcome()] * len(works)

    def body(index: int, work: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout)
            outcomes[index] = Outcome(value=work())
        except BaseException as error:
            outcomes[index] = Outcome(error=error)
        finally:
            connection.close()

    threads = [threading.Thread(target=body, args=pair, daemon=True) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
        assert not thread.is_alive(), "a thread hangs"
    return outcomes


class Started(threading.Thread):
    """One work in a thread of its own; `outcome` after `join`."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.work = work
        self.outcome = Outcome()
        self.start()

    def run(self) -> None:
        try:
            self.outcome = Outcome(value=self.work())
        except BaseException as error:
            self.outcome = Outcome(error=error)
        finally:
            connection.close()

    def finish(self, timeout: float = 60) -> Outcome:
        self.join(timeout)
        assert not self.is_alive(), "a thread hangs"
        return self.outcome


def wait_for_waiter(count: int = 1, timeout: float = 20) -> None:
    """Return when so many sessions of this database wait for a lock. Works within a transaction, whose view of the sessions is otherwise kept."""
    deadline = time.monotonic() + timeout
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
            row = cursor.fetchone()
            if row and row[0] >= count:
                return
            assert time.monotonic() < deadline, "nobody waits for a lock"
            time.sleep(0.005)
