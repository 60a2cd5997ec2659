"""How people walk in a warehouse."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction

from fulfillment.locks import lock_walk_settings
from fulfillment.models import WalkSettings
from inventory import orchestrator
from warehouse.core.actor import Actor
from warehouse.core.documents import apply_values
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.transactions import operation

WRITTEN = (
    "warehouse_id", "method", "cold_last", "depot_id", "aisle_spacing", "bay_length", "middle_cross_aisle", "batching", "totes", "max_items", "max_volume",
    "max_weight", "waves_only",
)  # fmt: skip

logger = logging.getLogger(__name__)


@operation()
def create_walk_settings(values: Mapping[str, Any], *, actor: Actor) -> WalkSettings:
    """Say how a warehouse is walked, in place of the defaults; walks that begin from now on follow it.

    Raises ValidationFailed, Conflict when the warehouse has settings already.
    """
    settings = WalkSettings()
    _set(settings, values)
    try:
        with transaction.atomic():
            settings.save()
    except IntegrityError as error:
        raise Conflict(
            "This warehouse has walk settings already: change those.",
            errors=[{"field": "warehouse", "code": "taken"}],
            warehouse=settings.warehouse_id,
        ) from error
    _note("walk settings made", settings, values, actor)
    return settings


@operation()
def change_walk_settings(settings_id: int, values: Mapping[str, Any], *, actor: Actor, expected_version: int | None = None) -> WalkSettings:
    """Set the values; walks that have begun keep their order. Locks the settings. Raises NotFound, StaleVersion, ValidationFailed."""
    settings = lock_walk_settings(settings_id, expected_version)
    if values.get("warehouse_id", settings.warehouse_id) != settings.warehouse_id:
        raise ValidationFailed(
            "Settings stay with their warehouse: make others for the other one.", errors=[{"field": "warehouse", "code": "unchangeable"}]
        )
    _set(settings, values)
    settings.save_changes(*WRITTEN)
    _note("walk settings changed", settings, values, actor)
    return settings


@operation()
def delete_walk_settings(settings_id: int, *, actor: Actor) -> None:
    """Go back to the defaults. Locks the settings. Raises NotFound."""
    settings = lock_walk_settings(settings_id)
    settings.delete()
    _note("walk settings deleted", settings, {}, actor)


def _set(settings: WalkSettings, values: Mapping[str, Any]) -> None:
    apply_values(settings, values, WRITTEN)
    depot = settings.depot_id
    if depot is not None and "depot_id" in values and orchestrator.places_of([depot])[depot].warehouse_id != settings.warehouse_id:
        raise ValidationFailed("depot: name a place of this warehouse.", errors=[{"field": "depot", "code": "invalid"}])


def _note(what: str, settings: WalkSettings, values: Mapping[str, Any], actor: Actor) -> None:
    fields = {"warehouse_id": settings.warehouse_id, "actor": actor.name, "changed": {name: str(value) for name, value in values.items()}}
    transaction.on_commit(partial(logger.info, what, extra=fields))
