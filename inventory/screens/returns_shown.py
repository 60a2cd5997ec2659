"""What `/floor/returns` shows of a return."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from inventory.enums import OPEN_RETURNS, Condition, Phase, ReturnCondition, ReturnDecision
from inventory.models import Product, Return, ReturnItem, ShelfLife
from inventory.services.return_inspection import FORBIDDEN
from warehouse.core import shown
from warehouse.core.screens import Feedback, show

CONDITIONS: dict[str, Promise] = {
    ReturnCondition.INTACT: pgettext_lazy("returned goods", "Intact"),
    ReturnCondition.OPENED: pgettext_lazy("returned goods", "Opened"),
    ReturnCondition.DAMAGED: pgettext_lazy("returned goods", "Damaged"),
    ReturnCondition.SPOILED: pgettext_lazy("returned goods", "Spoiled"),
}
DECISIONS: dict[str, Promise] = {
    ReturnDecision.RETURN_TO_SHELF: _("Back to the shelf"),
    ReturnDecision.RETURN_WITH_DISCOUNT: _("Sell at a discount"),
    ReturnDecision.WRITE_OFF: _("Write off"),
}
PERCENTS = (10, 20, 30, 50)
# What was found before does not count any more.
AGAIN = "again"
_COLD = (Condition.CHILLED, Condition.FROZEN)


def decisions_for(condition: str, product: Product) -> list[str]:
    """What goods in this condition may become; opened ones that have no life of their own can't be sold again."""
    if condition not in ReturnCondition.values:
        return []
    opened = condition == ReturnCondition.OPENED and product.tracks_expiry
    if opened and not ShelfLife.objects.filter(product=product, phase=Phase.OPENED).exists():
        return [ReturnDecision.WRITE_OFF]
    forbidden = FORBIDDEN.get(ReturnCondition(condition), set())
    return [decision for decision in DECISIONS if decision not in forbidden]


def screen(request: HttpRequest, document: Return, state: dict[str, Any], feedback: Feedback | None = None) -> HttpResponse:
    """The return as it stands: the goods to be added, the line that is looked at, or the lines."""
    context: dict[str, Any] = {"document": document, "open": document.status in OPEN_RETURNS, "version": document.version, "token": state["token"]}
    items = document.items.select_related("product", "batch").order_by("pk")
    if not context["open"]:
        return show(request, "floor/return.html", context | {"place": document.location.code}, feedback)
    if state["add"]:
        return show(request, "floor/return_add.html", context | _added(state["add"]), feedback)
    item = items.filter(pk=state["item"] or 0).first()
    if item is not None:
        return show(request, "floor/return_item.html", context | _item(item, state["found"].get(str(item.pk), {})), feedback)
    rows = [_row(item, state["found"].get(str(item.pk), {})) for item in items[:100]]
    left = [row for row in rows if not row["decided"]]
    return show(request, "floor/return.html", context | {"rows": rows, "total": len(rows), "done": len(rows) - len(left)}, feedback)


def _added(add: dict[str, Any]) -> dict[str, Any]:
    product = Product.objects.get(pk=add["product"])
    return {
        "token": add["token"],
        "goods": {"name": product.name, "sku": product.sku},
        "unit": shown.UNITS.get(product.base_unit, product.base_unit),
        "point": product.quantity_step < 1,
        "most": add["most"],
        "quantity": "1" if product.quantity_step == 1 else "",
    }


def _decision_text(decision: str, percent: Any) -> str:
    text = str(DECISIONS.get(decision, ""))
    return f"{text} −{shown.plain(percent)} %" if percent and decision == ReturnDecision.RETURN_WITH_DISCOUNT else text


def _said(item: ReturnItem, found: dict[str, str]) -> tuple[str, str, Any]:
    """Condition, decision and discount of a line: what was tapped now, else what an inspection before said, unless that is to be forgotten."""
    before = (item.condition, item.decision, item.discount_percent) if AGAIN not in found else ("", "", None)
    return found.get("condition") or before[0], found.get("decision") or before[1], found.get("percent") or before[2] or ""


def _row(item: ReturnItem, found: dict[str, str]) -> dict[str, Any]:
    decision, percent = _said(item, found)[1:]
    decided = bool(decision) and (decision != ReturnDecision.RETURN_WITH_DISCOUNT or bool(percent))
    return shown.goods(item.product, item.batch) | {
        "id": item.pk,
        "quantity": shown.quantity_text(item.quantity, item.product.base_unit),
        "decided": decided,
        "decision": _decision_text(decision, Decimal(percent) if percent else None) if decided else "",
        "bad": decision == ReturnDecision.WRITE_OFF,
    }


def _item(item: ReturnItem, found: dict[str, str]) -> dict[str, Any]:
    """The next question about a line: its condition, the temperature of what must be kept cold, what becomes of it, the discount."""
    condition, decision, percent = _said(item, found)
    temperature = found.get("temperature", "") or (item.temperature if AGAIN not in found and item.temperature is not None else "")
    measured = "temperature" in found or temperature != ""
    asks = "done"
    if not condition:
        asks = "condition"
    elif not measured and not decision and _kept_cold(item.product_id):
        asks = "temperature"
    elif not decision:
        asks = "decision"
    elif decision == ReturnDecision.RETURN_WITH_DISCOUNT and not percent:
        asks = "percent"
    return {
        "item": item,
        "goods": shown.goods(item.product, item.batch),
        "quantity": shown.quantity_text(item.quantity, item.product.base_unit),
        "asks": asks,
        "conditions": CONDITIONS.items(),
        "decisions": [(kind, DECISIONS[kind]) for kind in decisions_for(condition, item.product)],
        "percents": PERCENTS,
        "condition": CONDITIONS.get(condition, ""),
        "decision": _decision_text(decision, Decimal(percent) if percent else None),
        "temperature": shown.plain(Decimal(temperature)) if temperature != "" else "",
    }


def _kept_cold(product_id: int) -> bool:
    """Whether the product may be kept cold only."""
    kept = set(ShelfLife.objects.filter(product=product_id, phase=Phase.SEALED).values_list("condition", flat=True))
    return bool(kept) and kept <= set(_COLD)
