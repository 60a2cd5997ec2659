"""Waves looked at and walked: what tests of waves share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fulfillment.models import PickingBatch, PickingTask, Wave
from fulfillment.services.picking_tasks import complete_picking_task
from fulfillment.services.waves import settle_waves
from tests.factories.fulfillment import ACTOR, begun, pick
from tests.fulfillment.walks import agrees
from warehouse.core.actor import Actor
from warehouse.outbox.models import OutboxEvent


def ids(tasks: Any) -> list[int]:
    return [task.pk for task in tasks]


def in_wave(wave: Wave) -> list[int]:
    return list(PickingTask.objects.filter(wave=wave).order_by("pk").values_list("pk", flat=True))


def settled() -> None:
    """Waves have followed their tasks, as the subscriber makes them; then nothing contradicts, and the books balance."""
    settle_waves(list(PickingTask.objects.values_list("pk", flat=True)), actor=ACTOR)
    agrees()


def told(*types: str) -> list[tuple[str, dict[str, Any]]]:
    return [(row.type, row.payload) for row in OutboxEvent.objects.order_by("sequence") if row.type in types]


def now(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def walked(task: PickingTask, picker: Actor) -> None:
    begun(task, picker)
    for item in task.items.all():
        pick(item, picker)
    complete_picking_task(task.pk, actor=picker)


@contextmanager
def nothing_written() -> Iterator[None]:
    before = [list(model.objects.order_by("pk").values()) for model in (Wave, PickingTask, PickingBatch, OutboxEvent)]
    yield
    assert [list(model.objects.order_by("pk").values()) for model in (Wave, PickingTask, PickingBatch, OutboxEvent)] == before
