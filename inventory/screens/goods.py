"""How the floor screens show what lies somewhere, and which of it a scan means."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from inventory.enums import PICKABLE_KINDS, BatchStatus, BlockedReason, Condition, LocationKind, Phase
from inventory.models import BatchLocation, ReturnItem, Warehouse
from inventory.queries.scan import Scanned, find_by_scan
from warehouse.core import shown

PHASES: dict[str, Promise] = {Phase.OPENED: pgettext_lazy("goods", "opened"), Phase.THAWED: pgettext_lazy("goods", "thawed")}
BLOCKED: dict[str, Promise] = {
    BlockedReason.RECALLED: pgettext_lazy("goods", "recalled"),
    BlockedReason.HELD: pgettext_lazy("goods", "on hold"),
    BlockedReason.PLACE: pgettext_lazy("goods", "not for picking"),
    BlockedReason.EXPIRED: pgettext_lazy("goods", "too short dated"),
}
STATUSES: dict[str, Promise] = {BatchStatus.ON_HOLD: pgettext_lazy("goods", "on hold"), BatchStatus.RECALLED: pgettext_lazy("goods", "recalled")}
CONDITIONS: dict[str, Promise] = {
    Condition.AMBIENT: _("room temperature"),
    Condition.COOL: _("cool"),
    Condition.CHILLED: _("chilled"),
    Condition.FROZEN: _("frozen"),
}
KINDS: dict[str, Promise] = {
    LocationKind.RECEIVING: _("receiving dock"),
    LocationKind.STORAGE: _("shelf"),
    LocationKind.DISPLAY: _("shop shelf"),
    LocationKind.PACKING: _("packing bench"),
    LocationKind.SHIPPING: _("shipping dock"),
    LocationKind.QUARANTINE: _("quarantine"),
    LocationKind.TRANSIT: _("on the way"),
}


def last_day(expires_at: datetime | None, warehouse: Warehouse) -> str:
    """The last day on which goods may be used: what ends at midnight ends with the day before."""
    return shown.day_text((expires_at - timedelta.resolution).astimezone(ZoneInfo(warehouse.time_zone)).date()) if expires_at else ""


def row_of(row: BatchLocation, warehouse: Warehouse) -> dict[str, Any]:
    """What lies in a place. The batch, the product and the place must be loaded."""
    free = row.quantity - row.reserved
    unit = row.product.base_unit
    # That docks and benches are not for picking, everybody knows.
    known = row.blocked_reason == BlockedReason.PLACE and row.location.kind not in PICKABLE_KINDS
    return {
        "id": row.pk,
        "name": row.product.name,
        "sku": row.product.sku,
        "product": row.product_id,
        "batch": row.batch_id,
        "lot": row.batch.lot_number,
        "expires": last_day(row.effective_expires_at, warehouse),
        "place": row.location.code,
        "location": row.location_id,
        "size": shown.size_of(row.location.code),
        "phase": PHASES.get(row.phase, ""),
        "blocked": "" if known else BLOCKED.get(row.blocked_reason, ""),
        "quantity": shown.quantity_text(row.quantity, unit),
        "free": shown.quantity_text(free, unit),
        "promised": shown.quantity_text(row.reserved, unit) if row.reserved else "",
        "unit": shown.UNITS.get(unit, unit),
        "point": row.product.quantity_step < 1,
    }


def names_lot(found: Scanned, lot_number: str) -> bool:
    """Whether a code of the product means this lot: it names it, or none at all. Case does not count."""
    return found.lot_number.upper() in ("", lot_number.upper())


_Row = TypeVar("_Row", BatchLocation, ReturnItem)


def meant(code: str, rows: Iterable[_Row], warehouse_id: int) -> list[_Row]:
    """Those of the rows that a scanned code names: by SKU, lot, a barcode of the product, or a GS1 code that names no other lot.

    Their product and batch must be loaded.
    """
    rows = list(rows)
    wanted = code.casefold()
    by_name = [row for row in rows if row.product.sku.casefold() == wanted] or [row for row in rows if row.batch.lot_number.casefold() == wanted]
    if by_name:
        return by_name
    found = find_by_scan(code, warehouse_id=warehouse_id)
    return [row for row in rows if row.product_id == found.product_id and names_lot(found, row.batch.lot_number)]
