"""What a wave's page says of the tasks that wait in it: what is true of all of them once, of many of them with their number, of the first of them alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fulfillment.admin.base import due
from fulfillment.queries.wave_obstacles import Judged, Reason

# So many tasks are listed, and so many reasons that several tasks share.
LISTED, SHARED = 50, 10


@dataclass(frozen=True, slots=True)
class Shared:
    """A reason of several tasks: of how many, whether they stay for it, whether it is true of all."""

    reason: Reason
    stays: bool
    count: int
    all: bool


def waiting_told(judged: Sequence[Judged], *, all_tasks: bool = False) -> dict[str, Any]:
    """For `admin/wave_waiting.html`: of the tasks those that something is to be said of, those that stay first; or `all_tasks`, as they come."""
    counts = Counter((reason, stays) for each in judged for stays, reasons in _kinds(each) for reason in set(reasons))
    shared = [Shared(reason, stays, count, count == len(judged)) for (reason, stays), count in counts.most_common(SHARED) if count > 1]
    said = {(each.reason, each.stays) for each in shared if each.all}
    rows: list[dict[str, Any]] = []
    for each in judged:
        kept, warned = ([reason for reason in reasons if (reason, stays) not in said] for stays, reasons in _kinds(each))
        if all_tasks or kept or warned:
            rows.append({"task": each.task, "stays": bool(each.obstacles), "kept": kept, "warned": warned})
    if not all_tasks:
        rows.sort(key=lambda row: not row["stays"])
    for row in rows[:LISTED]:
        row["left"] = due(row["task"].ship_by, closed=False)
    return {
        "goes": sum(not each.obstacles for each in judged),
        "count": len(judged),
        "shared": shared,
        "rows": rows[:LISTED],
        "more": max(0, len(rows) - LISTED),
    }


def _kinds(judged: Judged) -> list[tuple[bool, tuple[Reason, ...]]]:
    return [(True, judged.obstacles), (False, judged.warnings)]
