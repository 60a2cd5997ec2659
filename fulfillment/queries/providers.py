"""Reading carriers."""

from __future__ import annotations

from fulfillment.models import DeliveryProvider
from warehouse.core.errors import NotFound


def active_provider(code: str) -> DeliveryProvider:
    """The provider with this code. Raises NotFound."""
    provider = DeliveryProvider.objects.filter(code=code, is_active=True).first()
    if provider is None:
        raise NotFound(f"There is no active delivery provider {code[:40]!r}.", kind="deliveryprovider", code=code[:40])
    return provider


def default_provider() -> DeliveryProvider | None:
    """The provider of orders that name none, where the house has chosen one."""
    return DeliveryProvider.objects.filter(is_default=True, is_active=True).first()
