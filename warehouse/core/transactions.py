"""Who opens a transaction of the business: an operation, or `run_once`. Nobody else.

Beside the business four more do: the relay for a batch of events, a subscription that moves on, who reads several tables as they stood at one moment
(`whole_tables.snapshot`), and a replay for the lock that keeps another one out.

`op(...)` opens a durable transaction and tries again after a deadlock, a serialisation failure or a lock timeout; `op.inside(...)` joins a transaction
that is open and trusts its caller to have asked for permission. `run_once(claim, op, ...)` makes a call that may arrive twice have its effect once.
"""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Callable, Iterable
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast

import psycopg.errors
from django.db import Error as DatabaseError
from django.db import connection, transaction

from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, ValidationFailed

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 4
# In the words of the requirements, which speak of stock: what is fought over here is nearly always goods.
BUSY = "Stock updated concurrently, please retry."
_RETRYABLE = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, psycopg.errors.LockNotAvailable)


class StartAgain(Exception):
    """Raised inside an operation when what it locked turned out not to be what it needs: roll back and begin anew."""


class Operation(Generic[P, R]):
    """One function that does one thing to the business in one transaction. Made by `@operation`."""

    def __init__(self, function: Callable[P, R], roles: frozenset[Role]) -> None:
        self.function = function
        self.roles = roles
        self.name = function.__name__
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Ask whether the actor may, open the transaction, run; retry what the database asks to retry."""
        self.authorize(kwargs)
        return _in_transaction(lambda: self.function(*args, **kwargs))

    def inside(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run within the caller's open transaction; a failure is the caller's to roll back."""
        require_transaction()
        return self.function(*args, **kwargs)

    def authorize(self, kwargs: dict[str, Any]) -> None:
        """Raise PermissionDenied unless the keyword `actor` may call this operation."""
        self.actor(kwargs).require(self.roles, self.name)

    def allowed(self, actor: Actor) -> bool:
        """Whether a face should offer this operation to the actor."""
        return actor.may(self.roles)

    @staticmethod
    def actor(kwargs: dict[str, Any]) -> Actor:
        return cast(Actor, kwargs["actor"])


def operation(*roles: Role) -> Callable[[Callable[P, R]], Operation[P, R]]:
    """Declare a function of a `services/` module as an operation that these roles (and managers) may call.

    The function takes ids and a keyword `actor`, locks first and judges afterwards.
    """

    def decorate(function: Callable[P, R]) -> Operation[P, R]:
        return Operation(function, frozenset(roles))

    return decorate


class Claim(Protocol):
    """The right to do something once: an idempotency key, or an entry of a stream. Lives in the transaction of the effect."""

    def take(self) -> Any | None:
        """Claim it. Returns the answer that was kept when it was done before, None when it is ours to do; raises Conflict while another does it."""

    def keep(self, answer: Any) -> None:
        """Keep the answer for the next one who asks."""


def run_once(claim: Claim, op: Operation[..., R], /, *args: Any, render: Callable[[R], Any], **kwargs: Any) -> Any:
    """Do `op` for this claim exactly once: claim, effect and rendered answer commit together; a repetition gets the kept answer.

    `render` turns the result into what is kept and returned (it runs inside the transaction). A failure keeps nothing, so it may be tried again.
    """
    op.authorize(kwargs)

    def work() -> Any:
        answer = claim.take()
        if answer is None:
            answer = render(op.inside(*args, **kwargs))
            claim.keep(answer)
        return answer

    return _in_transaction(work)


def require_transaction() -> None:
    """Raise unless a transaction is open: the engine never opens one."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("This needs an open transaction: call it from an operation.")


def _in_transaction(work: Callable[[], R]) -> R:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic(durable=True):
                return work()
        except StartAgain:
            if attempt == ATTEMPTS:
                logger.exception("rolled back for good: what was locked was never what was needed", extra={"attempts": attempt})
                raise Conflict(BUSY) from None
        except DatabaseError as error:
            if isinstance(error.__cause__, psycopg.errors.NumericValueOutOfRange):
                raise ValidationFailed("A number would become larger than the books can hold. Look at what was given.") from error
            if not _worth_another_try(error):
                raise
            if attempt == ATTEMPTS:
                logger.exception("rolled back for good", extra={"attempts": attempt})
                raise Conflict(BUSY) from error
        # Full jitter, short: the other side needs only to commit.
        time.sleep(random.uniform(0, 0.02 * 2**attempt))
    raise AssertionError("unreachable")


# Two that begin the same thing at once: the second one finds the first one's row when it starts again.
RACES: set[str] = {"pg_class_relname_nsp_index", "pg_type_typname_nsp_index"}


def lost_race_on(constraints: Iterable[str]) -> None:
    """Name unique constraints whose violation means `somebody was a moment faster`: the opener starts the operation again."""
    RACES.update(constraints)


def _worth_another_try(error: DatabaseError) -> bool:
    cause = error.__cause__
    if isinstance(cause, _RETRYABLE):
        return True
    return isinstance(cause, psycopg.errors.UniqueViolation) and cause.diag.constraint_name in RACES
