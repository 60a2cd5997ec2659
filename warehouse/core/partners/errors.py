"""What a call to a partner can end in when it does not succeed."""

from __future__ import annotations

# The partner wishes to be asked later.
LATER_STATUSES = frozenset({408, 425, 429})


class PartnerFailure(Exception):
    """A call to a partner did not succeed. `partner` is its name, `detail` says what happened, without tokens."""

    def __init__(self, partner: str, detail: str, *more: object) -> None:
        # Every argument goes to the base class, so that the failure can be pickled between a worker's processes.
        super().__init__(partner, detail, *more)
        self.partner = partner
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.partner}: {self.detail}"


class RetryableFailure(PartnerFailure):
    """The same call may succeed later: no connection, a timeout, 408, 425, 429, 5xx, or an answer that breaks the contract.

    `retry_after` is the partner's wish in seconds, already capped; None when it named none. `ambiguous` says that the partner may
    have done what was asked: such a call may be repeated only when it is idempotent. `status` is None when there was no answer.
    """

    def __init__(self, partner: str, detail: str, retry_after: float | None = None, ambiguous: bool = False, status: int | None = None) -> None:
        super().__init__(partner, detail, retry_after, ambiguous, status)
        self.retry_after = retry_after
        self.ambiguous = ambiguous
        self.status = status


class CircuitOpen(RetryableFailure):
    """The partner was not called, because it did not answer others; `retry_after` says when one may try. It uses up no attempt."""


class PermanentFailure(PartnerFailure):
    """The partner refused: the same call will be refused again, so a person has to look.

    `body` is the beginning of its answer. `status` is None when the call could not even be put together.
    """

    def __init__(self, partner: str, detail: str, status: int | None, body: str = "") -> None:
        super().__init__(partner, detail, status, body)
        self.status = status
        self.body = body


class ContractBroken(ValueError):
    """An answer is not what the contract says; raised while it is read, and turned into a RetryableFailure by `PartnerHttp.call`."""


def is_answer(failure: RetryableFailure | PermanentFailure) -> bool:
    """Whether the partner answered with something that can't be used. No answer, 408, 425, 429, 5xx and an open circuit use up no try."""
    return failure.status is not None and failure.status < 500 and failure.status not in LATER_STATUSES
