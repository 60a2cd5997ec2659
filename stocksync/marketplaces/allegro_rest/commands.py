"""How Allegro's asynchronous commands fare: one that changes offers is accepted first, and done, or not done, for each offer some time later."""

from __future__ import annotations

from dataclasses import dataclass

from stocksync.enums import CommandStatus
from stocksync.marketplaces.allegro_rest.orders import part, parts
from stocksync.marketplaces.base import CommandState
from warehouse.core.partners.reading import Answer, read_text, read_whole

SUCCESS, FAIL = "SUCCESS", "FAIL"
KEPT_TASKS = 20


@dataclass(frozen=True, slots=True)
class Counts:
    """The tasks of a command, one for each offer. All are zero for a while after the command was given: nobody has counted yet."""

    total: int
    success: int
    failed: int

    @property
    def settled(self) -> bool:
        return 0 < self.total <= self.success + self.failed

    @property
    def told(self) -> dict[str, int]:
        return {"total": self.total, "success": self.success, "failed": self.failed}


def read_counts(answer: Answer) -> Counts:
    """The counts in a command's summary; zeros where nothing is said."""
    counts = part(answer, "taskCount")
    return Counts(*(read_whole(counts, name) or 0 for name in ("total", "success", "failed")))


def accepted(answer: Answer) -> CommandState:
    """The state of a command that is not done."""
    return CommandState(CommandStatus.ACCEPTED, {"taskCount": read_counts(answer).told})


def judge(counts: Counts, tasks: list[Answer]) -> CommandState:
    """The state of a command whose counts are settled, by each of its tasks: one that failed is a failure, one that is not over means "not yet"."""
    statuses = [read_text(task, "status", longest=40) for task in tasks]
    answer = {"taskCount": counts.told, "tasks": [_kept(task) for task in tasks[:KEPT_TASKS]]}
    if len(tasks) < counts.total or not set(statuses) <= {SUCCESS, FAIL}:
        return CommandState(CommandStatus.ACCEPTED, answer)
    reasons = [_reason(task) for task, status in zip(tasks, statuses, strict=True) if status == FAIL]
    if reasons:
        return CommandState(CommandStatus.FAILED, answer, "; ".join(reasons)[:500])
    return CommandState(CommandStatus.SUCCEEDED, answer)


def read_tasks(answer: Answer) -> list[Answer]:
    """The tasks on one page of a command's report."""
    return parts(answer, "tasks")


def _kept(task: Answer) -> dict[str, str]:
    return {"offer": _offer(task), "status": read_text(task, "status", longest=40)} | ({"error": _reason(task)} if task["status"] == FAIL else {})


def _offer(task: Answer) -> str:
    return read_text(part(task, "offer"), "id", longest=80, required=False)


def _reason(task: Answer) -> str:
    """What is wrong, in the marketplace's words: of its errors if it gives any, else its message."""
    errors = parts(task, "errors") if task.get("errors") else []
    words = [
        read_text(error, "userMessage", longest=1000, required=False)
        or read_text(error, "message", longest=1000, required=False)
        or read_text(error, "code", required=False)
        for error in errors
    ]
    said = ", ".join(filter(None, words)) or read_text(task, "message", longest=1000, required=False) or "no reason is given"
    return f"offer {_offer(task)}: {said}"
