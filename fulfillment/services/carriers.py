"""The carriers that the house works with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fulfillment.locks import lock_carrier
from fulfillment.models import DeliveryProvider
from warehouse.core.actor import Actor
from warehouse.core.documents import apply_values, write_values
from warehouse.core.transactions import operation

WRITTEN = (
    "code", "name", "volumetric_divisor", "max_weight", "max_length", "max_girth", "label_format", "is_active", "is_default",
)  # fmt: skip


@operation()
def create_carrier(values: Mapping[str, Any], *, actor: Actor) -> DeliveryProvider:
    """Add a carrier. Raises ValidationFailed for values that none has, Conflict when its code is taken, or another one is the default."""
    return _set(DeliveryProvider(), values)


@operation()
def change_carrier(provider_id: int, values: Mapping[str, Any], *, actor: Actor, expected_version: int | None = None) -> DeliveryProvider:
    """Set the values; what is packed and asked for already stays as it is. Locks the carrier.

    Raises NotFound, StaleVersion, ValidationFailed, Conflict when the code is taken, or another one is the default.
    """
    return _set(lock_carrier(provider_id, expected_version), values)


def _set(carrier: DeliveryProvider, values: Mapping[str, Any]) -> DeliveryProvider:
    def refused(constraint: str) -> tuple[str, str]:
        if constraint != "one_default_provider":
            return "code", f"There is a carrier {carrier.code} already."
        other = DeliveryProvider.objects.exclude(pk=carrier.pk).filter(is_default=True).first()
        return "is_default", f"{other or 'Another carrier'} is the default. Take that from it first."

    apply_values(carrier, values, WRITTEN)
    write_values(carrier, WRITTEN, refused)
    return carrier
