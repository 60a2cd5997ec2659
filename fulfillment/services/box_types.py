"""What goods are packed into: the boxes that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import ProtectedError

from fulfillment.locks import lock_box_type
from fulfillment.models import BoxType
from warehouse.core.actor import Actor
from warehouse.core.documents import apply_values, write_values
from warehouse.core.errors import Conflict
from warehouse.core.transactions import operation

WRITTEN = ("code", "name", "packaging_type", "length", "width", "height", "wall", "own_weight", "max_weight", "is_active")


@operation()
def create_box_type(values: Mapping[str, Any], *, actor: Actor) -> BoxType:
    """Add a box type. Raises ValidationFailed for sides and weights that no box has, Conflict when its code is taken."""
    return _set(BoxType(), values)


@operation()
def change_box_type(box_type_id: int, values: Mapping[str, Any], *, actor: Actor, expected_version: int | None = None) -> BoxType:
    """Set the values; packages that were made keep theirs. Locks the box type. Raises NotFound, StaleVersion, ValidationFailed, Conflict."""
    return _set(lock_box_type(box_type_id, expected_version), values)


@operation()
def delete_box_type(box_type_id: int, *, actor: Actor) -> None:
    """Take out a box type that nothing was ever packed into. Locks it. Raises NotFound, Conflict."""
    box = lock_box_type(box_type_id)
    try:
        box.delete()
    except ProtectedError as error:
        raise Conflict(f"Goods were packed into {box}. Take it out of use instead (is_active).", box_type=box_type_id) from error


def _set(box: BoxType, values: Mapping[str, Any]) -> BoxType:
    apply_values(box, values, WRITTEN)
    write_values(box, WRITTEN, lambda _: ("code", f"There is a box type {box.code} already."))
    return box
