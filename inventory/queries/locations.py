"""Finding sites and places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from inventory.enums import LocationKind
from inventory.errors import UnknownWarehouse
from inventory.models import Location, Warehouse
from warehouse.core.errors import NotFound

_PLACES = """
    SELECT l.id, l.warehouse_id, w.external_id, l.pick_sequence, l.code
    FROM inventory_location l JOIN inventory_warehouse w ON w.id = l.warehouse_id WHERE l.id = ANY(%s::bigint[])
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a location stands in the walk through its site, and the site's name at the partners."""

    location_id: int
    warehouse_id: int
    warehouse_external_id: str
    pick_sequence: int
    code: str

    @property
    def walk(self) -> tuple[int, str]:
        """Sort places by this to walk them in order."""
        return (self.pick_sequence, self.code)


def places_of(location_ids: Iterable[int]) -> dict[int, Place]:
    """The places of these locations, by id. One statement, the same for any number."""
    with connection.cursor() as cursor:
        cursor.execute(_PLACES, [list(set(location_ids))])
        return {row[0]: Place(*row) for row in cursor.fetchall()}


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
