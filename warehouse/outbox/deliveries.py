"""What a consumer tells the stream about its entries: done, tried again, dead."""

from __future__ import annotations

import redis
from django.conf import settings
from django.utils import timezone

from warehouse.outbox.letters import in_a_letter

COUNTS_KEPT_SECONDS = 7 * 24 * 3600

# One script is one transaction, and unlike in MULTI an XADD that fails stops it: no entry is acknowledged whose letter is not written.
BURY = """
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(ARGV, 4))
redis.call('HDEL', KEYS[3], ARGV[2])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
"""


class Deliveries:
    """The acknowledgements, the counts of tries and the dead letters of one group.

    Redis counts deliveries too, but also those that an outage ended; here only tries count, whoever made them.
    """

    def __init__(self, client: redis.Redis, stream: str, group: str) -> None:
        self.stream, self.group = stream, group
        self.dead_letters = f"{stream}:dlq"
        self._client = client
        self._bury = client.register_script(BURY)
        self._counts = f"{stream}:deliveries:{group}"
        self._done: list[bytes] = []
        self._counted: set[bytes] = set()

    def count(self, entry_id: bytes) -> int:
        """Count another try and return its number. The first try of an entry is not written down, so this begins with 2."""
        with self._client.pipeline() as pipe:
            pipe.hincrby(self._counts, entry_id, 1)
            pipe.expire(self._counts, COUNTS_KEPT_SECONDS)
            again: int = pipe.execute()[0]
        self._counted.add(entry_id)
        return again + 1

    def uncount(self, entry_id: bytes) -> None:
        """Take the last try back: it said nothing about the entry."""
        if entry_id in self._counted:
            self._client.hincrby(self._counts, entry_id, -1)

    def acknowledge(self, entry_id: bytes) -> None:
        """The effects are committed; `flush` tells the stream."""
        self._done.append(entry_id)

    def flush(self) -> None:
        """Acknowledge what is done, all of it at once."""
        if not self._done:
            return
        counted = [entry_id for entry_id in self._done if entry_id in self._counted]
        with self._client.pipeline(transaction=False) as pipe:
            pipe.xack(self.stream, self.group, *self._done)
            if counted:
                pipe.hdel(self._counts, *counted)
            pipe.execute()
        self._counted.difference_update(counted)
        self._done.clear()

    def forget(self) -> None:
        """Drop acknowledgements that could not be sent: the entries come again and are known by the inbox."""
        self._done.clear()

    def bury(self, entry_id: bytes, fields: dict[bytes, bytes], code: str, detail: str, data: str) -> None:
        """Move the entry to `<stream>:dlq` with all its fields (see `in_a_letter`) and the reason, in one transaction of Redis."""
        letter: dict[bytes, bytes | str] = {
            **in_a_letter(fields),
            b"error_code": code,
            b"error_detail": detail[:2000],
            b"error_data": data[:20000],
            b"entry_id": entry_id,
            b"failed_at": timezone.now().isoformat(),
        }
        flat = [part for pair in letter.items() for part in pair]
        self._bury(keys=[self.stream, self.dead_letters, self._counts], args=[self.group, entry_id, settings.OUTBOX_STREAM_MAXLEN, *flat])
        self._counted.discard(entry_id)
