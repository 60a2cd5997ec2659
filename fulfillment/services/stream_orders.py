"""Entries of the order system's stream, read and turned into operations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fulfillment.enums import SOURCE_LISTINGS
from fulfillment.models import Order
from fulfillment.services.orders import process_order_cancelled, process_order_confirmed
from warehouse.core.actor import Actor
from warehouse.core.errors import ValidationFailed
from warehouse.core.texts import storable
from warehouse.core.transactions import run_once
from warehouse.outbox.claims import InboxClaim

ACTOR = Actor.system("consume_orders")


def handle_entry(stream: str, entry_id: str, fields: Mapping[str, str]) -> Any:
    """Do what an entry says, once. Raises ValidationFailed for one that can't be read: it will never be better.

    Unknown fields are ignored; numbers may come quoted or not.
    """
    claim = InboxClaim(stream, entry_id)
    kind = fields.get("type", "")
    order_id = _text(fields, "order_id")
    if kind == "order.confirmed":
        return run_once(
            claim,
            process_order_confirmed,
            SOURCE_LISTINGS,
            order_id,
            _items(fields),
            actor=ACTOR,
            storefront_external_id=storable(fields.get("storefront_id", "")).strip(),
            order_number=fields.get("order_number", "").strip(),
            render=_render,
        )
    if kind == "order.cancelled":
        return run_once(claim, process_order_cancelled, SOURCE_LISTINGS, order_id, fields.get("reason", "").strip(), actor=ACTOR, render=_render)
    raise ValidationFailed(f"type: {kind[:40]!r} is neither order.confirmed nor order.cancelled.", errors=[{"field": "type", "code": "unknown"}])


def _render(order: Order) -> dict[str, Any]:
    return {"order": order.pk, "status": order.status}


def _text(fields: Mapping[str, str], name: str) -> str:
    """A field that must be there; quotes around a quoted number are taken off."""
    value = fields.get(name, "").strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1].strip()
    if not value:
        raise ValidationFailed(f"{name} is missing.", errors=[{"field": name, "code": "required"}])
    return value


def _items(fields: Mapping[str, str]) -> list[Any]:
    try:
        items = json.loads(_text(fields, "items"), parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise ValidationFailed(f"items is not JSON: {error}", errors=[{"field": "items", "code": "invalid"}]) from None
    if not isinstance(items, list):
        raise ValidationFailed("items is not a list.", errors=[{"field": "items", "code": "invalid"}])
    return items


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")
