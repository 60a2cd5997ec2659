"""Workers as processes of their own, killed with SIGKILL in a chosen moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
Process = subprocess.Popen[bytes]


@contextmanager
def worker(environment: Mapping[str, str], code: str) -> Iterator[Process]:
    """A process that sets Django up and does this work; it is gone after the block."""
    command = [sys.executable, "-c", f"import django\ndjango.setup()\n{code}"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)


def kill(process: Process) -> None:
    """Kill it while it works."""
    assert process.poll() is None, "it came to its end before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    died(process)


def died(process: Process) -> None:
    """Wait until it has been killed, by us or by itself."""
    assert process.wait(90) == -signal.SIGKILL


def somebody_waits_for_us() -> bool:
    """Whether another connection waits for a lock of this one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))")
        return bool(cursor.fetchone()[0])


def somebody_else_works() -> bool:
    """Whether another connection, also one of a process that was killed, is within a transaction and may hold locks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL)"
        )
        return bool(cursor.fetchone()[0])
