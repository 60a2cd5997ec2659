"""Finding sites and places."""

from __future__ import annotations

from inventory.enums import LocationKind
from inventory.errors import UnknownWarehouse
from inventory.models import Location, Warehouse
from warehouse.core.errors import NotFound


def default_location(warehouse_id: int, kind: LocationKind) -> int:
    """The place of a kind that a warehouse uses when nobody names one: the active one with the first code. Raises NotFound when it has none."""
    found = Location.objects.filter(warehouse=warehouse_id, kind=kind, is_active=True).order_by("code").values_list("pk", flat=True).first()
    if found is None:
        raise NotFound(f"Warehouse {warehouse_id} has no active {LocationKind(kind).label}. Make a location of this kind first.", kind=str(kind))
    return found


def find_warehouse(*, code: str = "", external_id: str = "") -> Warehouse | None:
    """The active warehouse with our code, or with the partners' id; None when neither is given. Raises UnknownWarehouse when there is none."""
    if not code and not external_id:
        return None
    found = Warehouse.objects.filter(**({"external_id": external_id} if external_id else {"code": code}), is_active=True).first()
    if found is None:
        raise UnknownWarehouse(
            f"There is no active warehouse {external_id or code}.",
            errors=[{"field": "warehouse_id" if external_id else "warehouse", "code": "unknown", "asked": external_id or code}],
        )
    return found
