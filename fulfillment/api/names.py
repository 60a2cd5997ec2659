"""From the names that callers use to rows of others."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from inventory import orchestrator
from warehouse.core.errors import ValidationFailed


def named_warehouse(body: dict[str, Any]) -> int:
    """The warehouse that a body names by `warehouse` or `warehouse_id`. Raises ValidationFailed without any, UnknownWarehouse."""
    found = orchestrator.find_warehouse(code=body.get("warehouse", ""), external_id=body.get("warehouse_id", ""))
    if found is None:
        raise ValidationFailed("Name the warehouse, by warehouse or warehouse_id.", errors=[{"field": "warehouse", "code": "required"}])
    return found.pk


def named_worker(username: str) -> int:
    """The active user of this name. Raises ValidationFailed."""
    found = get_user_model().objects.filter(username=username, is_active=True).values_list("pk", flat=True).first()
    if found is None:
        raise ValidationFailed(f"There is no active user {username}.", errors=[{"field": "worker", "code": "unknown"}])
    return int(found)
