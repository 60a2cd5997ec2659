"""Choosing which goods leave: first expired, first out, and why. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from inventory.enums import BlockedReason, Rotation
from inventory.errors import Shortage

EXPLAINED = 20
# Reasons that do not depend on the time asked for. `expired` does: it is judged afresh for the ship time.
_STANDING = {BlockedReason.HELD: "on hold", BlockedReason.RECALLED: "recalled", BlockedReason.PLACE: "its place is not for picking"}


class Goods(Protocol):
    """What decides whether goods are fit."""

    @property
    def expires_at(self) -> datetime | None: ...

    @property
    def blocked_reason(self) -> str: ...


class Judged(NamedTuple):
    """What of goods in hand decides whether they are fit, as a statement read it."""

    expires_at: datetime | None
    blocked_reason: str


class Candidate(NamedTuple):
    """Free goods of a product somewhere, as the database has them."""

    batch_location_id: int
    warehouse_id: int
    product_id: int
    batch_id: int
    location_id: int
    free: Decimal
    expires_at: datetime | None
    received_at: datetime
    blocked_reason: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What the product says of its own leaving."""

    sku: str
    rotation: str = Rotation.FEFO
    min_remaining_days: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """So much of a product from a warehouse, with more remaining days than the product asks for if the customer wants that."""

    warehouse_id: int
    product_id: int
    quantity: Decimal
    min_remaining_days: int = 0


class Allocation(NamedTuple):
    """A part of a wanted quantity and where it comes from."""

    candidate: Candidate
    quantity: Decimal


@dataclass(slots=True)
class Plan:
    """What leaves from where, what is short, and the reasons, fit to be kept as JSON."""

    allocations: list[Allocation] = field(default_factory=list)
    shortages: list[Shortage] = field(default_factory=list)
    explanation: list[dict[str, Any]] = field(default_factory=list)


def too_short(expires_at: datetime | None, at: datetime, days: int) -> bool:
    """Whether goods that expire then have at the moment `at` expired, or no more than so many days left. What never expires has."""
    return expires_at is not None and expires_at - timedelta(days=days) <= at


def unfit(goods: Goods, ship_at: datetime, min_remaining_days: int) -> str | None:
    """Why these goods may not be promised for a ship time, or None when they are fit.

    The one predicate behind lists, reservations and published figures: the batch is available, its place is active and pickable, and it expires
    later than `ship_at` + `min_remaining_days`, or never.
    """
    standing = _STANDING.get(goods.blocked_reason)  # type: ignore[call-overload]
    if standing:
        return str(standing)
    if too_short(goods.expires_at, ship_at, min_remaining_days):
        return f"expires {goods.expires_at:%Y-%m-%d %H:%M} UTC, too early"
    return None


def leaving_order(candidates: Iterable[Candidate], rotation: str) -> list[Candidate]:
    """By expiry (never last), then by receipt, then by id; a `fifo` product skips the expiry."""
    if rotation == Rotation.FIFO:
        return sorted(candidates, key=lambda c: (c.received_at, c.batch_location_id))
    return sorted(candidates, key=lambda c: (c.expires_at is None, c.expires_at or c.received_at, c.received_at, c.batch_location_id))


def plan(candidates: Iterable[Candidate], wanted: Sequence[Wanted], rules: Mapping[int, Rules], ship_at: datetime) -> Plan:
    """Allocate every wanted line by the order of leaving, or say of every short one how short it is. Lines name each (warehouse, product) once."""
    by_key: dict[tuple[int, int], list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_key[candidate.warehouse_id, candidate.product_id].append(candidate)
    result = Plan()
    for line in wanted:
        _plan_line(result, line, by_key[line.warehouse_id, line.product_id], rules[line.product_id], ship_at)
    return result


def _plan_line(result: Plan, line: Wanted, candidates: list[Candidate], rule: Rules, ship_at: datetime) -> None:
    days = max(line.min_remaining_days, rule.min_remaining_days)
    missing = line.quantity
    taken: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []
    for candidate in leaving_order(candidates, rule.rotation):
        reason = unfit(candidate, ship_at, days)
        if reason is not None:
            skipped.append(
                {"batch_location": candidate.batch_location_id, "batch": candidate.batch_id, "free": str(candidate.free), "reason": reason}
            )
        elif missing > 0:
            quantity = min(missing, candidate.free)
            missing -= quantity
            result.allocations.append(Allocation(candidate, quantity))
            taken.append(
                {
                    "batch_location": candidate.batch_location_id,
                    "batch": candidate.batch_id,
                    "quantity": str(quantity),
                    "expires_at": candidate.expires_at.isoformat() if candidate.expires_at else None,
                }
            )
        else:
            break
    if missing > 0:
        available = line.quantity - missing
        result.shortages.append(Shortage(line.product_id, rule.sku, line.warehouse_id, line.quantity, available, tuple(skipped[:EXPLAINED])))
    result.explanation.append(
        {
            "warehouse": line.warehouse_id,
            "product": line.product_id,
            "asked": str(line.quantity),
            "rule": rule.rotation,
            "min_remaining_days": days,
            "ship_at": ship_at.isoformat(),
            "considered": len(candidates),
            "taken": taken[:EXPLAINED],
            "skipped": skipped[:EXPLAINED],
        }
    )
