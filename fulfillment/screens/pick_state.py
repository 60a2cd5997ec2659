"""Where a picker stands in a stop: the scans that were right so far, kept in the session."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from fulfillment.models import PickingTaskItem
from fulfillment.services.scans import names_goods, names_place

STEP = "floor_pick"


def step_of(request: HttpRequest, item: PickingTaskItem) -> dict[str, str]:
    """The scans of this item that were right so far; none when its goods lie elsewhere now."""
    kept: dict[str, Any] = request.session.get(STEP, {})
    if kept.get("item") != item.pk or not names_place(kept.get("location", ""), item.location):
        return {}
    return {key: kept[key] for key in ("location", "product", "version") if key in kept}


def keep(request: HttpRequest, item: PickingTaskItem, **scans: str) -> None:
    request.session[STEP] = {"item": item.pk, **scans}


def same_goods(code: str, first: str, item: PickingTaskItem) -> bool:
    """The product again: the same code, or another code of the same goods."""
    return bool(code) and (code == first or names_goods(code, product=item.product, batch=item.batch, warehouse_id=item.location.warehouse_id))


def expected_goods(item: PickingTaskItem) -> str:
    return _("%(name)s, lot %(lot)s") % {"name": item.product.name, "lot": item.batch.lot_number}
