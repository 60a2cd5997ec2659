"""The carriers that the house works with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from fulfillment.locks import lock_carrier
from fulfillment.models import DeliveryProvider
from warehouse.core.actor import Actor
from warehouse.core.documents import apply_values
from warehouse.core.errors import Conflict
from warehouse.core.transactions import operation

WRITTEN = (
    "code", "name", "volumetric_divisor", "max_weight", "max_length", "max_girth", "label_format", "is_active", "is_default",
)  # fmt: skip


@operation()
def create_carrier(values: Mapping[str, Any], *, actor: Actor) -> DeliveryProvider:
    """Add a carrier. Raises ValidationFailed for values that none has, Conflict when its code is taken, or another one is the default."""
    carrier = DeliveryProvider()
    apply_values(carrier, values, WRITTEN)
    return _saved(carrier)


@operation()
def change_carrier(provider_id: int, values: Mapping[str, Any], *, actor: Actor, expected_version: int | None = None) -> DeliveryProvider:
    """Set the values; what is packed and asked for already stays as it is. Locks the carrier.

    Raises NotFound, StaleVersion, ValidationFailed, Conflict when the code is taken, or another one is the default.
    """
    carrier = lock_carrier(provider_id, expected_version)
    apply_values(carrier, values, WRITTEN)
    return _saved(carrier)


def _saved(carrier: DeliveryProvider) -> DeliveryProvider:
    try:
        with transaction.atomic():
            if carrier.pk:
                carrier.save_changes(*WRITTEN)
            else:
                carrier.save()
    except IntegrityError as error:
        if carrier.is_default and DeliveryProvider.objects.exclude(pk=carrier.pk).filter(is_default=True).exists():
            other = DeliveryProvider.objects.exclude(pk=carrier.pk).get(is_default=True)
            raise Conflict(f"{other} is the default. Take that from it first.", errors=[{"field": "is_default", "code": "taken"}]) from error
        raise Conflict(f"There is a carrier {carrier.code} already.", errors=[{"field": "code", "code": "taken"}]) from error
    return carrier
