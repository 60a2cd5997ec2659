"""The dead letters of a stream: what a consumer gave up, with the reason, until a person decides."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import redis

# What a consumer writes beside the fields of the entry.
ADDED = ("error_code", "error_detail", "entry_id", "failed_at", "error_data")
# The entry as one field: [[name, value], …] in JSON, bytes that are no UTF-8 as lone surrogates.
PACKED = "entry_fields"
_RESERVED = {name.encode() for name in (*ADDED, PACKED)}
# A script gives Redis at most 7,999 words in one command. An order has a handful of fields.
MOST_PLAIN_FIELDS = 1000
PAGE = 500

# One script is one transaction, and an XADD that fails stops it: the letter stays until its entry is in the stream again. Only for letters that are not packed.
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
        """Put the entry back at the end of its stream and take the letter away, both or neither. Its new id; None where there is no such letter.

        A packed one is too long for a script: it goes back first and its letter goes after it. A crash between the two leaves both, which is better than neither.
        """
        found: Any = self._client.xrange(self.key, min=letter_id, max=letter_id)
        packed = found[0][1].get(PACKED.encode()) if found else None
        if packed is None:
            entry = self._requeue(keys=[self.stream, self.key], args=[letter_id, *ADDED])
        else:
            entry = self._client.xadd(self.stream, _unpacked(packed))
            self._client.xdel(self.key, letter_id)
        return entry.decode() if entry else None

    def drop(self, letter_id: str) -> bool:
        """Forget a letter for good; whether it was there."""
        return bool(self._client.xdel(self.key, letter_id))


def in_a_letter(fields: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
    """The fields of an entry as its letter keeps them: as they are, or packed into one when they are too many or have the names of what a letter adds."""
    if len(fields) <= MOST_PLAIN_FIELDS and not _RESERVED & fields.keys():
        return fields
    pairs = [[part.decode(errors="surrogateescape") for part in pair] for pair in fields.items()]
    return {PACKED.encode(): json.dumps(pairs).encode()}


def _unpacked(packed: bytes) -> dict[Any, Any]:
    return {name.encode(errors="surrogateescape"): value.encode(errors="surrogateescape") for name, value in json.loads(packed)}


def _letter(letter_id: bytes, raw: dict[bytes, bytes]) -> Letter:
    added = {name: raw.pop(name.encode(), b"").decode(errors="backslashreplace") for name in ADDED}
    packed = raw.pop(PACKED.encode(), None)
    fields = raw if packed is None else _unpacked(packed)
    shown = {name.decode(errors="backslashreplace"): value.decode(errors="backslashreplace") for name, value in fields.items()}
    code, detail, entry_id, failed_at, data = added.values()
    return Letter(letter_id.decode(), entry_id, failed_at, code, detail, data, shown)
