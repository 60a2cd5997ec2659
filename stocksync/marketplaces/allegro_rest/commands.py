"""How Allegro's asynchronous commands fare: one that changes offers is accepted first, and done, or not done, for each offer some time later."""

from __future__ import annotations

from dataclasses import dataclass

from stocksync.enums import CommandStatus
from stocksync.marketplaces.base import CommandState
from warehouse.core.partners.reading import Answer, printable, read_part, read_parts, read_text, read_whole

SUCCESS, FAIL = "SUCCESS", "FAIL"
KEPT_TASKS = 20
WORDS_LENGTH = 500


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


@dataclass(frozen=True, slots=True)
class Task:
    """What a command did to one offer; `error` says why it could not."""

    offer: str
    status: str
    error: str = ""

    @property
    def told(self) -> dict[str, str]:
        return {"offer": self.offer, "status": self.status} | ({"error": self.error} if self.error else {})


def read_counts(answer: Answer) -> Counts:
    """The counts in a command's summary; zeros where nothing is said."""
    counts = read_part(answer, "taskCount")
    return Counts(*(read_whole(counts, name) or 0 for name in ("total", "success", "failed")))


def accepted(answer: Answer) -> CommandState:
    """The state of a command that is not done."""
    return CommandState(CommandStatus.ACCEPTED, {"taskCount": read_counts(answer).told})


def judge(counts: Counts, tasks: list[Task]) -> CommandState:
    """The state of a command whose counts are settled, by each of its tasks: one that failed is a failure, one that is not over means "not yet"."""
    answer = {"taskCount": counts.told, "tasks": [task.told for task in tasks[:KEPT_TASKS]]}
    if len(tasks) < counts.total or not {task.status for task in tasks} <= {SUCCESS, FAIL}:
        return CommandState(CommandStatus.ACCEPTED, answer)
    failed = "; ".join(f"offer {task.offer}: {task.error}" for task in tasks if task.status == FAIL)
    return CommandState(CommandStatus.FAILED if failed else CommandStatus.SUCCEEDED, answer, failed[:500])


def read_tasks(answer: Answer) -> list[Task]:
    """The tasks on one page of a command's report."""
    return [_read_task(task) for task in read_parts(answer, "tasks")]


def _read_task(task: Answer) -> Task:
    status = read_text(task, "status", longest=40)
    return Task(read_text(read_part(task, "offer"), "id", longest=80, required=False), status, _reason(task) if status == FAIL else "")


def _reason(task: Answer) -> str:
    """What is wrong, in the marketplace's words: of its errors if it gives any, else its message."""
    errors = read_parts(task, "errors") if task.get("errors") else []
    said = [next(filter(None, (_words(error, name) for name in ("userMessage", "message", "code"))), "") for error in errors]
    return ", ".join(filter(None, said)) or _words(task, "message") or "no reason is given"


def _words(answer: Answer, field: str) -> str:
    return printable(answer.get(field), WORDS_LENGTH)
