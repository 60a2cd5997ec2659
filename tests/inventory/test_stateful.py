"""Random days beside a shadow of them (`days`, `shadow`), and defects that they must find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import Phase

from inventory.queries.audits import books_of
from inventory.services import audit_completion, mixing, reservations
from inventory.stock.shelf_life import Clock, Lives
from tests.inventory.days.machine import run

pytestmark = pytest.mark.django_db

Patch = Callable[[pytest.MonkeyPatch], None]


def test_a_few_random_days() -> None:
    run(max_examples=12, stateful_step_count=25, derandomize=True)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_random_days() -> None:
    run(max_examples=500, stateful_step_count=40)


def difference_against_now(patch: pytest.MonkeyPatch) -> None:
    """An audit that compares its counts with what the books say at completion."""
    book = audit_completion.book_counts

    def wrong(audit: Any, lines: Any, *args: Any, **kwargs: Any) -> None:
        books = books_of(line.pk for line in lines)
        for line in lines:
            line.books_quantity = books[line.pk].quantity
        book(audit, lines, *args, **kwargs)

    patch.setattr(audit_completion, "book_counts", wrong)


def end_of(clock: Clock, lives: Lives) -> datetime:
    return clock.effective(lives) or datetime.max.replace(tzinfo=UTC)


def mix_with_the_latest_expiry(patch: pytest.MonkeyPatch) -> None:
    def wrong(parts: Sequence[tuple[Clock, Lives]]) -> tuple[Clock, Lives]:
        return max(parts, key=lambda part: end_of(*part))

    patch.setattr(mixing, "poured", wrong)


def older_clock_dropped(patch: pytest.MonkeyPatch) -> None:
    """A merge that keeps the clock that expires later."""
    merged = Clock.merged

    def wrong(self: Clock, other: Clock, lives: Lives, at: datetime) -> Clock | None:
        right = merged(self, other, lives, at)
        return right if right is None else max(self.charged(lives, at), other.charged(lives, at), key=lambda clock: end_of(clock, lives))

    patch.setattr(Clock, "merged", wrong)


def release_forgets_one_item(patch: pytest.MonkeyPatch) -> None:
    release = reservations.release_held
    patch.setattr(reservations, "release_held", lambda gate, reservation, items, *args: release(gate, reservation, list(items)[:-1], *args))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("defect", [difference_against_now, mix_with_the_latest_expiry, older_clock_dropped, release_forgets_one_item])
def test_they_find_a_defect_put_in_on_purpose(defect: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    defect(monkeypatch)
    with pytest.raises(AssertionError):
        run(max_examples=300, stateful_step_count=40, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)
