"""How far a long command is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self, TextIO

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """`with Progress("Picking", 100, sys.stderr) as progress: progress.update(1)`."""

    def __init__(self, label: str, total: int, stream: TextIO) -> None:
        self.label = label
        self.total = total
        self.done = 0
        self._stream = stream
        self._bar: Any = tqdm(total=total, desc=label, file=stream, dynamic_ncols=True) if stream.isatty() else None
        self._said = time.monotonic()

    def update(self, number: int = 1) -> None:
        """So much more is done."""
        self.done += number
        if self._bar is not None:
            self._bar.update(number)
        elif time.monotonic() - self._said >= SECONDS_BETWEEN_LINES:
            self._say()

    def _say(self) -> None:
        self._said = time.monotonic()
        self._stream.write(f"{self.label}: {self.done} of {self.total}\n")
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self.total:
            self._say()
