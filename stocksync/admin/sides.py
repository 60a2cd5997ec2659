"""Both sides of a discrepancy, fact by fact, for the page that shows them next to each other; and what each kind means in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stocksync.admin.base import said
from stocksync.enums import DiscrepancyKind

# The same fact has another name on the other side.
NAMES_HERE = {"sent": "quantity", "wanted_there": "to be known there as deducted", "wanted": "wanted now"}
NAMES_THERE = {"known": "deducted", "shown": "quantity", "seen_at": "read back"}

MEANING: dict[str, str] = {
    DiscrepancyKind.NO_SKU: "A line names no product of ours, so nothing of the order was deducted. Give the offer its SKU at the marketplace, then deduct it.",
    DiscrepancyKind.NO_STOCK: "There was not enough to promise or sell, so nothing of the order was deducted. Once there is, deduct it.",
    DiscrepancyKind.NOT_ACKNOWLEDGED: "Our stock and the marketplace's flag say different things, for too long to mend it unasked. Tell it again, or undo it.",
    DiscrepancyKind.NOT_DEDUCTED: "The marketplace believes that we deducted this order, and our books know nothing of it. Deduct it now, or leave it.",
    DiscrepancyKind.UNKNOWN_THERE: "We deducted an order that the marketplace no longer knows. If nobody waits for the goods, give them back.",
    DiscrepancyKind.UNREADABLE: "What the marketplace sends of this order makes no sense to us, so nothing was done about it.",
    DiscrepancyKind.REFUSED: "The order was changed there, and that could not be followed here: it stands as it was deducted.",
    DiscrepancyKind.GIVEN_UP: "The order is right here, and the marketplace would not hear of it: it may sell what is gone. Tell it again once the cause is mended.",
    DiscrepancyKind.AFTER_SHIPPING: "The goods were on their way, in part at least, when the order was cancelled or changed there. Take back what comes back.",
    DiscrepancyKind.LEVEL: "The listing shows another quantity than it was told. Until that is mended it sells too much, or too little.",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing as both sides have it, in words."""

    name: str
    here: str
    there: str
    differs: bool


def facts(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[Fact]:
    """Both sides, fact by fact, those that differ first. Of quantities by SKU, one that is missing is none."""
    ours = {NAMES_HERE.get(name, name): value for name, value in here.items()}
    theirs = {NAMES_THERE.get(name, name): value for name, value in there.items()}
    by_sku = bool(ours or theirs) and all(_is_number(value) for value in (*ours.values(), *theirs.values())) and "quantity" not in ours
    absent: Any = "0" if by_sku else None
    rows = []
    for name in dict.fromkeys([*ours, *theirs]):
        left, right = ours.get(name, absent), theirs.get(name, absent)
        said_twice = by_sku or (name in ours and name in theirs)
        rows.append(Fact(_label(name, by_sku), said(left), said(right), said_twice and left != right))
    return sorted(rows, key=lambda row: not row.differs)


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and value.replace(".", "", 1).isdigit()


def _label(name: str, by_sku: bool) -> str:
    return name if by_sku else name.replace("_", " ")
