"""`reconcile_stock` over the whole ledger, beside its floor: one pass through it that sums it by lot and place. Peak memory is told on stderr.

`python -m bench.reconcile` is the process that proves and is measured: with nothing before it in its memory.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import django

from bench.measure import Row, row, statements_of, timed

_COUNT = "SELECT count(*) FROM inventory_movement"
_FLOOR = """
    SELECT count(*), sum(q), sum(r)
    FROM (SELECT batch_id, location_id, sum(quantity_change) AS q, sum(reserved_change) AS r FROM inventory_movement GROUP BY 1, 2) s
"""


def bench(seconds: int, products: int) -> list[Row]:
    """Lines of the ledger proved per second, in one go; the latencies are those of the single checks. To reach: less than 60 s for 10 million lines, and
    memory that does not grow with them. Raises when the books do not balance."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_COUNT)
        lines = cursor.fetchone()[0]
        cursor.execute(_COUNT)  # what the floor reads is in the cache now as far as it fits, for both
        floor = timed(lambda: cursor.execute(_FLOOR))
    done = subprocess.run([sys.executable, "-m", "bench.reconcile"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The proof ended with exit code {done.returncode}.")
    told = json.loads(done.stdout)
    took = sum(told["checks"].values())
    print(
        f"reconcile: {lines:,} lines in {took / 1000:.1f} s: {', '.join(f'{name} {ms / 1000:.1f}' for name, ms in told['checks'].items())}",
        file=sys.stderr,
    )
    print(f"reconcile: peak memory of the process {told['before_mb']:.0f} MB before, {told['peak_mb']:.0f} MB after.", file=sys.stderr)
    print(f"reconcile: the floor sums {lines:,} lines in {floor / 1000:.1f} s.", file=sys.stderr)
    if told["found"]:
        raise RuntimeError(f"The books do not balance: {told['found']}")
    return [row("reconcile, lines", 1, 1000 * lines / took, list(told["checks"].values()), 1000 * lines / floor, told["statements"])]


def prove() -> dict[str, Any]:
    """All checks in one snapshot, as the command does it. Milliseconds of each, statements, what disagrees (the first of each check), megabytes."""
    from inventory.queries.reconciliation import CHECKS, disagreements
    from warehouse.core.whole_tables import snapshot

    before = _peak_mb()
    checks: dict[str, float] = {}
    found: dict[str, str] = {}

    def every_check() -> None:
        with snapshot():
            for check in CHECKS:

                def read(check: Any = check) -> None:
                    for each in disagreements(check):
                        found.setdefault(check.name, str(each))

                checks[check.name] = timed(read)

    statements = statements_of(every_check)
    return {"checks": checks, "statements": statements, "found": found, "before_mb": before, "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    """What this program has had in memory at most. Linux tells it of the program alone; getrusage counts what the process was before it, its parent's copy,
    too (in kB, on macOS in bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warehouse.settings")
    django.setup()
    print(json.dumps(prove()))
