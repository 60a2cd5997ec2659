"""Rules and checks for tests; checks come by the real picking."""

from __future__ import annotations

from typing import Any

from fulfillment.models import PickingTask, QualityCheck, QualityCheckItem, QualityRule
from fulfillment.services.picking_tasks import complete_picking_task
from fulfillment.services.quality_checks import record_quality_finding, start_quality_check
from fulfillment.services.quality_rules import create_quality_rule
from tests.factories.fulfillment import ACTOR, begun, order_for, pick
from warehouse.core.actor import Actor
from warehouse.outbox.models import OutboxEvent


def rule(**values: Any) -> QualityRule:
    """A rule that looks at everything unless told otherwise."""
    return create_quality_rule({"name": "All", **values}, actor=ACTOR)


def walked(task: PickingTask, picker: Actor) -> PickingTask:
    """Everything pending of a task picked, and the task completed."""
    begun(task, picker)
    for item in task.items.filter(status="pending"):
        pick(item, picker)
    return complete_picking_task(task.pk, actor=picker)


def to_check(lines: Any, picker: Actor, packer: Actor | None = None, **order: Any) -> QualityCheck:
    """An order for these lines, picked, and its check, begun by the packer if there is one."""
    made = order_for(lines, **order)
    walked(PickingTask.objects.get(order=made), picker)
    check = QualityCheck.objects.get(order=made)
    return start_quality_check(check.pk, actor=packer) if packer else check


def good(item: QualityCheckItem, packer: Actor) -> QualityCheckItem:
    """Nothing is wrong with it."""
    return record_quality_finding(item.pk, condition_ok=True, quantity_ok=True, actor=packer)


def bad(item: QualityCheckItem, packer: Actor, quantity: Any, **more: Any) -> QualityCheckItem:
    """So much of it is damaged."""
    return record_quality_finding(item.pk, condition_ok=False, quantity_ok=True, failed_quantity=quantity, actor=packer, **more)


def told(kind: str) -> list[dict[str, Any]]:
    """What the events of this type said, in their order."""
    return list(OutboxEvent.objects.filter(type=kind).order_by("sequence").values_list("payload", flat=True))


__all__ = ["bad", "good", "rule", "to_check", "told", "walked"]
