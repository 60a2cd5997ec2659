"""What every marketplace can be asked, and what it answers, in our words.

Each call makes as few requests as it can and ends in an answer, a RetryableFailure (CircuitOpen: nothing was sent) or a PermanentFailure of
`warehouse.core.partners.errors`. Nothing is repeated here but what the marketplace itself demands (a request with the newest revision, a fresh token).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from stocksync.enums import CommandStatus, RemoteState


@dataclass(frozen=True, slots=True)
class RemoteLine:
    """A line of an order. `sku` is "" when the seller gave the offer none."""

    external_id: str
    offer_id: str
    sku: str
    name: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class RemoteOrder:
    """An order as the marketplace tells it now. `status` is its own word, `state` what that means for stock; `known` its flag that stock was deducted,
    None where it says nothing of that.

    `revision` changes whenever the order does; `changed_at` never goes back. `fault` says why an order can't be read: then only its id is true.
    """

    external_id: str
    revision: str = ""
    status: str = ""
    state: RemoteState = RemoteState.WAITING
    known: bool | None = None
    ordered_at: datetime | None = None
    changed_at: datetime | None = None
    lines: tuple[RemoteLine, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the orders of a channel were read: the last event of the journal ("" for none), and until when changes were swept."""

    journal: str = ""
    swept_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """Orders that changed, in no certain order, perhaps some twice; where to go on, and whether nothing more was there to read."""

    orders: Sequence[RemoteOrder]
    position: Position
    at_end: bool


@dataclass(frozen=True, slots=True)
class OrderPage:
    """A part of a list; `next` is where the following part begins, None at the end."""

    orders: Sequence[RemoteOrder]
    next: str | None


@dataclass(frozen=True, slots=True)
class CommandState:
    """How a quantity on its way fares. `answer` is what the marketplace said, for the timeline; `error` the reason of a failure."""

    status: CommandStatus
    answer: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a listing shows to buyers: how many, and whether it is on sale at all."""

    quantity: int
    active: bool


class ChannelClient(ABC):
    """Calls about the orders of one account at a marketplace. Not to be shared between threads; close it, or use `with`."""

    @abstractmethod
    def read_changes(self, position: Position) -> Changes:
        """The next orders that are new or changed since the position; whatever a journal may lose is found by a sweep behind it."""

    @abstractmethod
    def list_orders(self, since: datetime, until: datetime, *, page: str | None = None, limit: int = 100) -> OrderPage:
        """All orders that changed there between the two moments, a page of them."""

    @abstractmethod
    def get_order(self, external_id: str) -> RemoteOrder | None:
        """The order as it stands; None when the marketplace does not know it."""

    @abstractmethod
    def set_deducted(self, external_id: str, deducted: bool) -> None:
        """Have the marketplace know that the order's stock is deducted, or is not. Saying the same again changes nothing."""

    @abstractmethod
    def close(self) -> None:
        """Give the connections back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class ListingClient(ChannelClient):
    """A marketplace whose listings can be told how many to show."""

    @abstractmethod
    def push_quantity(self, command_id: UUID, offer_id: str, quantity: int) -> CommandState:
        """Have a listing show the quantity. The id is the idempotency key: the same one again is answered with how the first fares."""

    @abstractmethod
    def command_state(self, command_id: UUID) -> CommandState:
        """How a quantity fares that was pushed."""

    @abstractmethod
    def read_listing(self, offer_id: str) -> Shown:
        """What the listing shows now."""

    @abstractmethod
    def revive_listing(self, command_id: UUID, offer_id: str) -> CommandState:
        """Put a listing on sale again that ended because it showed nothing. The id is the idempotency key."""

    @abstractmethod
    def revival_state(self, command_id: UUID) -> CommandState:
        """How a revival fares that was asked for."""


# A request waits so many seconds at most for its turn.
PATIENCE_SECONDS = 2.0

READY, CANCELLED = "READY_FOR_PROCESSING", "CANCELLED"


def state_of(status: str, fulfilment: str) -> RemoteState:
    """What the two statuses of an order mean for stock.

    Ready is only READY_FOR_PROCESSING: BOUGHT, FILLED_IN and words that nobody knows wait. It is cancelled when the buyer's side (the order) or the seller's
    side (the fulfilment) says so: in both cases nothing is sent. A fulfilment that is RETURNED changes nothing: the goods did go out, and they come back by a
    return of ours, when somebody has seen them.
    """
    if CANCELLED in {status, fulfilment}:
        return RemoteState.CANCELLED
    return RemoteState.READY if status == READY else RemoteState.WAITING
