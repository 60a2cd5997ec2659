"""What a partner received and made: named lists of records, in memory, and in a journal file when it is to survive a restart."""

from __future__ import annotations

import copy
import json
import os
import threading
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Ledger:
    """Append-only tables of one partner. What the partner knows is always read from them, so that a restart forgets nothing.

    With `path` every record is one line of a journal that is written before `append` returns, hence before the partner answers.
    A line cut off by a kill is dropped when the file is opened again.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        # How often it was reset: what somebody keeps beside it is stale then.
        self.resets = 0
        self._tables: dict[str, list[Record]] = {}
        # (table, field) -> value -> the newest record, built when first asked for.
        self._newest: dict[tuple[str, str], dict[Any, Record]] = {}
        self._path = path
        self._journal: int | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._load(path)

    def append(self, table: str, record: Record) -> Record:
        """Add the record and return it. It must be plain JSON and is never changed afterwards."""
        line = json.dumps({"table": table, "record": record}, ensure_ascii=False, default=str) + "\n"
        with self._lock:
            if self._journal is not None:
                self._write(line.encode())
            self._tables.setdefault(table, []).append(record)
            for (name, field), newest in self._newest.items():
                if name == table:
                    newest[record.get(field)] = record
        return record

    def table(self, name: str) -> list[Record]:
        """The records of a table, oldest first (a copy of the list)."""
        with self._lock:
            return list(self._tables.get(name, ()))

    def count(self, table: str) -> int:
        """How many records the table has."""
        with self._lock:
            return len(self._tables.get(table, ()))

    def last(self, table: str, field: str, value: str | int) -> Record | None:
        """The newest record with this value in the field."""
        with self._lock:
            if (table, field) not in self._newest:
                self._newest[table, field] = {record.get(field): record for record in self._tables.get(table, ())}
            return self._newest[table, field].get(value)

    def newest(self, table: str, field: str) -> list[Record]:
        """The newest record of each value in the field, in the order in which the values first came."""
        with self._lock:
            self.last(table, field, "")
            return list(self._newest[table, field].values())

    def all(self) -> dict[str, list[Record]]:
        """Everything, as one JSON-able dictionary."""
        with self._lock:
            return copy.deepcopy(self._tables)

    def reset(self) -> None:
        """Forget everything, in the file too."""
        with self._lock:
            self.resets += 1
            self._tables = {}
            self._newest = {}
            if self._path is not None:
                self._replace_file()

    def close(self) -> None:
        """Close the journal; the ledger can still be read."""
        with self._lock:
            if self._journal is not None:
                os.close(self._journal)
                self._journal = None

    def _load(self, path: Path) -> None:
        for line in path.read_bytes().splitlines() if path.exists() else ():
            try:
                entry = json.loads(line)
            except ValueError:
                break
            self._tables.setdefault(entry["table"], []).append(entry["record"])
        self._replace_file()

    def _replace_file(self) -> None:
        """Write the file anew beside the old one and put it in its place in one step."""
        assert self._path is not None
        self.close()
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        with fresh.open("w", encoding="utf-8") as file:
            for table, records in self._tables.items():
                for record in records:
                    file.write(json.dumps({"table": table, "record": record}, ensure_ascii=False) + "\n")
        fresh.replace(self._path)
        self._journal = os.open(self._path, os.O_WRONLY | os.O_APPEND)

    def _write(self, line: bytes) -> None:
        assert self._journal is not None
        while line:
            line = line[os.write(self._journal, line) :]
