"""Which picked goods are to be looked at: the rules, and what they say of a task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db.models import Q

from fulfillment.locks import lock_quality_rule
from fulfillment.models import PickingTask, PickingTaskItem, QualityRule
from warehouse.core.actor import Actor
from warehouse.core.documents import apply_values
from warehouse.core.transactions import operation

# A number from 0 up to, but not including, 1.
Draw = Callable[[], float]
WRITTEN = ("name", "product_id", "storefront_external_id", "share", "is_active")
REASON_LENGTH = 200


@operation()
def create_quality_rule(values: Mapping[str, Any], *, actor: Actor) -> QualityRule:
    """Add a rule; it holds for what is picked to the end from now on. Raises ValidationFailed."""
    rule = QualityRule()
    apply_values(rule, values, WRITTEN)
    rule.save()
    return rule


@operation()
def change_quality_rule(rule_id: int, values: Mapping[str, Any], *, actor: Actor, expected_version: int | None = None) -> QualityRule:
    """Set the values; checks that were asked for already stay. Locks the rule. Raises ValidationFailed, NotFound, StaleVersion."""
    rule = lock_quality_rule(rule_id, expected_version)
    apply_values(rule, values, WRITTEN)
    rule.save_changes(*WRITTEN)
    return rule


@operation()
def delete_quality_rule(rule_id: int, *, actor: Actor) -> None:
    """Take the rule out; checks that were asked for already stay. Locks the rule. Raises NotFound."""
    lock_quality_rule(rule_id).delete()


def reason_to_check(task: PickingTask, draw: Draw) -> str:
    """Why what was picked of a task is to be looked at: the rules that ask for it, each with what was drawn; empty when none does.

    Each rule that fits, and takes a share only, draws once. One statement.
    """
    picked = PickingTaskItem.objects.filter(task=task, quantity_picked__gt=0).values("product")
    rules = QualityRule.objects.filter(
        Q(product=None) | Q(product__in=picked),
        Q(storefront_external_id="") | Q(storefront_external_id=task.order.storefront_external_id),
        is_active=True,
    )
    return "; ".join(_asking(rules.order_by("pk"), draw))[:REASON_LENGTH]


def _asking(rules: Iterable[QualityRule], draw: Draw) -> Iterable[str]:
    for rule in rules:
        if rule.share == 100:
            yield rule.name
            continue
        drawn = int(draw() * 100)
        if drawn < rule.share:
            yield f"{rule.name} ({rule.share} %, drawn {drawn})"
