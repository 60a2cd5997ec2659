"""The dead letters of a stream: what a consumer gave up, with the reason, until a person decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redis

# What a consumer writes beside the fields of the entry.
ADDED = ("error_code", "error_detail", "entry_id", "failed_at", "error_data")
PAGE = 500

# One script is one transaction, and an XADD that fails stops it: the letter stays until its entry is in the stream again.
REQUEUE = """
local letter = redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1])[1]
if not letter then return false end
local added, fields = {}, {}
for at = 2, #ARGV do added[ARGV[at]] = true end
for at = 1, #letter[2], 2 do
    if not added[letter[2][at]] then
        fields[#fields + 1] = letter[2][at]
        fields[#fields + 1] = letter[2][at + 1]
    end
end
local entry = redis.call('XADD', KEYS[1], '*', unpack(fields))
redis.call('XDEL', KEYS[2], ARGV[1])
return entry
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. `fields` are those of the entry, as text; bytes that are no UTF-8 are shown as escapes."""

    id: str
    entry_id: str
    failed_at: str
    code: str
    detail: str
    data: str
    fields: dict[str, str]


class DeadLetters:
    """The letters of `<stream>:dlq`. `client` must not decode: an entry goes back byte for byte."""

    def __init__(self, client: redis.Redis, stream: str) -> None:
        self.stream, self.key = stream, f"{stream}:dlq"
        self._client = client
        self._requeue = client.register_script(REQUEUE)

    def __iter__(self) -> Iterator[Letter]:
        """The letters that are there now, the oldest first."""
        newest: Any = self._client.xrevrange(self.key, count=1)
        after = "-"
        while newest:
            page: Any = self._client.xrange(self.key, min=after, max=newest[0][0], count=PAGE)
            yield from (_letter(letter_id, raw) for letter_id, raw in page)
            if len(page) < PAGE:
                break
            after = f"({page[-1][0].decode()}"

    def find(self, letter_id: str) -> Letter | None:
        """The letter with this id."""
        found: Any = self._client.xrange(self.key, min=letter_id, max=letter_id)
        return _letter(*found[0]) if found else None

    def requeue(self, letter_id: str) -> str | None:
        """Put the entry back at the end of its stream and take the letter away, both or neither. Its new id; None where there is no such letter."""
        entry = self._requeue(keys=[self.stream, self.key], args=[letter_id, *ADDED])
        return entry.decode() if entry else None

    def drop(self, letter_id: str) -> bool:
        """Forget a letter for good; whether it was there."""
        return bool(self._client.xdel(self.key, letter_id))


def _letter(letter_id: bytes, raw: dict[bytes, bytes]) -> Letter:
    fields = {name.decode(errors="backslashreplace"): value.decode(errors="backslashreplace") for name, value in raw.items()}
    code, detail, entry_id, failed_at, data = (fields.pop(name, "") for name in ADDED)
    return Letter(letter_id.decode(), entry_id, failed_at, code, detail, data, fields)
