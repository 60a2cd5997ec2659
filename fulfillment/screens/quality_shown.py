"""What `/floor/quality` shows of a check."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fulfillment.enums import PickingStatus, QualityDecision, QualityStatus
from fulfillment.models import QualityCheck, QualityCheckItem
from fulfillment.services.workers import is_theirs
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.screens import Feedback, show

DECISIONS: dict[str, Promise] = {
    QualityDecision.REPICK: _("Keep apart, pick others"),
    QualityDecision.WRITE_OFF: _("Write off, pick others"),
    QualityDecision.HOLD: _("Hold the whole lot"),
}
SHORT: dict[str, Promise] = {QualityDecision.REPICK: _("kept apart"), QualityDecision.WRITE_OFF: _("write off"), QualityDecision.HOLD: _("hold")}
WRONGS: dict[str, Promise] = {"damaged": _("Damaged"), "missing": _("Not all are there"), "both": _("Both")}


def screen(request: HttpRequest, actor: Actor, check: QualityCheck, state: dict[str, Any], feedback: Feedback | None = None) -> HttpResponse:
    """The item at hand, or the list, or how the check has ended."""
    mine = is_theirs(check, actor)
    items = list(check.items.select_related("product", "batch", "quarantined_in__location"))
    item = next((row for row in items if row.pk == state.get("item")), None)
    context: dict[str, Any] = {"check": check, "mine": mine, "bench": check.picking_task.packing_location}
    if item is not None and mine and check.status == QualityStatus.IN_PROGRESS:
        return show(request, "floor/quality_item.html", context | _item(item, state), feedback)
    failed = [row for row in items if row.failed_quantity]
    context |= {
        "rows": [_row(row) for row in sorted(items, key=lambda row: row.is_checked)],
        "done": check.checked_items,
        "total": check.total_items,
        "failed": failed,
        "version": check.version,
    }
    if check.status == QualityStatus.FAILED:
        context |= _ended(check, items)
    return show(request, "floor/quality.html", context, feedback)


def _item(item: QualityCheckItem, state: dict[str, Any]) -> dict[str, Any]:
    """The next question about an item: is it good; what is wrong; how much; what becomes of it."""
    wrong, failed = state.get("wrong", ""), state.get("failed", "")
    asks = "verdict"
    if item.is_checked and not wrong and "again" not in state:
        asks = "done"
    elif failed:
        asks = "decision"
    elif wrong in WRONGS:
        asks = "quantity"
    elif wrong:
        asks = "wrong"
    unit = shown.UNITS.get(item.product.base_unit, item.product.base_unit)
    return {
        "item": item,
        "goods": shown.goods(item.product, item.batch),
        "quantity": shown.quantity_text(item.quantity, item.product.base_unit),
        "most": shown.plain(item.quantity),
        "unit": unit,
        "weighed": item.product.quantity_step < 1,
        "asks": asks,
        "wrongs": WRONGS.items(),
        "wrong_text": WRONGS.get(wrong, ""),
        "failed_text": f"{failed} {unit}" if failed else "",
        "decisions": DECISIONS.items(),
        "said": _found(item),
    }


def _row(item: QualityCheckItem) -> dict[str, Any]:
    return shown.goods(item.product, item.batch) | {
        "id": item.pk,
        "quantity": shown.quantity_text(item.quantity, item.product.base_unit),
        "checked": item.is_checked,
        "bad": bool(item.failed_quantity),
        "said": _found(item),
    }


def _found(item: QualityCheckItem) -> str:
    """`Good`, or how much is not and what becomes of it."""
    if not item.failed_quantity:
        return str(_("Good"))
    decision = SHORT.get(item.decision, "")
    return f"{shown.quantity_text(item.failed_quantity, item.product.base_unit)}: {decision}" if decision else str(_("Failed"))


def _ended(check: QualityCheck, items: list[QualityCheckItem]) -> dict[str, Any]:
    """Where the failed goods are to be brought, and how the order goes on."""
    away = [item for item in items if item.quarantined_quantity]
    place = next((item.quarantined_in.location.code for item in away if item.quarantined_in is not None), "")
    return {
        "place": place,
        "size": shown.size_of(place),
        "away": [
            (item.product.name, SHORT.get(item.decision, ""), shown.quantity_text(item.quarantined_quantity, item.product.base_unit)) for item in away
        ],
        "fetching": check.picking_task.status != PickingStatus.COMPLETED or check.picking_task.quality_checks.filter(pk__gt=check.pk).exists(),
    }
