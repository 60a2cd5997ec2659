"""Files for people to open elsewhere: whole or not there at all, and harmless in a spreadsheet."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(text: str) -> str:
    """The text so that no spreadsheet runs it: an apostrophe goes before what would begin a formula."""
    return "'" + text if text.startswith(_FORMULA) else text


def cell(value: Any) -> str:
    """The value as text that no spreadsheet runs; numbers stay numbers, also negative ones."""
    if value is None:
        return ""
    if isinstance(value, (Decimal, int, float)):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return safe_cell(str(value))


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Write a text file beside `path` and put it in its place when all of it is on the disk; after any failure `path` is as it was."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
