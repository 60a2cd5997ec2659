"""Orders as the microservice tells them, in our words. An order that can't be read has a fault; it stops no other one."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from stocksync.enums import RemoteState
from stocksync.marketplaces.base import RemoteLine, RemoteOrder, state_of
from warehouse.core.partners.errors import ContractBroken
from warehouse.core.partners.reading import Answer, printable, read_moment, read_part, read_quantity, read_text

ID_LENGTH = 80
SKU_LENGTH = 64
NAME_LENGTH = 200
WORD_LENGTH = 40


def read_listed(row: Any) -> RemoteOrder:
    """An order of a list, whatever it looks like. One without an id gets one made of what it says, so that a person can be shown it."""
    try:
        order_id = read_text(_object(row, "an order"), "id", longest=ID_LENGTH)
    except ContractBroken as error:
        said = json.dumps(row, sort_keys=True, default=str).encode()
        return RemoteOrder(f"no-id-{hashlib.sha256(said).hexdigest()[:16]}", fault=str(error))
    return read_order(row, order_id)


def read_order(answer: Answer, order_id: str) -> RemoteOrder:
    """The order with this id; with a `fault` when anything in it can't be used."""
    try:
        return _read(answer, order_id)
    except ContractBroken as error:
        return RemoteOrder(order_id, fault=str(error))


def _read(answer: Answer, order_id: str) -> RemoteOrder:
    status = read_text(answer, "status", longest=WORD_LENGTH)
    state = state_of(status, read_text(read_part(answer, "fulfillment"), "status", longest=WORD_LENGTH, required=False))
    rows = answer.get("lineItems")
    if not isinstance(rows, list):
        raise ContractBroken("lineItems is not a list")
    lines = tuple(_read_line(_object(row, "a line")) for row in rows)
    if len({line.external_id for line in lines}) < len(lines):
        raise ContractBroken("two lines have the same id")
    if not lines and state != RemoteState.CANCELLED:
        raise ContractBroken("lineItems is empty")
    changed_at = read_moment(answer, "updatedAt") or read_moment(answer, "updated_at")
    bought = [moment for row in rows if (moment := read_moment(row, "boughtAt"))]
    return RemoteOrder(
        external_id=order_id,
        revision=read_text(answer, "revision", longest=ID_LENGTH, required=False) or (changed_at.isoformat() if changed_at else ""),
        status=status,
        state=state,
        known=_read_flag(answer),
        ordered_at=read_moment(answer, "boughtAt") or read_moment(answer, "created_at") or min(bought, default=None),
        changed_at=changed_at,
        lines=lines,
    )


def _read_line(row: Answer) -> RemoteLine:
    offer = read_part(row, "offer")
    quantity = read_quantity(row, "quantity")
    return RemoteLine(
        external_id=read_text(row, "id", longest=ID_LENGTH),
        offer_id=read_text(offer, "id", longest=ID_LENGTH, required=False),
        sku=read_text(read_part(offer, "external"), "id", longest=SKU_LENGTH, required=False),
        name=printable(offer.get("name"), NAME_LENGTH),
        quantity=quantity,
    )


def _read_flag(answer: Answer) -> bool | None:
    flag = answer.get("is_stock_updated")
    if flag is not None and not isinstance(flag, bool):
        raise ContractBroken("is_stock_updated is neither true nor false")
    return flag


def _object(value: Any, what: str) -> Answer:
    if not isinstance(value, dict):
        raise ContractBroken(f"{what} is not an object")
    return value
