"""What `run_once` claims: an idempotency key of a client, or an entry of a stream."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django.core.files import File
from django.db import connection

from warehouse.core.errors import Conflict, Unprocessable
from warehouse.outbox.models import IdempotencyKey

# What `run_once` returns for a stream entry whose effects were committed before.
REPEATED = {"repeated": True}


def _try_lock(what: str) -> bool:
    """A lock on a name until the transaction ends; false when somebody else holds it."""
    number = int.from_bytes(hashlib.blake2b(what.encode(), digest_size=8).digest(), signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        row = cursor.fetchone()
    return bool(row and row[0])


def fingerprint_of(body: Any) -> str:
    """A digest of a request body, the same for equal JSON whatever the order of its keys. Of a file its content counts, not its name."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=_as_text).encode()).hexdigest()


def _as_text(value: Any) -> str:
    if not isinstance(value, File):
        return str(value)
    digest = hashlib.sha256()
    value.seek(0)
    for chunk in value.chunks():
        digest.update(chunk)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """A client's `Idempotency-Key`: 422 for another body, 409 while the first call still runs, else the first answer again."""

    client: str
    key: str
    fingerprint: str

    def take(self) -> Any | None:
        if not _try_lock(f"idempotency:{self.client}:{self.key}"):
            raise Conflict("A call with this Idempotency-Key is still running. Wait and repeat it.", key=self.key)
        kept = IdempotencyKey.objects.filter(client=self.client, key=self.key).first()
        if kept is None:
            return None
        if kept.fingerprint != self.fingerprint:
            raise Unprocessable("This Idempotency-Key was used with another request. Use a new key for a new request.", key=self.key)
        return kept.answer

    def keep(self, answer: Any) -> None:
        IdempotencyKey.objects.create(client=self.client, key=self.key, fingerprint=self.fingerprint, answer=answer)


@dataclass(frozen=True, slots=True)
class InboxClaim:
    """An entry of a stream, which may be delivered more than once: one INSERT, which waits for another consumer's to commit or roll back."""

    stream: str
    entry_id: str

    def take(self) -> Any | None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO outbox_inboxentry (stream, entry_id, taken_at) VALUES (%s, %s, clock_timestamp()) ON CONFLICT DO NOTHING",
                [self.stream, self.entry_id],
            )
            return None if cursor.rowcount else REPEATED

    def keep(self, answer: Any) -> None:
        """The row was written when it was claimed; a stream waits for no answer."""
