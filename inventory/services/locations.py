"""The places in the sites."""

from __future__ import annotations

from inventory.enums import PICKABLE_KINDS, LocationKind
from inventory.models import Location
from inventory.services.catalogue import Values, change_row, create_row
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.transactions import operation

# They decide what of the goods there is sellable, so they are what they were when the place was made.
FIXED = ("warehouse", "warehouse_id", "kind", "condition", "is_pickable", "is_active")


@operation()
def create_location(values: Values, *, actor: Actor) -> Location:
    """Add a place; without `is_pickable` it is picked from if it is a shelf. Raises ValidationFailed when it is none, Conflict when a code is taken."""
    shelf = values.get("kind", LocationKind.STORAGE) in PICKABLE_KINDS
    if values.get("is_pickable", shelf) and not shelf:
        raise ValidationFailed(
            "Only storage and display places are picked from.",
            errors=[{"field": "is_pickable", "code": "invalid", "detail": "Only storage and display places are picked from."}],
        )
    return create_row(Location, {"is_pickable": shelf, **values})


@operation()
def change_location(location_id: int, values: Values, *, actor: Actor, expected_version: int | None = None) -> Location:
    """Say where it is and how it is scanned. Locks the place; raises NotFound, StaleVersion, and Conflict for what is fixed or taken."""
    fixed = sorted(set(values) & set(FIXED))
    if fixed:
        raise Conflict(f"A place keeps its {', '.join(fixed)}: the goods in it were judged by it.", location=location_id, fields=fixed)
    return change_row(Location, location_id, values, expected_version=expected_version)
