"""What the partners of the demo have sold: the same that the demo has in its database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.partners.allegro_microservice import AllegroMicroservice, line_item
from tests.partners.allegro_rest import AllegroRest
from tests.partners.base import Partner

SOLD = Path(__file__).resolve().parents[2] / "warehouse" / "demo" / "marketplaces.json"
SHOWN = 10


def fill(partner: Partner) -> None:
    """Give a marketplace that knows nothing yet the orders and offers of the demo."""
    if isinstance(partner, AllegroMicroservice) and not partner.ledger.count("orders"):
        _sell_by_flag(partner, json.loads(SOLD.read_text()))
    if isinstance(partner, AllegroRest) and not partner.ledger.count("offers"):
        _sell_by_quantity(partner, json.loads(SOLD.read_text()))


def _sell_by_flag(partner: AllegroMicroservice, sold: dict[str, Any]) -> None:
    for order in sold["orders"]:
        lines = [
            line_item(sku or None, quantity, number=number, offer_id=offer, name=name)
            for number, (sku, offer, name, quantity) in enumerate(order["lines"], start=1)
        ]
        at = _at(order).isoformat()
        partner.put_order(order["id"], lineItems=lines, boughtAt=at, updatedAt=at, is_stock_updated=order["end"] == "told")


def _sell_by_quantity(partner: AllegroRest, sold: dict[str, Any]) -> None:
    for offer in sold["offers"]:
        partner.put_offer(offer["id"], SHOWN, sku=offer["sku"], name=offer["name"])
    for order in sold["rest_orders"]:
        partner.put_order(order["id"], [(offer, quantity) for offer, quantity in order["lines"]], bought_at=_at(order))
        if order["end"] == "told":
            partner.set_fulfilment(order["id"], "PROCESSING")


def _at(order: dict[str, Any]) -> datetime:
    return datetime.now(UTC) - timedelta(hours=order["hours_ago"])
