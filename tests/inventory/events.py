"""What was announced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from warehouse.outbox.models import OutboxEvent


class Heard(list[tuple[str, dict[str, Any]]]):
    """The events of a block, as (type, payload) in their order."""

    def types(self) -> list[str]:
        return [kind for kind, _ in self]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self if name == kind]


@contextmanager
def heard() -> Iterator[Heard]:
    last = OutboxEvent.objects.order_by("sequence").values_list("sequence", flat=True).last() or 0
    result = Heard()
    yield result
    result.extend(OutboxEvent.objects.filter(sequence__gt=last).order_by("sequence").values_list("type", "payload"))
