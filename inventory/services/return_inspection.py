"""What somebody found who looked at returned goods, and what is to become of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone

from inventory.enums import ReturnCondition, ReturnDecision
from inventory.locks import lock_return
from inventory.models import Return, ReturnItem
from inventory.queries.locations import places_at
from inventory.services.return_goods import goods_of
from inventory.services.returns import lock_open
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import REASON_LENGTH, take
from warehouse.core.errors import NotFound, ValidationFailed
from warehouse.core.photos import keep_photo
from warehouse.core.transactions import operation

COLDEST, HOTTEST = Decimal(-100), Decimal(100)
# What spoiled or damaged goods may not become.
FORBIDDEN = {
    ReturnCondition.SPOILED: {ReturnDecision.RETURN_TO_SHELF, ReturnDecision.RETURN_WITH_DISCOUNT},
    ReturnCondition.DAMAGED: {ReturnDecision.RETURN_TO_SHELF},
}
_WRITTEN = [
    "condition", "decision", "temperature", "freshness_remaining", "discount_percent", "location", "inspection_note", "new_expires_at",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at a line. `temperature` in °C; `freshness_remaining` is the share of life left, 1 being fresh; `discount_percent` belongs to the
    decision `return_with_discount`. Without a location the line goes where it said before, else where the return goes.
    """

    item_id: int
    condition: str
    decision: str
    temperature: Decimal | None = None
    freshness_remaining: Decimal | None = None
    discount_percent: Decimal | None = None
    location_id: int | None = None
    inspection_note: str = ""


@operation(Role.RECEIVER)
def inspect_return(return_id: int, *, findings: Sequence[Finding], actor: Actor, expected_version: int | None = None) -> Return:
    """Keep what was found: draft → inspected; looking again at some lines is allowed until the return is completed. Locks the return.

    Every line must have been looked at in the end. Refuses, naming every line, what contradicts itself, and what `complete_return` would refuse as things
    stand: expired goods for the shelf, places where they may not live. Shows on each line when the goods expire in their new place.
    """
    document = lock_return(return_id, expected_version)
    take(document, "inspect")
    items = list(document.items.select_related("product", "location").order_by("pk"))
    _refuse_senseless(document, findings, items)
    found = {finding.item_id: finding for finding in findings}
    for item in items:
        if item.pk in found:
            _note(item, found[item.pk])
    require_decided(document, items)
    goods, _ = goods_of(document, items, timezone.now())
    for one in goods:
        one.item.new_expires_at = one.expires_at if one.for_sale else None
    ReturnItem.objects.bulk_update(items, _WRITTEN)
    document.inspected_at = timezone.now()
    document.save_changes("status", "inspected_at")
    return document


def require_decided(document: Return, items: Sequence[ReturnItem]) -> None:
    """Raise ValidationFailed for a return without lines, and naming every line (with its product at hand) that nobody has decided on."""
    if not items:
        raise ValidationFailed(f"{document} has no lines. Add what came back, or cancel it.")
    undecided = [item for item in items if not item.decision]
    if undecided:
        names = ", ".join(f"{item} ({item.product.sku})" for item in undecided)
        raise ValidationFailed(
            f"{document}: {names} was not inspected yet. Inspect it, or strike it off.",
            errors=[{"line": item.pk, "sku": item.product.sku, "code": "undecided"} for item in undecided],
        )


@operation(Role.RECEIVER)
def attach_return_photo(return_id: int, item_id: int, content: bytes, *, actor: Actor, expected_version: int | None = None) -> ReturnItem:
    """Keep a photo of a line of an open return, instead of one it has: JPEG, PNG or WebP, told by its first bytes, up to 10 MB. Locks the return."""
    document = lock_open(return_id, expected_version)
    item = document.items.filter(pk=item_id).first()
    if item is None:
        raise NotFound(f"{document} has no line {item_id}.", item=item_id)
    keep_photo(item, content)
    document.save_changes()
    return item


def _note(item: ReturnItem, finding: Finding) -> None:
    item.condition, item.decision = finding.condition, finding.decision
    item.temperature, item.freshness_remaining = finding.temperature, finding.freshness_remaining
    item.discount_percent, item.inspection_note = finding.discount_percent, finding.inspection_note
    if finding.location_id is not None:
        item.location_id = finding.location_id


def _refuse_senseless(document: Return, findings: Sequence[Finding], items: Sequence[ReturnItem]) -> None:
    faults: list[dict[str, Any]] = []
    known = {item.pk: item for item in items}
    seen: set[int] = set()
    for number, finding in enumerate(findings):
        for field, code, text in _faults(finding, known, seen):
            faults.append({"field": f"findings[{number}].{field}", "code": code, "line": finding.item_id, "detail": text})
        seen.add(finding.item_id)
    if faults:
        raise ValidationFailed(" ".join(fault["detail"] for fault in faults), errors=faults)
    places_at(document.warehouse_id, {f"findings[{n}].location": f.location_id for n, f in enumerate(findings) if f.location_id is not None})


def _faults(finding: Finding, known: Mapping[int, ReturnItem], seen: set[int]) -> list[tuple[str, str, str]]:
    item = known.get(finding.item_id)
    if item is None:
        return [("item", "unknown", f"There is no line {finding.item_id}.")]
    name = f"{item} ({item.product.sku})"
    result = []
    if finding.item_id in seen:
        result.append(("item", "twice", f"{name} is named twice."))
    if finding.condition not in ReturnCondition.values:
        result.append(("condition", "invalid", f"{name}: the condition is one of {', '.join(ReturnCondition.values)}."))
    if finding.decision not in ReturnDecision.values:
        result.append(("decision", "invalid", f"{name}: the decision is one of {', '.join(ReturnDecision.values)}."))
    elif finding.condition in ReturnCondition.values and ReturnDecision(finding.decision) in FORBIDDEN.get(ReturnCondition(finding.condition), set()):
        result.append(("decision", "not_allowed", f"{name} is {finding.condition}: it can't become {ReturnDecision(finding.decision).label}."))
    discounted = finding.decision == ReturnDecision.RETURN_WITH_DISCOUNT
    if discounted != (finding.discount_percent is not None):
        result.append(("discount_percent", "contradiction", f"{name}: a discount goes with the decision to return at a discount, and only with it."))
    elif finding.discount_percent is not None and not _within(finding.discount_percent, Decimal("0.01"), Decimal("99.99"), Decimal("0.01")):
        result.append(("discount_percent", "invalid", f"{name}: the discount is more than 0 and less than 100 percent, to a hundredth."))
    if finding.temperature is not None and not _within(finding.temperature, COLDEST, HOTTEST, Decimal("0.1")):
        result.append(("temperature", "invalid", f"{name}: the temperature is from {COLDEST} to {HOTTEST} °C, to a tenth."))
    if finding.freshness_remaining is not None and not _within(finding.freshness_remaining, Decimal(0), Decimal(1), Decimal("0.0001")):
        result.append(("freshness_remaining", "invalid", f"{name}: the freshness left is a share from 0 to 1."))
    if len(finding.inspection_note) > REASON_LENGTH:
        result.append(("inspection_note", "too_long", f"{name}: a note may have {REASON_LENGTH} characters."))
    return result


def _within(value: Decimal, least: Decimal, most: Decimal, step: Decimal) -> bool:
    return value.is_finite() and least <= value <= most and not value % step
