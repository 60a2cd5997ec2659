"""Finding places."""

from __future__ import annotations

from inventory.enums import LocationKind
from inventory.models import Location
from warehouse.core.errors import NotFound


def default_location(warehouse_id: int, kind: LocationKind) -> int:
    """The place of a kind that a warehouse uses when nobody names one: the active one with the first code. Raises NotFound when it has none."""
    found = Location.objects.filter(warehouse=warehouse_id, kind=kind, is_active=True).order_by("code").values_list("pk", flat=True).first()
    if found is None:
        raise NotFound(f"Warehouse {warehouse_id} has no active {LocationKind(kind).label}. Make a location of this kind first.", kind=str(kind))
    return found
