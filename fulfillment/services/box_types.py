"""What goods are packed into: the boxes that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from fulfillment.locks import lock_box_type
from fulfillment.models import BoxType
from warehouse.core.actor import Actor
from warehouse.core.documents import apply_values
from warehouse.core.errors import Conflict
from warehouse.core.transactions import operation

WRITTEN = ("code", "name", "packaging_type", "length", "width", "height", "wall", "own_weight", "max_weight", "is_active")


@operation()
def create_box_type(values: Mapping[str, Any], *, actor: Actor) -> BoxType:
    """Add a box type. Raises ValidationFailed for sides and weights that no box has, Conflict when its code is taken."""
    box = BoxType()
    apply_values(box, values, WRITTEN)
    return _saved(box)


@operation()
def change_box_type(box_type_id: int, values: Mapping[str, Any], *, actor: Actor, expected_version: int | None = None) -> BoxType:
    """Set the values; packages that were made keep theirs. Locks the box type. Raises NotFound, StaleVersion, ValidationFailed, Conflict."""
    box = lock_box_type(box_type_id, expected_version)
    apply_values(box, values, WRITTEN)
    return _saved(box)


@operation()
def delete_box_type(box_type_id: int, *, actor: Actor) -> None:
    """Take out a box type that nothing was ever packed into. Locks it. Raises NotFound, Conflict."""
    box = lock_box_type(box_type_id)
    try:
        box.delete()
    except ProtectedError as error:
        raise Conflict(f"Goods were packed into {box}. Take it out of use instead (is_active).", box_type=box_type_id) from error


def _saved(box: BoxType) -> BoxType:
    try:
        with transaction.atomic():
            if box.pk:
                box.save_changes(*WRITTEN)
            else:
                box.save()
    except IntegrityError as error:
        raise Conflict(f"There is a box type {box.code} already.", errors=[{"field": "code", "code": "taken"}]) from error
    return box
