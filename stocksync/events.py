"""The events of orders of channels; their types stand in `warehouse.core.order_events`, because others answer them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from warehouse.core.quantities import plain
from warehouse.outbox.events import Event

if TYPE_CHECKING:
    from stocksync.models import ChannelOrder


def of_order(type: str, order: ChannelOrder, **more: Any) -> Event:
    """An event about a locked order, its channel loaded."""
    return Event(type, "channel_order", order.pk, {"order_source": order.channel.code, "order_id": order.external_id, **more})


def lines_of(quantities: Iterable[tuple[str, Decimal]], warehouse: str) -> list[dict[str, str]]:
    """Lines as inventory reads them: so much of a SKU from that warehouse."""
    return [{"sku": sku, "quantity": plain(quantity), "warehouse": warehouse} for sku, quantity in quantities]
