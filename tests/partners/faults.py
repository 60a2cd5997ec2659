"""Faults on demand: rules that make a partner misbehave, and the board that keeps them."""

from __future__ import annotations

import fnmatch
import json
import random
import threading
from dataclasses import asdict, dataclass, fields
from typing import Any

KINDS = (
    "latency",  # waits `seconds`, then goes on as if nothing had been
    "status",  # answers `status`, with `retry_after` as its Retry-After header, verbatim
    "drop",  # closes the connection without an answer
    "wrong_json",  # the right status with `text` for a body, which is not JSON
    "html",  # 200 with a page for people
    "truncated",  # the head and half of the body, then the connection closes
    "oversized",  # a body of `size` bytes
    "wrong_order",  # the right answer, about somebody else's order
    "missing",  # the right answer without the field `field`
    "replace",  # the right answer with the values of `values` in it
    "redirect",  # 307 to `location`
)
MOMENTS = ("before", "during", "after")


@dataclass(slots=True)
class Fault:
    """One rule. The first rule that fits a request is used, and `times` counts down; None stands until it is cleared.

    `when` says whether it strikes before the work is done, after it (the work stands, the answer suffers), or, for latency, in the middle
    of it, while the partner still holds the request. Kinds that spoil an answer always strike after the work. `method` and `path` are
    patterns with `*`. `share` is the part of the fitting requests that it strikes, drawn by lot.
    """

    kind: str
    when: str = "before"
    times: int | None = 1
    method: str = "*"
    path: str = "*"
    seconds: float = 0.0
    status: int = 500
    retry_after: str | None = None
    field: str = "id"
    values: dict[str, Any] | None = None
    text: str = '{"id": 17, "tracking_number": '
    location: str = "http://elsewhere.example/"
    size: int = 4_000_000
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if self.when not in MOMENTS:
            raise ValueError(f"when must be one of {', '.join(MOMENTS)}")
        if self.when == "during" and self.kind != "latency":
            raise ValueError("only latency can strike during the work")
        if self.kind == "latency" and not 0 < self.seconds <= 3600:
            raise ValueError("latency needs seconds between 0 and 3600")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1, or null for a standing rule")
        if not 0 < self.share <= 1:
            raise ValueError("share must be above 0 and at most 1")

    def fits(self, method: str, path: str) -> bool:
        """Does the rule speak of this request?"""
        return fnmatch.fnmatchcase(method, self.method.upper()) and fnmatch.fnmatchcase(path, self.path)

    @classmethod
    def from_json(cls, data: Any) -> Fault:
        """The rule a control request describes. Raises ValueError with what is wrong with it."""
        if not isinstance(data, dict):
            raise ValueError("a fault is a JSON object")
        unknown = set(data) - {field.name for field in fields(cls)}
        if unknown or "kind" not in data:
            raise ValueError(f"unknown fields: {', '.join(sorted(unknown))}" if unknown else "kind is missing")
        try:
            return cls(**data)
        except TypeError as error:
            raise ValueError(str(error)) from error


class FaultBoard:
    """The rules of one partner, in the order they were added. The lots are the same in every run."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []
        self._lots = random.Random(seed)

    def add(self, *rules: Fault) -> None:
        """Add rules behind the ones that are there."""
        with self._lock:
            self._rules.extend(rules)

    def take(self, method: str, path: str) -> Fault | None:
        """The rule for this request, used up by one."""
        with self._lock:
            for rule in self._rules:
                if rule.fits(method, path) and (rule.share == 1 or self._lots.random() < rule.share):
                    if rule.times is not None:
                        rule.times -= 1
                        if not rule.times:
                            self._rules.remove(rule)
                    return rule
        return None

    def clear(self) -> None:
        """Behave from now on."""
        with self._lock:
            self._rules.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """The rules that are still to strike."""
        with self._lock:
            return [asdict(rule) for rule in self._rules]


def parse_faults(body: bytes) -> list[Fault]:
    """The rules in a control request: one object or a list of them. Raises ValueError."""
    data = json.loads(body or b"null")
    return [Fault.from_json(item) for item in (data if isinstance(data, list) else [data])]
